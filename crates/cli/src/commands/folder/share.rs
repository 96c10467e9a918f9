//! Shares: make, end, shorten, extend.

use super::shares::called;
use super::{list, show};
use crate::args::{self, Lang};
use crate::error::CliError;
use crate::output::Output;
use crate::qr;
use crate::time::{local_time, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::LedgerError;
use medfolder_folder::Folder;
use medfolder_folder::FolderError;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, EndedBy, Made, ShareInfo, ShareOptions, Standing};
use medfolder_record::{GrantId, RecordId};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long ending a share may take before something is said, and before the command gives up.
const SOON: Duration = Duration::from_secs(1);
const REVOKE_WITHIN: Duration = Duration::from_secs(10);

/// `medfolder folder share`
pub(crate) async fn share(
    folder: &Folder<'_>,
    words: &args::Share,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let options = ShareOptions {
        records: records(folder, words)?,
        code: code(words),
        duration: words.duration,
        openings: words.openings,
        label: words.label.clone(),
    };
    tell_superseded(folder, &options.records, output)?;
    tell_left_out(folder, words, options.records.len(), output)?;
    // A share whose link and passcode nobody saw would be worse than none.
    let picture = match words.qr.as_deref() {
        Some(path) => Some((path, show::create(path)?)),
        None => None,
    };
    let made = folder.share(&options, clock).await.inspect_err(|_| {
        if let Some((path, _)) = &picture {
            let _ = std::fs::remove_file(path);
        }
    })?;
    let mut line = line(&made);
    line["records"] = json!(options.records.len());
    line["qr"] = json!(words.qr);
    output.line(&line, || {
        told(&made, options.records.len(), words.qr.as_deref(), output)
    });
    match picture {
        Some((_, file)) => qr::write(file, &made.link),
        None => Ok(()),
    }
}

/// Who lends what was corrected since should know it.
fn tell_superseded(
    folder: &Folder<'_>,
    records: &[RecordId],
    output: Output,
) -> Result<(), CliError> {
    for record in records {
        let listed = folder.named(&record.to_string())?;
        if listed.superseded {
            let told = output.say(
                "注意：这份病历不是现行版本",
                "Note: this record is not the version in force",
            );
            output.progress(&format!(
                "{told}  {}",
                list::row(folder, &listed, 0, output)
            ));
        }
    }
    Ok(())
}

/// What stands for all records or a whole visit are the versions in force.
fn tell_left_out(
    folder: &Folder<'_>,
    words: &args::Share,
    shared: usize,
    output: Output,
) -> Result<(), CliError> {
    let visit = words.visit.as_deref();
    let visit = visit.map(|name| folder.visit_named(name)).transpose()?;
    if !words.all && visit.is_none() {
        return Ok(());
    }
    let every = folder.list(&Filter {
        visit,
        all_versions: true,
        ..Filter::default()
    })?;
    let left = every.records.len().saturating_sub(shared);
    if left > 0 {
        output.progress(&match output.lang {
            Lang::Zh => format!(
                "另有 {left} 份已被医院更正或撤回的旧版没有分享；要分享旧版，请用 --records 指明。"
            ),
            Lang::En => format!(
                "Versions that the hospital corrected or withdrew are left out ({left}); name one with --records to share it."
            ),
        });
    }
    Ok(())
}

fn records(folder: &Folder<'_>, words: &args::Share) -> Result<Vec<RecordId>, CliError> {
    let visit = words.visit.as_deref();
    let visit = visit.map(|name| folder.visit_named(name)).transpose()?;
    if words.all || visit.is_some() {
        let page = folder.list(&Filter {
            visit,
            ..Filter::default()
        })?;
        return Ok(page
            .records
            .into_iter()
            .map(|listed| listed.record)
            .collect());
    }
    let mut named = Vec::new();
    for name in &words.records {
        // Of several it must be said which.
        let named_wrong = |error: FolderError| CliError {
            detail: name.trim().to_owned(),
            ..error.into()
        };
        let opened = folder.open_record(name.trim()).map_err(named_wrong)?;
        let record = opened.listed.record;
        if !named.contains(&record) {
            named.push(record);
        }
    }
    Ok(named)
}

fn code(words: &args::Share) -> Code {
    match &words.passcode {
        Some(passcode) => Code::Passcode(Zeroizing::new(passcode.clone())),
        None if words.no_code => Code::None,
        None => Code::Drawn,
    }
}

