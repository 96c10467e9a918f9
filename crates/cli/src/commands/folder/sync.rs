//! Brings the folder up to date and tells how far it is: a bar at a terminal, lines elsewhere.

use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use crate::patience::told_unless;
use crate::time::{local_time, rfc3339};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::sync::{Cancel, Progress, Replaced, SyncOptions, SyncReport};
use medfolder_record::MemberId;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

/// Records that are added to the search index in one transaction.
pub(super) const INDEX_BATCH: usize = 200;

/// `medfolder folder sync`
pub(crate) async fn run(
    folder: &Folder<'_>,
    clock: &Clock,
    cancel: &Cancel,
    output: Output,
) -> Result<(), CliError> {
    let shown = Shown::new(output);
    let progress = |progress: Progress| shown.show(progress);
    let is_seen = || shown.seen.load(Ordering::Relaxed);
    let report = told_unless(output, is_seen, whole(folder, clock, &progress, cancel)).await;
    shown.bar.finish_and_clear();
    let report = report?;
    let linked = !folder.cards()?.is_empty();
    let name = |member: &MemberId| folder.member_name(member);
    output.line(&line(&report, name), || match linked {
        true => told(&report, name, output),
        false => output
            .say(
                "还没有绑定医院。请用 folder link 绑定健康卡。",
                "No hospital is linked yet: link a card with `folder link`.",
            )
            .to_owned(),
    });
    // The line names each record that does not pass a check; so does the exit code.
    match report.failed.is_empty() {
        true => Ok(()),
        false => Err(CliError::told()),
    }
}

/// Syncs, then indexes what is new. Everything is here when it is stopped while it indexes: the
/// next search goes on with that.
pub(crate) async fn whole(
    folder: &Folder<'_>,
    clock: &Clock,
    progress: &(dyn Fn(Progress) + Sync),
    cancel: &Cancel,
) -> Result<SyncReport, CliError> {
    let options = SyncOptions {
        clock: clock.clone(),
        progress,
        cancel: cancel.clone(),
    };
    let report = folder.sync(&options).await?;
    let go_on = |_| options.cancel.check().is_ok();
    tokio::task::block_in_place(|| folder.index(INDEX_BATCH, go_on))?;
    Ok(report)
}

/// The result line of the contract.
fn line(report: &SyncReport, name: impl Fn(&MemberId) -> String) -> serde_json::Value {
    let replaced: Vec<_> = report
        .replaced
        .iter()
        .map(|one| {
            let since = rfc3339(one.since);
            json!({"card": one.card, "hospital": name(&one.member), "since": since})
        })
        .collect();
    let failed: Vec<_> = report
        .failed
        .iter()
        .map(|failure| json!({ "record": failure.record, "check": failure.check }))
        .collect();
    json!({
        "new": report.new, "verified": report.verified, "failed": failed,
        "reported": report.reported, "ended": report.ended, "complete": report.complete,
        "replaced": replaced, "up_to_date": report.complete && report.replaced.is_empty(),
    })
}

