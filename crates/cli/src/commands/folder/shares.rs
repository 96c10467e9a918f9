//! The folder's shares, each as its host says that it stands.

use super::share::{count, reference};
use crate::args::Lang;
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use crate::time::{local_time, rfc3339};
use futures_util::future::join_all;
use medfolder_client::api::share::{ShareCondition, ShareState};
use medfolder_client::clock::Clock;
use medfolder_folder::Folder;
use medfolder_folder::share::{ShareInfo, Standing};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a host may take to tell a share's state.
const STATE_WITHIN: Duration = Duration::from_secs(4);

/// `medfolder folder shares`
pub(crate) async fn run(
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
        match is_asked_about(share) {
            true => asked.await.ok()?.ok(),
            false => None,
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

/// Of a share that is over its host is asked once more: how often it was opened.
fn is_asked_about(share: &ShareInfo) -> bool {
    let last = share.heard.as_ref().map(|(state, _)| state.state);
    let told_all = matches!(
        last,
        Some(ShareCondition::Revoked | ShareCondition::Expired)
    );
    match share.standing {
        Standing::Active | Standing::Preparing => true,
        Standing::Expired | Standing::Revoked => !told_all,
        Standing::Ending => false,
    }
}

/// A share as its host says that it stands, or as it said last: nothing is called live that was
/// locked or used up when this device heard of it.
fn now(folder: &Folder<'_>, share: &ShareInfo, host: Option<&ShareState>) -> Value {
    let mut line = info(folder, share);
    // What was cut off may have been finished by its host.
    let finished = share.standing == Standing::Preparing && host.is_some();
    let live = share.standing == Standing::Active || finished;
    let last = share.heard.as_ref();
    if let Some(state) = host.or(last.map(|(state, _)| state)) {
        line["opened"] = json!(state.opened);
        if live {
            line["state"] = json!(state.state);
            line["tries_left"] = json!(state.tries_left);
        }
        if share.standing == Standing::Revoked && state.state == ShareCondition::Live {
            line["host_says"] = json!(state.state);
        }
    }
    let current = !live || host.is_some();
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
        "number": share.number(), "share": share.grant, "label": share.label, "state": share.standing,
        "host": folder.member_name(&share.host), "created": rfc3339(share.created),
        "expires": rfc3339(share.ends), "openings": share.openings, "records": share.records,
        "link": share.link.as_str(), "has_passcode": share.passcode.is_some(),
    })
}

fn row(
    folder: &Folder<'_>,
    line: &Value,
    share: &ShareInfo,
    [states, counts, hosts]: [usize; 3],
    output: Output,
) -> String {
    let word = state(line["state"].as_str().unwrap_or_default(), output);
    let mut parts = vec![
        padded(&reference(share.number(), &share.grant), REFERENCE),
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
            Lang::En if opened == "1" => "opened once".to_owned(),
            Lang::En => format!("opened {opened} times"),
        });
    }
    parts.push(
        match share.passcode {
            Some(_) => output.say("有口令", "passcode"),
            None => output.say("无口令", "no passcode"),
        }
        .to_owned(),
    );
    parts.push(called(folder, share, output));
    if line["host_says"].is_string() {
        let told = output.say(
            "（医院说它仍能打开）",
            "(its host says that it still opens)",
        );
        parts.push(told.to_owned());
    }
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
        Lang::Zh => format!("{} 份病历", share.records.len()),
        Lang::En => count(share.records.len(), output),
    };
    let comma = output.say("，", ", ");
    match (years.clone().min(), years.max()) {
        (Some(first), Some(last)) if first == last => format!("{count}{comma}{first}"),
        (Some(first), Some(last)) => format!("{count}{comma}{first}–{last}"),
        _ => count,
    }
}

/// Columns of a share's number and id.
const REFERENCE: usize = 16;

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