/// The result line of the contract. `page` is a viewer's address with the link behind `#`; no edge
/// serves one yet.
pub(crate) fn line(made: &Made) -> Value {
    json!({
        "share": made.grant, "number": made.number, "link": made.link.as_str(), "page": Value::Null,
        "expires": rfc3339(made.ends),
        "passcode": made.passcode.as_ref().map(|passcode| passcode.as_str()),
    })
}

fn told(made: &Made, records: usize, qr: Option<&Path>, output: Output) -> String {
    let mut lines = vec![
        made.link.to_string(),
        format!(
            "{} {}  {}",
            output.say("分享", "Share"),
            reference(made.number, &made.grant),
            count(records, output)
        ),
    ];
    if let Some(qr) = qr {
        let text = output.say("二维码：", "QR code: ");
        lines.push(format!("{text}{}", qr.display()));
    }
    lines.push(match &made.passcode {
        Some(passcode) => {
            let text = output.say("口令：", "Passcode: ");
            format!("{text}{}", passcode.as_str())
        }
        None => output
            .say(
                "没有口令：拿到链接的人都能看。",
                "No passcode: whoever has the link reads.",
            )
            .to_owned(),
    });
    lines.push(until(made.ends, output));
    lines.push(how_to_open(made, output));
    let end = output.say("要提前结束：", "To end it earlier: ");
    lines.push(format!(
        "{end}medfolder folder revoke {}",
        short(&made.grant)
    ));
    lines.join("\n")
}

/// A share's number, by which people tell it from others, and as much of its id as they copy.
pub(super) fn reference(number: i64, grant: &GrantId) -> String {
    format!("#{number} {}", short(grant))
}

fn short(grant: &GrantId) -> String {
    grant.to_string().chars().take(12).collect()
}

/// Which share it is: its number and what it is called.
pub(super) fn named(folder: &Folder<'_>, share: &ShareInfo, output: Output) -> String {
    let label = called(folder, share, output);
    match output.lang {
        Lang::Zh => format!("分享 #{}“{label}”", share.number()),
        Lang::En => format!("Share #{} “{label}”", share.number()),
    }
}

/// What to do now, and what the reader does.
fn how_to_open(made: &Made, output: Output) -> String {
    let ends = local_time(made.ends);
    match (output.lang, &made.passcode) {
        (Lang::Zh, Some(_)) => format!(
            "把链接发给对方，口令另外告诉（例如打电话），不要写在同一条消息里。\n\
             对方这样打开：medfolder open '链接' --passcode 口令（{ends} 前有效）"
        ),
        (Lang::Zh, None) => format!(
            "把链接发给对方，不要发给别人。\n对方这样打开：medfolder open '链接'（{ends} 前有效）"
        ),
        (Lang::En, Some(_)) => format!(
            "Send the link, and tell the passcode separately, by phone for example, never in the same message.\n\
             It opens with: medfolder open 'LINK' --passcode PASSCODE (until {ends})"
        ),
        (Lang::En, None) => format!(
            "Send the link to nobody but its reader.\nIt opens with: medfolder open 'LINK' (until {ends})"
        ),
    }
}

fn until(ends: u64, output: Output) -> String {
    format!("{}{}", output.say("有效至：", "Ends: "), local_time(ends))
}

pub(super) fn count(records: usize, output: Output) -> String {
    match (output.lang, records) {
        (Lang::Zh, _) => format!("{records} 份病历"),
        (Lang::En, 1) => "1 record".to_owned(),
        (Lang::En, _) => format!("{records} records"),
    }
}

