//! Who looked: every access that hospitals reported.

use super::share::called;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{local_time, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::share::LoggedAccess;
use medfolder_ledger::body::AccessOutcome;
use serde_json::{Value, json};

/// `medfolder folder access-log`
pub(crate) async fn log(
    folder: &Folder<'_>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let log = folder.access_log(clock).await?;
    if log.accesses.is_empty() {
        output.nothing("还没有人看过。", "Nobody has looked yet.");
    }
    let shares = folder.shares(clock.now())?;
    for access in &log.accesses {
        let share = shares.iter().find(|share| share.grant == access.grant);
        let label = share
            .map(|share| called(folder, share, output))
            .unwrap_or_default();
        let mut line = access_line(access);
        line["label"] = json!(share.map(|share| &share.label));
        output.line(&line, || {
            let row = access_row(folder, access, output);
            format!("{row}\n      {}{label}", output.say("分享：", "Share: "))
        });
    }
    output.line(&json!({ "complete": log.complete }), || {
        match log.complete {
            true => output.say(
                "以上最早的在前，时间按本机时区。账本证明：医院上报的调阅没有遗漏。",
                "Oldest first, in this machine’s time. The ledger proves that this is every access that hospitals reported.",
            ),
            false => output.say("记录不完整！", "This list is not complete!"),
        }
        .to_owned()
    });
    Ok(())
}

/// An access as the contract prints it; `who` is what the reader called herself.
pub(crate) fn access_line(access: &LoggedAccess) -> Value {
    let mut line = json!({
        "time": rfc3339(access.time), "who": access.recipient, "what": access.records,
        "outcome": access.outcome, "position": access.position, "share": access.grant,
        "class": access.class,
    });
    if access.provisional {
        line["provisional"] = true.into();
    }
    line
}

fn access_row(folder: &Folder<'_>, access: &LoggedAccess, output: Output) -> String {
    let who = access.recipient.as_deref().unwrap_or("?");
    let titles = access.records.iter().filter_map(|record| {
        let shown = folder.open_record(&record.to_string()).ok()?;
        Some(format!("\n      {}", shown.listed.title))
    });
    format!(
        "{}  {}“{who}”  {}{}",
        local_time(access.time),
        output.say("自称", "as "),
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

fn outcome(outcome: AccessOutcome, output: Output) -> &'static str {
    match outcome {
        AccessOutcome::Opened => output.say("已打开", "opened it"),
        AccessOutcome::Ended => output.say("结束时共收到：", "had received at the end:"),
        AccessOutcome::WrongCode => output.say("口令错误", "wrong passcode"),
        AccessOutcome::Refused => output.say("被拒绝", "was refused"),
        AccessOutcome::Locked => output.say("口令错误过多，已锁定", "locked after wrong passcodes"),
    }
}
