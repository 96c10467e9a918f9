//! Shares: make, list, end, shorten, extend; and who looked.

use crate::args;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{local_time, rfc3339};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, LoggedAccess, Made, ShareInfo, ShareOptions, Standing};
use medfolder_ledger::body::AccessOutcome;
use medfolder_record::RecordId;
use serde_json::{Value, json};
use std::path::Path;
use zeroize::Zeroizing;

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
    let made = folder.share(&options, clock).await?;
    if let Some(path) = &words.qr {
        write_qr(path, &made.link)?;
    }
    output.line(&line(&made), || told(&made, output));
    Ok(())
}

fn records(folder: &Folder<'_>, words: &args::Share) -> Result<Vec<RecordId>, CliError> {
    let visit = words.visit.as_deref().map(str::parse).transpose();
    let visit = visit.map_err(|_| CliError::new("share.visit", "not a visit's id"))?;
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
    let named = words
        .records
        .iter()
        .map(|name| folder.open_record(name.trim()));
    named.map(|shown| Ok(shown?.listed.record)).collect()
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
        "share": made.grant, "link": made.link.as_str(), "page": Value::Null,
        "expires": rfc3339(made.ends),
        "passcode": made.passcode.as_ref().map(|passcode| passcode.as_str()),
    })
}

fn told(made: &Made, output: Output) -> String {
    let mut lines = vec![made.link.to_string()];
    if let Some(passcode) = &made.passcode {
        let text = output.say(
            "口令（请另行告知，例如电话）",
            "Passcode (tell it another way, by voice)",
        );
        lines.push(format!("{text}: {}", passcode.as_str()));
    }
    lines.push(format!(
        "{}: {}",
        output.say("有效至", "Ends"),
        local_time(made.ends)
    ));
    lines.join("\n")
}

fn write_qr(path: &Path, link: &str) -> Result<(), CliError> {
    let code = qrcode::QrCode::with_error_correction_level(link, qrcode::EcLevel::M)
        .map_err(|error| CliError::new("link.qr_too_long", error))?;
    let svg = code
        .render::<qrcode::render::svg::Color<'_>>()
        .min_dimensions(320, 320)
        .build();
    std::fs::write(path, svg).map_err(|error| CliError::new("file.write", error))
}

/// `medfolder folder shares`
pub(crate) async fn list(
    folder: &Folder<'_>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    for share in folder.shares(clock.now())? {
        let host = match share.standing {
            Standing::Active => folder.share_state(&share, clock).await.ok(),
            _ => None,
        };
        let mut line = info(folder, &share);
        if let Some(host) = &host {
            line["state"] = json!(host.state);
            line["opened"] = json!(host.opened);
            line["tries_left"] = json!(host.tries_left);
        }
        output.line(&line, || row(&line, share.ends, output));
    }
    Ok(())
}

fn info(folder: &Folder<'_>, share: &ShareInfo) -> Value {
    json!({
        "share": share.grant, "label": share.label, "state": share.standing,
        "host": folder.member_name(&share.host), "created": rfc3339(share.created),
        "expires": rfc3339(share.ends), "openings": share.openings, "records": share.records,
        "link": share.link.as_str(),
    })
}

fn row(line: &Value, ends: u64, output: Output) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let id = text("share");
    format!(
        "{}  {}  {}  {}  {}",
        id.get(..12).unwrap_or(&id),
        state(&text("state"), output),
        local_time(ends),
        text("host"),
        text("label"),
    )
}

/// A share's state for a person; a word of a newer host as it is.
fn state(word: &str, output: Output) -> &str {
    match word {
        "preparing" => output.say("未完成", "unfinished"),
        "live" => output.say("有效", "live"),
        "expired" => output.say("已到期", "expired"),
        "revoked" => output.say("已结束", "ended"),
        "used_up" => output.say("次数已用完", "used up"),
        "locked" => output.say("口令错误过多，已锁定", "locked"),
        other => other,
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
    folder.revoke_share(&share, clock).await?;
    let line = json!({ "share": share.grant, "state": Standing::Revoked });
    output.line(&line, || {
        let text = "已结束。已经看过的人可能留有副本；调阅记录会告诉您谁看过什么。";
        output
            .say(
                text,
                "Ended. Whoever opened it before may have kept it: see access-log.",
            )
            .to_owned()
    });
    Ok(())
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
    moved(&share, ends, output);
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
    moved(&share, ends, output);
    Ok(())
}

fn moved(share: &ShareInfo, ends: u64, output: Output) {
    let line = json!({ "share": share.grant, "state": share.standing, "expires": rfc3339(ends) });
    output.line(&line, || {
        format!("{}: {}", output.say("有效至", "Ends"), local_time(ends))
    });
}

/// `medfolder folder access-log`
pub(crate) async fn access_log(
    folder: &Folder<'_>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let log = folder.access_log(clock).await?;
    for access in &log.accesses {
        let line = access_line(access);
        output.line(&line, || access_row(folder, access, output));
    }
    output.line(&json!({ "complete": log.complete }), || {
        match log.complete {
            true => output.say(
                "以上是各医院上报的全部调阅。",
                "This is every access that hospitals reported.",
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
        output.say("自称", "calls herself "),
        match access.provisional {
            true => output.say(
                "已打开，到现在看过（医院所说）",
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
        AccessOutcome::Ended => output.say("看过", "had received when she left"),
        AccessOutcome::WrongCode => output.say("口令错误", "wrong passcode"),
        AccessOutcome::Refused => output.say("被拒绝", "was refused"),
        AccessOutcome::Locked => output.say("口令错误过多，已锁定", "locked after wrong passcodes"),
    }
}
