//! Shares: make, list, end, shorten, extend.

use super::{list, show};
use crate::args::{self, Lang};
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use crate::qr;
use crate::time::{local_time, rfc3339};
use futures_util::future::join_all;
use medfolder_client::api::share::ShareState;
use medfolder_client::clock::Clock;
use medfolder_client::ledger::LedgerError;
use medfolder_folder::Folder;
use medfolder_folder::FolderError;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, EndedBy, Made, ShareInfo, ShareOptions, Standing};
use medfolder_record::RecordId;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a host may take to tell a share's state.
const STATE_WITHIN: Duration = Duration::from_secs(4);
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
        let record = folder.open_record(name.trim())?.listed.record;
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
        "share": made.grant, "link": made.link.as_str(), "page": Value::Null,
        "expires": rfc3339(made.ends),
        "passcode": made.passcode.as_ref().map(|passcode| passcode.as_str()),
    })
}

fn told(made: &Made, records: usize, qr: Option<&Path>, output: Output) -> String {
    let id = made.grant.to_string();
    let mut lines = vec![
        made.link.to_string(),
        format!(
            "{} {}  {}",
            output.say("分享", "Share"),
            id.get(..12).unwrap_or(&id),
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
        id.get(..12).unwrap_or(&id)
    ));
    lines.join("\n")
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

fn count(records: usize, output: Output) -> String {
    match (output.lang, records) {
        (Lang::Zh, _) => format!("{records} 份病历"),
        (Lang::En, 1) => "1 record".to_owned(),
        (Lang::En, _) => format!("{records} records"),
    }
}

/// `medfolder folder shares`
pub(crate) async fn shares(
    folder: &Folder<'_>,
    clock: &Clock,
    output: Output,
) -> Result<(), CliError> {
    let all = folder.shares(clock.now())?;
    if all.is_empty() {
        output.nothing("还没有分享。", "There is no share yet.");
    }
    // All at once: a host that does not answer keeps nobody waiting for the others.
    let hosts = all.iter().map(|share| async {
        let asked = tokio::time::timeout(STATE_WITHIN, folder.share_state(share, clock));
        match share.standing {
            Standing::Active => asked.await.ok()?.ok(),
            _ => None,
        }
    });
    let answers = join_all(hosts).await;
    let lines = answers.iter().zip(&all);
    let lines: Vec<Value> = lines
        .map(|(host, share)| now(folder, share, host.as_ref()))
        .collect();
    let columns = columns(folder, &all, &lines, output);
    for (line, share) in lines.iter().zip(&all) {
        output.line(line, || row(folder, line, share, columns, output));
    }
    Ok(())
}

/// A share as its host says that it stands, or as it said last: nothing is called live that was
/// locked or used up when this device heard of it.
fn now(folder: &Folder<'_>, share: &ShareInfo, host: Option<&ShareState>) -> Value {
    let mut line = info(folder, share);
    let asked = share.standing == Standing::Active;
    let last = share.heard.as_ref().filter(|_| asked);
    if let Some(state) = host.or(last.map(|(state, _)| state)) {
        line["state"] = json!(state.state);
        line["opened"] = json!(state.opened);
        line["tries_left"] = json!(state.tries_left);
    }
    let current = !asked || host.is_some();
    line["current"] = json!(current);
    // A share that nobody asked about since it was made was live then.
    let learnt = last.map_or(share.created, |(_, at)| *at);
    line["as_of"] = json!((!current).then(|| rfc3339(learnt)));
    line
}

/// Widths of the columns of states, counts and hospitals.
fn columns(
    folder: &Folder<'_>,
    shares: &[ShareInfo],
    lines: &[Value],
    output: Output,
) -> [usize; 3] {
    let states = lines
        .iter()
        .map(|line| state(line["state"].as_str().unwrap_or_default(), output));
    let counts: Vec<String> = shares
        .iter()
        .map(|share| count(share.records.len(), output))
        .collect();
    let hosts: Vec<String> = shares
        .iter()
        .map(|share| folder.member_name(&share.host))
        .collect();
    [
        widest(states),
        widest(counts.iter().map(String::as_str)),
        widest(hosts.iter().map(String::as_str)),
    ]
}

fn info(folder: &Folder<'_>, share: &ShareInfo) -> Value {
    json!({
        "share": share.grant, "label": share.label, "state": share.standing,
        "host": folder.member_name(&share.host), "created": rfc3339(share.created),
        "expires": rfc3339(share.ends), "openings": share.openings, "records": share.records,
        "link": share.link.as_str(),
    })
}

fn row(
    folder: &Folder<'_>,
    line: &Value,
    share: &ShareInfo,
    [states, counts, hosts]: [usize; 3],
    output: Output,
) -> String {
    let id = share.grant.to_string();
    let word = state(line["state"].as_str().unwrap_or_default(), output);
    let mut parts = vec![
        id.get(..12).unwrap_or(&id).to_owned(),
        padded(word, states),
        format!("{} {}", output.say("至", "until"), local_time(share.ends)),
        padded(&count(share.records.len(), output), counts),
        padded(&folder.member_name(&share.host), hosts),
    ];
    if let Some(opened) = line["opened"].as_u64() {
        let opened = match share.openings {
            Some(most) => format!("{opened}/{most}"),
            None => opened.to_string(),
        };
        parts.push(match output.lang {
            Lang::Zh => format!("打开过 {opened} 次"),
            Lang::En => format!("opened {opened} times"),
        });
    }
    parts.push(called(folder, share, output));
    if line["current"] == false {
        let learnt = share.heard.as_ref().map_or(share.created, |(_, at)| *at);
        let at = local_time(learnt);
        parts.push(match output.lang {
            Lang::Zh => format!("（离线：医院联系不上，这是 {at} 的状态）"),
            Lang::En => format!("(as of {at}, offline: its host does not answer)"),
        });
    }
    parts.join("  ")
}

/// A share's label; without one the title of its only record, or how many there are and of when.
pub(super) fn called(folder: &Folder<'_>, share: &ShareInfo, output: Output) -> String {
    if !share.label.is_empty() {
        return share.label.clone();
    }
    let named = share.records.iter();
    let named: Vec<_> = named
        .filter_map(|record| folder.named(&record.to_string()).ok())
        .collect();
    if let ([only], 1) = (named.as_slice(), share.records.len()) {
        return only.title.clone();
    }
    let written = named.iter().filter_map(|listed| listed.written.as_ref());
    let years = written.filter_map(|date| date.day().get(..4).map(str::to_owned));
    let count = match output.lang {
        Lang::Zh => format!("{} 份记录", share.records.len()),
        Lang::En => count(share.records.len(), output),
    };
    let comma = output.say("，", ", ");
    match (years.clone().min(), years.max()) {
        (Some(first), Some(last)) if first == last => format!("{count}{comma}{first}"),
        (Some(first), Some(last)) => format!("{count}{comma}{first}–{last}"),
        _ => count,
    }
}

/// A share's state for a person; a word of a newer host as it is.
fn state(word: &str, output: Output) -> &str {
    match word {
        "preparing" => output.say("未完成", "unfinished"),
        "live" => output.say("有效", "live"),
        "ending" => output.say("等待结束", "ending, not confirmed yet"),
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
    let line = json!({ "share": share.grant, "state": Standing::Revoked, "by": word(by) });
    output.line(&line, || match over {
        true => output
            .say("这个分享早已结束。", "This share was over before.")
            .to_owned(),
        false => ended(by, &host, output),
    });
    Ok(())
}

fn waiting(host: &str, output: Output) -> String {
    let most = REVOKE_WITHIN.as_secs();
    match output.lang {
        Lang::Zh => format!(
            "正在等{host}或账本确认，最多 {most} 秒 …（按 Ctrl-C 停止等待，下次同步会接着办）"
        ),
        Lang::En => format!(
            "Waiting for {host} or the ledger to take it, {most} seconds at most … \
             (Ctrl-C stops waiting; the next sync goes on)"
        ),
    }
}

/// Neither host nor ledger took it.
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
            format!("已在账本上结束。{host}现在联系不上，它一恢复、读到账本就不再提供。{kept}")
        }
        (EndedBy::Ledger, Lang::En) => format!(
            "Ended on the ledger. {host} does not answer now; as soon as it is back and reads the \
             ledger, the link opens no more. {kept}"
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
    output.line(&line, || until(ends, output));
}
