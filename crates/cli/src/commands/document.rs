//! A FHIR document as a person reads it in a terminal.

use medfolder_fhir::json::Limits;
use medfolder_fhir::summary::{self, Flag, ResultLine};

/// All of its text.
pub(crate) fn plain(body: &[u8]) -> String {
    medfolder_fhir::text::plain(body, &Limits::default()).unwrap_or_default()
}

/// Sections and results; the plain text of what has no sections.
pub(crate) fn read(body: &[u8]) -> String {
    let Ok(summary) = summary::read(body, &Limits::default()) else {
        return plain(body);
    };
    let mut lines = Vec::new();
    for section in &summary.sections {
        lines.push(section.title.clone());
        lines.extend(section.lines.iter().map(|line| format!("  {line}")));
    }
    // The narrative holds the results; without one they are told from the coded entries.
    if lines.is_empty() {
        lines.extend(summary.results.iter().map(result));
    }
    if lines.is_empty() {
        plain(body)
    } else {
        lines.join("\n")
    }
}

/// Name, value and unit, the report's own range and flag.
fn result(result: &ResultLine) -> String {
    let flag = match result.flag {
        Some(Flag::High) => "↑",
        Some(Flag::Low) => "↓",
        Some(Flag::CriticalHigh) => "↑↑",
        Some(Flag::CriticalLow) => "↓↓",
        Some(Flag::Abnormal) => "!",
        Some(Flag::CriticalAbnormal) => "!!",
        Some(Flag::Normal) | None => "",
    };
    let range = result
        .range
        .as_ref()
        .map_or_else(String::new, |range| format!("  [{range}]"));
    let line = format!(
        "{}  {} {}{range} {flag}",
        result.name, result.value, result.unit
    );
    line.trim_end().to_owned()
}
