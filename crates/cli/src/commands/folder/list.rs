//! Lists and searches records.

use crate::args;
use crate::error::CliError;
use crate::output::Output;
use crate::time::{date, local_day, midnight};
use chrono::Days;
use medfolder_fhir::kind::Kind;
use medfolder_folder::Folder;
use medfolder_folder::records::{Filter, Listed, State};
use serde_json::{Value, json};

/// `medfolder folder list`; the last line of a page holds the cursor of the next.
pub(crate) fn list(
    folder: &Folder<'_>,
    words: &args::List,
    output: Output,
) -> Result<(), CliError> {
    let page = folder.list(&filter(folder, words)?)?;
    if page.records.is_empty() {
        output.nothing("没有这样的病历。", "There is no such record.");
    }
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
            Some(next) => format!("{}\n… --after {next}", row(folder, record, output)),
            None => row(folder, record, output),
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
    let all = folder.search(text, limit)?;
    if all.is_empty() {
        output.nothing("没有找到。", "Nothing was found.");
    }
    for found in all {
        let mut line = line(folder, &found.record);
        line["snippet"] = json!(found.snippet);
        output.line(&line, || {
            format!(
                "{}\n      {}",
                row(folder, &found.record, output),
                found.snippet.replace('\n', " ")
            )
        });
    }
    Ok(())
}

fn filter(folder: &Folder<'_>, words: &args::List) -> Result<Filter, CliError> {
    Ok(Filter {
        hospital: words
            .hospital
            .as_deref()
            .map(|name| folder.member_named(name))
            .transpose()?,
        kind: words.kind.as_deref().map(kind).transpose()?,
        from: words.from.map(midnight),
        until: words
            .to
            .and_then(|day| day.checked_add_days(Days::new(1)))
            .map(midnight),
        after: words.after.clone(),
        limit: words.limit.unwrap_or(0),
        ..Filter::default()
    })
}

/// A LOINC code as it is; a name by the table of kinds.
fn kind(text: &str) -> Result<String, CliError> {
    // As Americans spell it, and FHIR too.
    let spelled = text.to_lowercase().replace("immunization", "immunisation");
    let named = Kind::parse(text)
        .or_else(|| Kind::parse(&spelled))
        .or_else(|| Kind::parse(&format!("{spelled}-record")));
    if let Some(kind) = named {
        return Ok(kind.loinc().to_owned());
    }
    let is_code = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_code {
        Ok(text.to_owned())
    } else {
        Err(CliError::new("list.kind", text))
    }
}

/// A record as the contract prints it.
pub(crate) fn line(folder: &Folder<'_>, record: &Listed) -> Value {
    let mut line = json!({
        "record": record.record, "visit": record.visit,
        "hospital": folder.member_name(&record.hospital), "kind": record.kind,
        "title": record.title, "author": record.author, "date": date(record.date),
        "verified": record.state == State::Verified, "version": record.version,
        "in_force": !record.superseded,
    });
    if let Some(failure) = &record.failure {
        line["failure"] = json!(failure);
    }
    line
}

/// A record as a person reads it.
pub(crate) fn row(folder: &Folder<'_>, record: &Listed, output: Output) -> String {
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
    format!(
        "{mark} {}  {}  {}  {}{version}{over}",
        local_day(record.date),
        id.get(..12).unwrap_or(&id),
        folder.member_name(&record.hospital),
        record.title,
    )
}
