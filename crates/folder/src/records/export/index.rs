//! The list of all that an export holds: as a page by person, newest first, and as JSON.

use super::Exported;
use super::html::{self, Language, address, escape};
use super::names::file_name;
use crate::records::{Listed, State};
use chrono::NaiveDateTime;
use medfolder_fhir::summary::Summary;
use medfolder_fhir::{PatientInfo, Sex, Written};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A record as the index names it.
pub(super) struct Row {
    pub(super) id: String,
    visit: String,
    pub(super) folder: String,
    pub(super) title: String,
    pub(super) hospital: String,
    pub(super) author: String,
    patient: Option<PatientInfo>,
    day: String,
    pub(super) minute: String,
    pub(super) when: Option<NaiveDateTime>,
    state: State,
    failure: Option<String>,
    version: u32,
    pub(super) superseded: bool,
    /// Names and sizes in bytes.
    pub(super) attachments: Vec<(String, u64)>,
    /// Names, and the code of why each is not here.
    pub(super) missing: Vec<(String, String)>,
}

impl Row {
    /// A record that is written, with its folder's name.
    pub(super) fn of(
        listed: &Listed,
        document: Option<&Summary>,
        hospital: String,
        language: Language,
    ) -> Self {
        let mut row = Self::left_out(listed, hospital);
        row.patient = document.map(|document| document.patient.clone());
        let role = document
            .filter(|document| document.author.name == listed.author)
            .and_then(|document| document.author.role.as_deref());
        if let Some(role) = role {
            row.author = format!("{} ({role})", listed.author);
        }
        row.folder = folder_name(listed, language);
        row
    }

    /// A record that is named only.
    pub(super) fn left_out(listed: &Listed, hospital: String) -> Self {
        let written = listed.written.as_ref();
        Self {
            id: listed.record.to_string(),
            visit: listed.visit.to_string(),
            folder: String::new(),
            title: listed.title.clone(),
            hospital,
            author: listed.author.clone(),
            patient: None,
            day: written.map(Written::day).unwrap_or_default(),
            minute: written.map(Written::minute).unwrap_or_default(),
            when: written.and_then(Written::wall_clock),
            state: listed.state,
            failure: listed.failure.clone(),
            version: listed.version,
            superseded: listed.superseded,
            attachments: Vec::new(),
            missing: Vec::new(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut entry = json!({
            "record": self.id, "visit": self.visit, "title": self.title, "hospital": self.hospital,
            "state": self.state, "version": self.version, "superseded": self.superseded,
        });
        if self.state == State::Verified {
            entry["folder"] = json!(self.folder);
            entry["date"] = json!(self.minute);
            let names = self.attachments.iter().map(|(name, _)| name);
            entry["attachments"] = names.cloned().collect();
        }
        if let Some(failure) = &self.failure {
            entry["failure"] = json!(failure);
        }
        if let Some((_, code)) = self.missing.first() {
            entry["missing_attachments"] = json!(code);
        }
        entry
    }

    /// Name, sex and birth date of whose record it is, as far as it says.
    pub(super) fn person(&self, language: Language) -> String {
        let Some(patient) = &self.patient else {
            return String::new();
        };
        let sex = match patient.sex {
            Sex::Male => language.say("男", "male"),
            Sex::Female => language.say("女", "female"),
            Sex::Other | Sex::Unknown => "",
        };
        let born = patient
            .birth_date
            .as_deref()
            .map_or_else(String::new, |day| {
                format!("{}{day}", language.say("出生 ", "born "))
            });
        let parts = [patient.name.as_str(), sex, &born];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(language.say("，", ", "))
    }
}

/// The folder of a record that is written.
pub(super) fn folder_name(listed: &Listed, language: Language) -> String {
    let day = listed.written.as_ref().map(Written::day);
    let title = file_name(&listed.title);
    let end: String = listed.record.to_string().chars().take(8).collect();
    let old = match listed.superseded {
        true => language.say("（已非现行）", " (not in force)"),
        false => "",
    };
    format!("{} {title} {end}{old}", day.unwrap_or_default())
}

/// All records by person.
pub(super) fn page(rows: &[Row], exported: &Exported, language: Language) -> String {
    let mut body = format!("<h1>{}</h1>\n", language.say("病历", "Medical records"));
    body.push_str(&format!(
        "<p>{}</p>\n",
        escape(&counted(exported, language))
    ));
    let people: BTreeSet<String> = rows.iter().map(|row| row.person(language)).collect();
    for person in &people {
        let own: Vec<&Row> = rows
            .iter()
            .filter(|row| row.person(language) == *person)
            .collect();
        let name = match person.as_str() {
            "" => language.say("未能读取", "Not read"),
            name => name,
        };
        body.push_str(&format!("<h2>{}</h2>\n", escape(name)));
        body.push_str(&table(&own, language));
    }
    html::page(language.say("病历", "Medical records"), &body, language)
}

fn counted(exported: &Exported, language: Language) -> String {
    let Exported {
        records,
        superseded,
        attachments,
        left_out,
        ..
    } = exported;
    match language {
        Language::Chinese => format!(
            "{records} 份病历（其中 {superseded} 份已非现行版本，已标明）、{attachments} 个附件；{left_out} 份未能导出。"
        ),
        Language::English => format!(
            "{records} records, {superseded} of them not in force and marked so; {attachments} attachments; {left_out} records left out."
        ),
    }
}

fn table(rows: &[&Row], language: Language) -> String {
    let heads = [
        language.say("日期", "Date"),
        language.say("医院", "Hospital"),
        language.say("病历", "Record"),
        language.say("书写", "Written by"),
        language.say("状态", "State"),
    ];
    let heads: String = heads
        .iter()
        .map(|head| format!("<th>{head}</th>"))
        .collect();
    let rows: String = rows.iter().map(|row| line(row, language)).collect();
    format!("<table>\n<tr>{heads}</tr>\n{rows}</table>\n")
}

fn line(row: &Row, language: Language) -> String {
    let title = match row.state {
        State::Verified => {
            let href = address(&format!("{}/record.html", row.folder));
            format!("<a href=\"{href}\">{}</a>", escape(&row.title))
        }
        _ => row.id.get(..12).unwrap_or(&row.id).to_owned(),
    };
    let state = match (row.state, row.superseded) {
        (State::Verified, false) => {
            let told = language.say("✓ 已验证", "✓ verified");
            format!("<span class=\"ok\">{told}</span>")
        }
        (State::Verified, true) => {
            let told = language.say("⚠ 已非现行（更正或撤回）", "⚠ not in force");
            format!("<span class=\"bad\">{told}</span>")
        }
        (State::Waiting, _) => language.say("还没有取到", "not fetched yet").to_owned(),
        (State::Failed, _) => {
            let told = language.say("✗ 没有通过验证", "✗ not verified");
            let code = escape(row.failure.as_deref().unwrap_or_default());
            format!("<span class=\"bad\">{told} [{code}]</span>")
        }
    };
    format!(
        "<tr><td>{}</td><td>{}</td><td>{title}</td><td>{}</td><td>{state}</td></tr>\n",
        escape(&row.day),
        escape(&row.hospital),
        escape(&row.author),
    )
}
