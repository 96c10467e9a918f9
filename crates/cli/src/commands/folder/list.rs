//! Lists and searches records.

use super::sync::INDEX_BATCH;
use crate::args::{self, Lang};
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use crate::time::rfc3339;
use medfolder_fhir::Written;
use medfolder_fhir::kind::Kind;
use medfolder_folder::Folder;
use medfolder_folder::records::{Filter, Listed, State};
use medfolder_folder::search::Hits;
use serde_json::{Value, json};

/// `medfolder folder list`; the last line of a page holds the cursor of the next.
pub(crate) fn list(
    folder: &Folder<'_>,
    words: &args::List,
    output: Output,
) -> Result<(), CliError> {
    let page = folder.list(&filter(folder, words, output)?)?;
    if page.records.is_empty() {
        nothing(folder, words, output)?;
    }
    let columns = hospitals(folder, page.records.iter());
    for (number, record) in page.records.iter().enumerate() {
        let mut line = line(folder, record);
        let next = page
            .next
            .as_ref()
            .filter(|_| number + 1 == page.records.len());
        if let Some(next) = next {
            line["next"] = json!(next);
        }
        output.line(&line, || match next {
            Some(next) => format!(
                "{}\n{}--after {next}",
                row(folder, record, columns, output),
                output.say(
                    "后面还有，往下列请加上：",
                    "There are more; to go on, add: "
                ),
            ),
            None => row(folder, record, columns, output),
        });
    }
    Ok(())
}

/// `medfolder folder search TEXT`
pub(crate) fn search(
    folder: &Folder<'_>,
    text: &str,
    limit: usize,
    output: Output,
) -> Result<(), CliError> {
    index(folder, output);
    let Hits { best: all, total } = folder.search(text, limit)?;
    if all.is_empty() {
        output.nothing("没有找到。", "Nothing was found.");
    } else if !output.is_json() {
        output.line(&(), || found(all.len(), total, output.lang));
    }
    let columns = hospitals(folder, all.iter().map(|found| &found.record));
    for found in all {
        let mut line = line(folder, &found.record);
        line["snippet"] = json!(found.snippet);
        line["total"] = json!(total);
        output.line(&line, || {
            format!(
                "{}\n      {}",
                row(folder, &found.record, columns, output),
                found.snippet.replace('\n', " ")
            )
        });
    }
    Ok(())
}

/// What a sync that was stopped left out of the index comes first; a disk that has no room for it
/// keeps nobody from what is there.
fn index(folder: &Folder<'_>, output: Output) {
    if let Err(error) = folder.index(INDEX_BATCH, |_| true) {
        let told = output.say(
            "⚠ 有些病历还搜不到",
            "⚠ Some records cannot be found by searching yet",
        );
        output.progress(&format!("{told}  [{}]", error.code()));
    }
}

/// How many there are, how many of them are shown, and in which order.
fn found(shown: usize, total: usize, lang: Lang) -> String {
    match (lang, shown < total) {
        (Lang::Zh, false) => format!("找到 {total} 份，最相关的在前："),
        (Lang::Zh, true) => {
            format!("找到 {total} 份，最相关的在前，列出前 {shown} 份（--limit 可列更多）：")
        }
        (Lang::En, false) => format!("{total} found, best first:"),
        (Lang::En, true) => {
            format!("{total} found, best first; the first {shown} (--limit lists more):")
        }
    }
}

/// Whether the filter can mean something.
pub(crate) fn understood(words: &args::List, output: Output) -> Result<(), CliError> {
    let named = words.kind.as_deref();
    named.map(|text| kind(text, output)).transpose()?;
    match (words.from, words.to) {
        (Some(from), Some(to)) if from > to => {
            let days = format!("--from {from} --to {to}");
            Err(CliError::usage("usage.days_turned", days))
        }
        _ => Ok(()),
    }
}

fn filter(folder: &Folder<'_>, words: &args::List, output: Output) -> Result<Filter, CliError> {
    Ok(Filter {
        hospital: words
            .hospital
            .as_deref()
            .map(|name| folder.hospital_named(name))
            .transpose()?,
        kind: words
            .kind
            .as_deref()
            .map(|text| kind(text, output))
            .transpose()?,
        from: words.from,
        to: words.to,
        after: words.after.clone(),
        limit: words.limit.unwrap_or(0),
        ..Filter::default()
    })
}