fn told(report: &SyncReport, name: impl Fn(&MemberId) -> String, output: Output) -> String {
    let SyncReport { new, verified, .. } = report;
    let failed = report.failed.len();
    let mut parts = vec![match output.lang {
        Lang::Zh if new + verified + failed == 0 => "没有新的病历。".to_owned(),
        Lang::En if new + verified + failed == 0 => "Nothing new.".to_owned(),
        Lang::Zh => format!("新增 {new} 份，已验证 {verified} 份，未通过 {failed} 份。"),
        Lang::En => format!("{new} new, {verified} verified, {failed} failed."),
    }];
    parts.push(
        match (report.complete, report.replaced.is_empty()) {
            (true, true) => output.say("名单完整。", "The list is complete."),
            (true, false) => output.say("除下列情形外名单完整。", "The list is complete, but:"),
            (false, _) => output.say("名单不完整！", "The list is not complete!"),
        }
        .to_owned(),
    );
    let counted = [
        (
            report.reported,
            "份病历在医院缺失或被改动，已报告联盟账本。",
            "lost or changed at the hospital: reported to the ledger.",
        ),
        (
            report.ended,
            "个先前没能结束的分享现已结束。",
            "shares that could not be ended before are ended now.",
        ),
    ];
    let counted = counted.into_iter().filter(|(count, ..)| *count > 0);
    parts.extend(counted.map(|(count, zh, en)| format!("{count} {}", output.say(zh, en))));
    let failures = report.failed.iter().map(|failure| {
        let (sentence, hint) = CliError::new(&failure.check, "").sentences(output.lang);
        let id = failure.record.to_string();
        let id = id.get(..12).unwrap_or(&id);
        format!("\n✗ {id}  {sentence} [{}]\n  {hint}", failure.check)
    });
    let replaced = report.replaced.iter();
    let replaced = replaced.map(|one| replaced_row(one, &name(&one.member), output));
    parts.join(output.say("", " ")) + &failures.collect::<String>() + &replaced.collect::<String>()
}

fn replaced_row(one: &Replaced, hospital: &str, output: Output) -> String {
    let since = local_time(one.since);
    match output.lang {
        Lang::Zh => format!(
            "\n⚠ {hospital}：这张健康卡已于 {since} 被另一张卡取代（在另一台设备或另一个病历夹里绑定）。名单只完整到那时，\
             之后的病历不会到这里。\n  不是您本人办的，请立即联系医院；要让病历再到这台设备，请到前台重新绑定。"
        ),
        Lang::En => format!(
            "\n⚠ {hospital}: this card was replaced on {since} by one linked on another device or in another folder. \
             The list is complete up to then only; new visits go to the other card.\n  If that was not you, tell the hospital \
             at once; to have records here again, link again at its front desk."
        ),
    }
}

/// How far it is, on standard error: a bar, or lines where no terminal draws one.
struct Shown {
    bar: ProgressBar,
    output: Output,
    seen: AtomicBool,
}

impl Shown {
    fn new(output: Output) -> Self {
        let bar = ProgressBar::new(0);
        if output.is_quiet() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}");
        style.into_iter().for_each(|style| bar.set_style(style));
        Self {
            bar,
            output,
            seen: AtomicBool::new(false),
        }
    }

    fn show(&self, progress: Progress) {
        self.seen.store(true, Ordering::Relaxed);
        let (what, done, of) = match progress {
            Progress::Cards(done, of) => (self.output.say("健康卡", "cards"), done, of),
            Progress::Records(done, of) => (self.output.say("病历", "records"), done, of),
            Progress::Attachments(done, of) => (self.output.say("附件", "attachments"), done, of),
        };
        if self.bar.is_hidden() && is_a_tenth(done, of) {
            self.output.progress(&format!("{what} {done}/{of}"));
        }
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(what.to_owned());
    }
}

/// Whether another tenth is done, or more came at once: ten lines tell of ten thousand files.
const fn is_a_tenth(done: usize, of: usize) -> bool {
    done == of || of < 10 || done.is_multiple_of(of / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_folder::sync::Failure;
    use medfolder_record::RecordId;

    #[test]
    fn a_record_that_fails_a_check_is_named_with_what_to_do() {
        let output = Output::early(&["--lang=zh".into()]);
        let mut report = SyncReport {
            complete: true,
            ..SyncReport::default()
        };
        assert_eq!(
            told(&report, |_| String::new(), output),
            "没有新的病历。名单完整。"
        );
        report.failed.push(Failure {
            record: "ab".repeat(32).parse::<RecordId>().unwrap(),
            check: "record.leaf".to_owned(),
        });
        let text = told(&report, |_| String::new(), output);
        let second = text.lines().nth(1).unwrap_or_default();
        assert_eq!(
            second,
            "✗ abababababab  医院的签章与这份病历不符。 [record.leaf]"
        );
        assert!(
            text.ends_with("请联系出具病历的医院，请其重新送达。"),
            "{text}"
        );
    }
}
