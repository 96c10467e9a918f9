//! Who looked: every access that hospitals reported.

use super::share::named;
use crate::args::Lang;
use crate::commands::open::UNNAMED;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{local_time, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::share::{AccessLog, LoggedAccess, ShareInfo};
use medfolder_ledger::body::AccessOutcome;
use serde_json::{Value, json};

/// `medfolder folder access-log`
pub(crate) async fn log(
    folder: &Folder<'_>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let log = folder.access_log(clock).await?;
    if log.accesses.is_empty() && log.untold.is_empty() {
        output.nothing("还没有人看过。", "Nobody has looked yet.");
    }
    let shares = folder.shares(clock.now())?;
    for access in &log.accesses {
        let share = shares.iter().find(|share| share.grant == access.grant);
        let mut line = access_line(access);
        line["label"] = json!(share.map(|share| &share.label));
        line["number"] = json!(share.map(ShareInfo::number));
        output.line(&line, || {
            let row = access_row(folder, access, output);
            let share = share.map(|share| named(folder, share, output));
            format!("{row}\n      {}", share.unwrap_or_default())
        });
    }
    for untold in &log.untold {
        let line = json!({ "share": untold.share, "state": "failed", "check": untold.code });
        let share = shares.iter().find(|share| share.grant == untold.share);
        let share = share.map(|share| named(folder, share, output));
        let (share, code) = (share.unwrap_or_default(), &untold.code);
        output.line(&line, || match output.lang {
            Lang::Zh => format!("⚠ {share}：这个分享的调阅记录没有取到 [{code}]"),
            Lang::En => format!("⚠ {share}: its accesses could not be had [{code}]"),
        });
    }
    let line = json!({ "complete": log.complete, "as_of": log.as_of.map(rfc3339) });
    output.line(&line, || footer(&log, output));
    Ok(())
}

/// What the list is worth, and what one line may stand for.
fn footer(log: &AccessLog, output: Output) -> String {
    let counted = output.say(
        "分享结束或锁定之后的尝试，每十分钟只记一行，不论试了多少次。",
        "Tries at a share that is over or locked are one line per ten minutes, however many there were.",
    );
    let told = match (log.as_of, log.complete) {
        (Some(at), _) => {
            let at = local_time(at);
            match output.lang {
                Lang::Zh => format!(
                    "⚠ 账本现在联系不上：这是 {at} 取到的记录，当时经账本证明没有遗漏；之后的调阅不在其中。"
                ),
                Lang::En => format!(
                    "⚠ The ledger does not answer now: this is the list of {at}, proven whole as of then; later accesses are not in it."
                ),
            }
        }
        (None, true) => output
            .say(
                "以上最早的在前，时间按本机时区。账本证明：医院上报的调阅没有遗漏。",
                "Oldest first, in this machine’s time. The ledger proves that this is every access that hospitals reported.",
            )
            .to_owned(),
        (None, false) => output
            .say("记录不完整！", "This list is not complete!")
            .to_owned(),
    };
    let refused = |access: &LoggedAccess| access.outcome == AccessOutcome::Refused;
    match log.accesses.iter().any(refused) {
        true => format!("{told}\n{counted}"),
        false => told,
    }
}

/// An access as the contract prints it; `who` is what the reader called herself.
pub(crate) fn access_line(access: &LoggedAccess) -> Value {
    let mut line = json!({
        "time": rfc3339(access.time), "who": access.recipient, "what": access.records,
        "outcome": access.outcome, "position": access.position, "share": access.grant,
        "class": access.class, "opening": access.opening,
    });
    if access.provisional {
        line["provisional"] = true.into();
    }
    line
}

fn access_row(folder: &Folder<'_>, access: &LoggedAccess, output: Output) -> String {
    let titles = access.records.iter().filter_map(|record| {
        let shown = folder.open_record(&record.to_string()).ok()?;
        Some(format!("\n      {}", shown.listed.title))
    });
    let opening = access
        .opening
        .map_or_else(String::new, |number| match output.lang {
            Lang::Zh => format!("第 {number} 次打开："),
            Lang::En => format!("opening {number}: "),
        });
    format!(
        "{}  {}  {opening}{}{}",
        local_time(access.time),
        who(access.recipient.as_deref(), output),
        match access.provisional {
            true => output.say(
                "已打开；据医院所说，到目前为止看过：",
                "opened it; so far, as the hospital says:"
            ),
            false => outcome(access.outcome, output),
        },
        titles.collect::<String>(),
    )
}

/// What the reader called herself. Who gave no name sent a word of her program's.
fn who(name: Option<&str>, output: Output) -> String {
    match name {
        Some(UNNAMED | "未具名") => output.say("没有写名字", "gave no name").to_owned(),
        Some(name) => format!("{}“{name}”", output.say("自称", "as ")),
        None => output
            .say(
                "名字要问医院，它现在没有回答",
                "name not known: its hospital does not answer",
            )
            .to_owned(),
    }
}

fn outcome(outcome: AccessOutcome, output: Output) -> &'static str {
    match outcome {
        AccessOutcome::Opened => output.say("已打开", "opened it"),
        AccessOutcome::Ended => output.say("结束时共收到：", "had received at the end:"),
        AccessOutcome::WrongCode => output.say("口令错误", "wrong passcode"),
        AccessOutcome::Refused => output.say(
            "被拒绝（分享已结束或已锁定）",
            "was refused: the share was over or locked",
        ),
        AccessOutcome::Locked => output.say("口令错误过多，已锁定", "locked after wrong passcodes"),
    }
}