/// A LOINC code as it is; a name by the table of kinds.
fn kind(text: &str, output: Output) -> Result<String, CliError> {
    // As Americans spell it, and FHIR too.
    let spelled = text.to_lowercase().replace("immunization", "immunisation");
    let named = Kind::parse(text)
        .or_else(|| Kind::parse(&spelled))
        .or_else(|| Kind::parse(&format!("{spelled}-record")));
    // A part of a name that only one has will do.
    let of_part = || {
        let mut fits = Kind::ALL.iter().filter(|kind| kind.zh().contains(text));
        fits.next().filter(|_| fits.next().is_none()).copied()
    };
    if let Some(kind) = named.or_else(of_part) {
        return Ok(kind.loinc().to_owned());
    }
    let is_code = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_code {
        Ok(text.to_owned())
    } else {
        let known = Kind::ALL.iter().map(|kind| match output.lang {
            Lang::Zh => kind.zh(),
            Lang::En => kind.slug(),
        });
        let known: Vec<&str> = known.collect();
        let known = known.join(output.say("、", "|"));
        Err(CliError::usage("list.kind", format!("{text} ({known})")))
    }
}

/// A record as the contract prints it.
pub(crate) fn line(folder: &Folder<'_>, record: &Listed) -> Value {
    let mut line = json!({
        "record": record.record, "visit": record.visit,
        "hospital": folder.member_name(&record.hospital), "kind": record.kind,
        "title": record.title, "author": record.author,
        "date": record.written.as_ref().map(Written::rfc3339), "state": record.state,
        "verified": record.state == State::Verified, "version": record.version,
        "in_force": !record.superseded, "attachment_count": record.attachments,
    });
    if let Some(failure) = &record.failure {
        line["failure"] = json!(failure);
    }
    if record.written.is_none() {
        line["sealed"] = json!(rfc3339(u64::try_from(record.date).unwrap_or_default()));
    }
    line
}

/// Columns that the names of the records' hospitals take.
fn hospitals<'a>(folder: &Folder<'_>, records: impl Iterator<Item = &'a Listed>) -> usize {
    let names = records.map(|record| folder.member_name(&record.hospital));
    let names: Vec<String> = names.collect();
    widest(names.iter().map(String::as_str))
}

/// A folder without records is told apart from a filter that nothing fits.
fn nothing(folder: &Folder<'_>, words: &args::List, output: Output) -> Result<(), CliError> {
    let everything = Filter {
        limit: 1,
        ..Filter::default()
    };
    if words.after.is_none() && folder.list(&everything)?.records.is_empty() {
        match folder.cards()?.is_empty() {
            true => output.nothing(
                "还没有病历。请先用 folder link 绑定医院的健康卡，再运行 folder sync。",
                "There are no records yet: link a hospital’s card with `folder link`, then `folder sync`.",
            ),
            false => output.nothing(
                "还没有病历。医院送来后，运行 folder sync 就能取到。",
                "There are no records yet: once a hospital delivers some, `folder sync` fetches them.",
            ),
        }
    } else {
        output.nothing("没有这样的病历。", "There is no such record.");
    }
    Ok(())
}

/// A record as a person reads it; the hospital's name in so many columns.
pub(crate) fn row(folder: &Folder<'_>, record: &Listed, columns: usize, output: Output) -> String {
    let mark = match record.state {
        State::Verified => '✓',
        State::Failed => '✗',
        State::Waiting => '…',
    };
    let id = record.record.to_string();
    let version = if record.version > 1 {
        format!("  v{}", record.version)
    } else {
        String::new()
    };
    let over = if record.superseded {
        output.say("  ⚠ 不是现行版本", "  ⚠ not in force")
    } else {
        ""
    };
    let files = match (record.attachments, output.lang) {
        (0, _) => String::new(),
        (count, Lang::Zh) => format!("  [附件 {count}]"),
        (1, Lang::En) => "  [1 attachment]".to_owned(),
        (count, Lang::En) => format!("  [{count} attachments]"),
    };
    format!(
        "{mark} {}  {}  {}  {}{version}{files}{over}",
        padded(&day(record), DAY),
        id.get(..12).unwrap_or(&id),
        padded(&folder.member_name(&record.hospital), columns),
        title(record, output),
    )
}

/// Columns of a day.
const DAY: usize = 10;

/// The day that the record's hospital wrote; a dash while nobody here has read it.
fn day(record: &Listed) -> String {
    let written = record.written.as_ref();
    written.map_or_else(|| "-".to_owned(), Written::day)
}

/// What kind of record it is, for who reads English only, where the title does not say.
fn kind_beside(record: &Listed, output: Output) -> String {
    let kind = Kind::by_loinc(&record.kind);
    match (output.lang, kind) {
        (Lang::En, Some(kind)) if !record.title.is_ascii() => format!(" ({})", kind.en()),
        _ => String::new(),
    }
}

/// Its title, or why there is none.
fn title(record: &Listed, output: Output) -> String {
    match (record.state, &record.failure) {
        (State::Verified, _) => format!("{}{}", record.title, kind_beside(record, output)),
        (State::Waiting, _) => output
            .say(
                "（还没有取到，请再运行 folder sync）",
                "(not fetched yet: run `folder sync` again)",
            )
            .to_owned(),
        (State::Failed, failure) => {
            let code = failure.as_deref().unwrap_or("record.failed");
            let (why, _) = CliError::new(code, "").sentences(output.lang);
            format!("{why} [{code}]")
        }
    }
}