/// `medfolder folder revoke SHARE`
pub(crate) async fn revoke(
    folder: &Folder<'_>,
    share: &str,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let share = folder.find_share(share, clock.now())?;
    let host = folder.member_name(&share.host);
    let over = matches!(share.standing, Standing::Revoked | Standing::Expired);
    let ending = tokio::time::timeout(REVOKE_WITHIN, folder.revoke_share(&share, clock));
    tokio::pin!(ending);
    let by = match tokio::time::timeout(SOON, &mut ending).await {
        Ok(ended) => ended,
        Err(_) => {
            output.progress(&waiting(&host, output));
            ending.await
        }
    };
    let by = match by.unwrap_or(Err(LedgerError::Unresolved.into())) {
        Err(FolderError::Ledger(LedgerError::Unresolved)) => return Err(not_ended(&share, output)),
        by => by?,
    };
    let line = json!({
        "number": share.number(), "share": share.grant, "label": share.label,
        "state": Standing::Revoked, "by": word(by), "expires": rfc3339(share.ends),
    });
    output.line(&line, || {
        let told = match over {
            true => output.say("早已结束。", "It was over before.").to_owned(),
            false => ended(by, &host, output),
        };
        let lent = count(share.records.len(), output);
        let (named, until) = (named(folder, &share, output), local_time(share.ends));
        match output.lang {
            Lang::Zh => format!("{named}（{lent}，原定 {until} 到期）：{told}"),
            Lang::En => format!("{named} ({lent}, meant to last until {until}): {told}"),
        }
    });
    Ok(())
}

fn waiting(host: &str, output: Output) -> String {
    let most = REVOKE_WITHIN.as_secs();
    match output.lang {
        Lang::Zh => format!(
            "正在等{host}和账本确认，最多 {most} 秒 …（按 Ctrl-C 停止等待，下次同步会接着办）"
        ),
        Lang::En => format!(
            "Waiting for {host} and the ledger to take it, {most} seconds at most … \
             (Ctrl-C stops waiting; the next sync goes on)"
        ),
    }
}

/// The ledger did not take it in time.
fn not_ended(share: &ShareInfo, output: Output) -> CliError {
    let until = local_time(share.ends);
    if share.standing == Standing::Preparing {
        return CliError::new("share.not_dropped", "");
    }
    CliError::new(
        "share.not_ended",
        match output.lang {
            Lang::Zh => format!("最迟 {until} 自动到期"),
            Lang::En => format!("it ends by itself at {until}"),
        },
    )
}

const fn word(by: EndedBy) -> Option<&'static str> {
    match by {
        EndedBy::Host => Some("host"),
        EndedBy::Ledger => Some("ledger"),
        EndedBy::Nobody => None,
    }
}

fn ended(by: EndedBy, host: &str, output: Output) -> String {
    let kept = output.say(
        "已经看过的人可能留有副本；用 folder access-log 可以看到谁看过什么。",
        "Whoever opened it before may have kept it: `folder access-log` tells who saw what.",
    );
    match (by, output.lang) {
        (EndedBy::Nobody, _) => output
            .say("未完成的分享已移除。", "The unfinished share is gone.")
            .to_owned(),
        (EndedBy::Host, Lang::Zh) => format!("已结束，链接现在打不开了。{kept}"),
        (EndedBy::Host, Lang::En) => format!("Ended: the link opens no more. {kept}"),
        (EndedBy::Ledger, Lang::Zh) => {
            format!("已在账本上结束。{host}还没有确认，它一读到账本就不再提供。{kept}")
        }
        (EndedBy::Ledger, Lang::En) => format!(
            "Ended on the ledger. {host} has not confirmed it; as soon as it reads the ledger, the \
             link opens no more. {kept}"
        ),
    }
}

/// `medfolder folder shorten SHARE --for T`
pub(crate) async fn shorten(
    folder: &Folder<'_>,
    share: &str,
    duration: u64,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let share = folder.find_share(share, clock.now())?;
    let ends = folder.shorten_share(&share, duration, clock).await?;
    moved(folder, &share, ends, output);
    Ok(())
}

/// `medfolder folder extend SHARE --for T`
pub(crate) async fn extend(
    folder: &Folder<'_>,
    share: &str,
    duration: u64,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let share = folder.find_share(share, clock.now())?;
    let ends = folder.extend_share(&share, duration, clock).await?;
    moved(folder, &share, ends, output);
    Ok(())
}

fn moved(folder: &Folder<'_>, share: &ShareInfo, ends: u64, output: Output) {
    let line = json!({
        "number": share.number(), "share": share.grant, "label": share.label,
        "state": share.standing, "expires": rfc3339(ends), "before": rfc3339(share.ends),
    });
    output.line(&line, || {
        let named = named(folder, share, output);
        let (now, before) = (local_time(ends), local_time(share.ends));
        match output.lang {
            Lang::Zh => format!("{named}：有效至 {now}（原为 {before}）"),
            Lang::En => format!("{named}: it ends {now} (before: {before})"),
        }
    });
}
