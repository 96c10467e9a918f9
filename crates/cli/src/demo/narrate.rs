//! The story's lines as sentences, with their figures.

use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use serde_json::Value;

/// A line of the story for a person.
pub(crate) fn sentence(line: &Value, output: Output) -> String {
    let step = line["step"].as_str().unwrap_or_default();
    let text = match output.lang {
        Lang::Zh => chinese(step, line, output),
        Lang::En => english(step, line, output),
    };
    // Nothing taken in is the one thing that can fail and is told all the same.
    let mark = match line["records"].as_u64() {
        Some(0) => '✗',
        _ => '✓',
    };
    // Behind the sentence, and before what it lists.
    let (said, listed) = text.split_once('\n').unwrap_or((&text, ""));
    let took = match line["seconds"].as_f64() {
        Some(seconds) if step != "done" => match output.lang {
            Lang::Zh => format!("（{seconds:.1} 秒）"),
            Lang::En => format!("  ({seconds:.1} s)"),
        },
        _ => String::new(),
    };
    let listed = match listed {
        "" => String::new(),
        rows => format!("\n{rows}"),
    };
    format!("{mark} {said}{took}{listed}")
}

/// Skipped files that are named.
const MOST_SKIPPED: usize = 10;

fn number(line: &Value, name: &str) -> u64 {
    line[name].as_u64().unwrap_or_default()
}

fn word<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

fn chinese(step: &str, line: &Value, output: Output) -> String {
    let n = |name| number(line, name);
    let w = |name| word(line, name);
    match step {
        "ingest" => format!(
            "医院系统送来病历：{} 位病人，{} 份病历由 {} 位医生逐份签名，附件 {} 个，跳过 {} 个文件{}",
            n("patients"),
            n("records"),
            n("doctors"),
            n("attachments"),
            list_len(line, "skipped"),
            listed(line, output),
        ),
        "link" => format!(
            "在医院前台绑定健康卡：{} 个病历夹，{} 张卡",
            n("folders"),
            n("cards")
        ),
        "sync" => format!(
            "同步：账本上属于这些人的 {} 份病历全部取回，{} 份逐项验证并解密，名单完整",
            n("records"),
            n("verified"),
        ),
        "search" => format!(
            "离线搜索“{}”：找到 {} 份。{}",
            w("text"),
            n("found"),
            one_line(w("snippet"))
        ),
        "share" => format!(
            "{}分享 {} 份病历，一天有效，凭口令打开",
            w("owner"),
            n("records")
        ),
        "open" => format!("医生用链接和口令打开，看到每份病历由谁签章{}", titles(line)),
        "access_log" => format!("本人看到是谁看了什么：{}，已由账本证明没有遗漏", w("who")),
        "revoke" => format!(
            "本人结束了这次分享：结束前对方收到了 {} 份中的 {} 份，可能已经保存",
            n("of"),
            n("received")
        ),
        "open_after_revoke" => format!("医生再次打开：被拒绝（{}）", w("code")),
        "tamper" => format!(
            "篡改 {} 处，{} 处被发现并指出名称{}",
            n("tried"),
            n("detected"),
            findings(line, output),
        ),
        "ready" => ready(
            line,
            [
                "全部在运行：",
                "账本",
                "创世文件",
                "医院",
                "病历夹",
                "密码",
                "分享",
                "在另一个终端里可以试：",
                "按 Ctrl-C 结束。",
            ],
        ),
        "done" => format!(
            "全部成立，共 {:.1} 秒。",
            line["seconds"].as_f64().unwrap_or_default()
        ),
        other => other.to_owned(),
    }
}

fn english(step: &str, line: &Value, output: Output) -> String {
    let n = |name| number(line, name);
    let w = |name| word(line, name);
    match step {
        "ingest" => format!(
            "The hospitals’ systems deliver: {}, {} signed one by one by {}, {}, {} skipped{}",
            counted(n("patients"), "patient", "patients"),
            counted(n("records"), "record", "records"),
            counted(n("doctors"), "doctor", "doctors"),
            counted(n("attachments"), "attachment", "attachments"),
            counted(list_len(line, "skipped") as u64, "file", "files"),
            listed(line, output),
        ),
        "link" => format!(
            "Cards linked at the front desks: {}, {}",
            counted(n("folders"), "folder", "folders"),
            counted(n("cards"), "card", "cards")
        ),
        "sync" => format!(
            "Sync: all {} records that the ledger names are here, {} verified and decrypted, the \
             list is proven whole",
            n("records"),
            n("verified"),
        ),
        "search" => format!(
            "Offline search for “{}”: {} found. {}",
            w("text"),
            n("found"),
            one_line(w("snippet"))
        ),
        "share" => format!(
            "{} shares {} for a day, under a passcode",
            w("owner"),
            counted(n("records"), "record", "records")
        ),
        "open" => format!(
            "The doctor opens the link with the passcode and sees whose seal each record carries{}",
            titles(line)
        ),
        "access_log" => format!(
            "The owner sees who opened what: {}; the ledger proves nothing is left out",
            w("who")
        ),
        "revoke" => format!(
            "The owner ends the share: {} of {} were received before and may have been kept",
            n("received"),
            n("of")
        ),
        "open_after_revoke" => format!("The doctor tries again: refused ({})", w("code")),
        "tamper" => format!(
            "{} tamperings, {} caught by name{}",
            n("tried"),
            n("detected"),
            findings(line, output),
        ),
        "ready" => ready(
            line,
            [
                "All of it is running:",
                "Ledger",
                "Genesis",
                "Hospital",
                "Folder",
                "passphrase",
                "Share",
                "To try in another terminal:",
                "Ctrl-C stops it.",
            ],
        ),
        "done" => format!(
            "All of it held, in {:.1} seconds.",
            line["seconds"].as_f64().unwrap_or_default()
        ),
        other => other.to_owned(),
    }
}

