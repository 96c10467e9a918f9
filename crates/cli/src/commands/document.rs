//! A FHIR document as a person reads it in a terminal.

use crate::args::Lang;
use crate::output::{Output, padded, widest};
use medfolder_fhir::json::Limits;
use medfolder_fhir::summary::{self, Flag, ResultLine, Summary};
use medfolder_fhir::{Author, PatientInfo, Sex};
use serde_json::{Value, json};

/// All of its text.
fn plain(body: &[u8]) -> String {
    medfolder_fhir::text::plain(body, &Limits::default()).unwrap_or_default()
}

/// The document, where it is one.
pub(crate) fn summary(body: &[u8]) -> Option<Summary> {
    summary::read(body, &Limits::default()).ok()
}

/// Sections and results; the plain text of what has no sections.
pub(crate) fn read(body: &[u8]) -> String {
    let Some(summary) = summary(body) else {
        return plain(body);
    };
    let mut lines = Vec::new();
    for section in &summary.sections {
        lines.extend(Some(section.title.clone()).filter(|title| !title.is_empty()));
        lines.extend(table(&section.lines).map(|line| format!("  {line}")));
    }
    // The narrative holds the results; without one they are told from the coded entries.
    if lines.is_empty() {
        let results: Vec<String> = summary.results.iter().map(result).collect();
        lines.extend(table(&results));
    }
    if lines.is_empty() {
        plain(body)
    } else {
        lines.join("\n")
    }
}

/// Lines of which those that hold tabs stand in columns, row under row.
fn table(lines: &[String]) -> impl Iterator<Item = String> {
    let groups = lines.chunk_by(|a, b| a.contains('\t') && b.contains('\t'));
    groups.flat_map(aligned)
}

fn aligned(rows: &[String]) -> Vec<String> {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.split('\t').collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let cells = |column| rows.iter().filter_map(move |row| row.get(column).copied());
    let widths: Vec<usize> = (0..count).map(|column| widest(cells(column))).collect();
    let line = |row: &Vec<&str>| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells.map(|(cell, width)| padded(cell, *width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Name, value, flag, unit, and the report's own range.
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
    let range = result.range.as_deref().unwrap_or_default();
    let cells = [&result.name, &result.value, flag, &result.unit, range];
    cells.join("\t").trim_end().to_owned()
}

/// Whose record it is, for programs.
pub(crate) fn patient_json(patient: &PatientInfo) -> Value {
    json!({ "name": patient.name, "sex": patient.sex, "birth_date": patient.birth_date })
}

/// Whose record it is: name, sex, birth date, as far as it says.
pub(crate) fn patient_row(patient: &PatientInfo, output: Output) -> String {
    let sex = match patient.sex {
        Sex::Male => output.say("男", "male"),
        Sex::Female => output.say("女", "female"),
        Sex::Other => output.say("性别：其他", "sex: other"),
        Sex::Unknown => "",
    };
    let birth = patient.birth_date.as_deref();
    let birth = birth.map(|day| match output.lang {
        Lang::Zh => format!("{day} 出生"),
        Lang::En => format!("born {day}"),
    });
    let name = match patient.name.as_str() {
        "" => output.say("（未写姓名）", "(no name given)"),
        name => name,
    };
    let parts = [name.to_owned(), sex.to_owned(), birth.unwrap_or_default()];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    let parts = parts.collect::<Vec<_>>().join(output.say("，", ", "));
    format!("{}{parts}", output.say("病人：", "Patient: "))
}

/// Who wrote it, under what the document says he or she is: a doctor, a nurse, or else the author.
pub(crate) fn author_row(name: &str, author: Option<&Author>, output: Output) -> String {
    let author = author.filter(|author| author.name == name);
    let role = author.and_then(|author| author.role.as_deref());
    let said = |word: &str| role.is_some_and(|role| role.contains(word));
    let label = if said("护") {
        output.say("护士：", "Nurse: ")
    } else if said("医") || name.starts_with("Dr") {
        output.say("医生：", "Doctor: ")
    } else {
        output.say("作者：", "Author: ")
    };
    match (role, output.lang) {
        (None, _) => format!("{label}{name}"),
        (Some(role), Lang::Zh) => format!("{label}{name}（{role}）"),
        (Some(role), Lang::En) => format!("{label}{name} ({role})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_and_no_line_ends_in_blanks() {
        let lines = [
            "血糖",
            "项目\t结果\t提示\t单位",
            "钾\t4.5\t\tmmol/L",
            "结果\t7.2\t↑",
        ];
        let lines: Vec<String> = lines.map(str::to_owned).into();
        let shown: Vec<String> = table(&lines).collect();
        assert_eq!(
            shown,
            [
                "血糖",
                "项目  结果  提示  单位",
                "钾    4.5         mmol/L",
                "结果  7.2   ↑"
            ]
        );
    }
}