fn list_len(line: &Value, name: &str) -> usize {
    line[name].as_array().map_or(0, Vec::len)
}

fn one_line(text: &str) -> String {
    let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    short.chars().take(60).collect()
}

fn rows<'a>(line: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    line[name].as_array().into_iter().flatten()
}

/// Skipped files and why, the first few.
fn listed(line: &Value, output: Output) -> String {
    let row = |file: &Value| {
        let code = word(file, "code");
        let (why, _) = CliError::new(code, "").sentences(output.lang);
        format!("\n    {}  {why} [{code}]", word(file, "file"))
    };
    let more = list_len(line, "skipped").saturating_sub(MOST_SKIPPED);
    let more = match (more, output.lang) {
        (0, _) => String::new(),
        (_, Lang::Zh) => format!("\n    …… 还有 {more} 个（--json 会全部列出）"),
        (_, Lang::En) => format!("\n    … and {more} more (--json lists all)"),
    };
    let skipped = rows(line, "skipped").take(MOST_SKIPPED);
    skipped.map(row).chain([more]).collect()
}

/// A number with what it counts.
fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn titles(line: &Value) -> String {
    rows(line, "records")
        .map(|r| format!("\n    ✓ {}  {}", word(r, "hospital"), word(r, "title")))
        .collect()
}

/// Each tampering with the sentence that it was caught by.
fn findings(line: &Value, output: Output) -> String {
    let row = |finding: &Value| {
        let what = word(finding, "what");
        let known = TAMPERED.iter().find(|(name, _)| *name == what);
        let what = known.map_or(what, |(name, zh)| output.say(zh, name));
        let code = word(finding, "caught_by");
        let (sentence, _) = CliError::new(code, "").sentences(output.lang);
        format!("\n    ✓ {what} → {sentence} [{code}]")
    };
    let untried = |one: &Value| {
        let what = word(one, "what");
        let known = TAMPERED.iter().find(|(name, _)| *name == what);
        let what = known.map_or(what, |(name, zh)| output.say(zh, name));
        let why = match word(one, "why") {
            "no_attachment" => output.say("没有附件", "no record has an attachment"),
            _ => output.say("就诊太少", "too few visits at one hospital"),
        };
        format!(
            "\n    · {what} → {}{why}",
            output.say("没有试：", "not tried: ")
        )
    };
    let caught = rows(line, "findings").map(row);
    caught.chain(rows(line, "untried").map(untried)).collect()
}

/// What was tampered with, in Chinese.
const TAMPERED: [(&str, &str); 10] = [
    ("link cut short", "链接缺了末尾"),
    ("shared file changed", "改动分享的文件"),
    ("vault changed on disk", "改动磁盘上的病历夹"),
    ("genesis changed", "改动创世文件"),
    ("attachment changed", "改动附件"),
    ("record changed", "改动加密的病历"),
    ("two records swapped", "调换两份病历"),
    ("record deleted", "删除加密的病历"),
    ("key slot changed", "改动病历的密钥"),
    ("key slot of another visit", "换上另一次就诊的密钥"),
];

/// What can be typed in another terminal while the demonstration serves.
fn to_type(line: &Value) -> Vec<String> {
    let program = std::env::args().next().unwrap_or_default();
    let mut lines = Vec::new();
    if let Some(folder) = rows(line, "folders").next() {
        let (name, place) = (word(folder, "name"), word(folder, "data_dir"));
        let which = format!("--data-dir '{place}' --folder '{name}'");
        lines.push(format!(
            "export MEDFOLDER_PASSPHRASE={}",
            word(folder, "passphrase")
        ));
        lines.push(format!("{program} folder list --limit 10 {which}"));
        lines.push(format!("{program} folder access-log {which}"));
    }
    lines.extend(rows(line, "shares").map(|share| {
        let (link, passcode) = (word(share, "link"), word(share, "passcode"));
        format!("{program} open '{link}' --passcode {passcode}")
    }));
    lines
}

fn ready(line: &Value, words: [&str; 9]) -> String {
    let [
        all_runs,
        ledger,
        genesis,
        hospital,
        folder,
        passphrase,
        share,
        try_it,
        stop,
    ] = words;
    let mut lines = vec![
        all_runs.to_owned(),
        format!("{ledger}  {}", word(line, "ledger")),
        format!("{genesis}  {}", word(line, "genesis")),
    ];
    lines.extend(rows(line, "gateways").map(|gateway| {
        let (name, url) = (word(gateway, "name"), word(gateway, "url"));
        format!(
            "{hospital}  {name}  {url}  {}",
            word(gateway, "inner_config")
        )
    }));
    lines.extend(rows(line, "folders").map(|f| {
        let (name, place) = (word(f, "name"), word(f, "data_dir"));
        format!(
            "{folder}  {name}  {place}  {passphrase} {}",
            word(f, "passphrase")
        )
    }));
    lines.extend(
        rows(line, "shares")
            .map(|s| format!("{share}  {}  {}", word(s, "link"), word(s, "passcode"))),
    );
    lines.extend([String::new(), try_it.to_owned()]);
    lines.extend(to_type(line).into_iter().map(|line| format!("  {line}")));
    lines.extend([String::new(), stop.to_owned()]);
    lines.join("\n  ").replace("\n  \n", "\n\n")
}
