//! One invented patient of the first hospital with many visits of eight records, all written by
//! one doctor: documents of about four kilobytes.

use crate::demo::world::HOSPITALS;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Records of a visit.
pub(super) const VISIT: usize = 8;

/// Writes `records` documents below `directory`, a folder per visit.
pub(super) fn write(directory: &Path, records: usize) -> std::io::Result<()> {
    for number in 0..records {
        let folder = directory.join(format!("visit-{:05}", number / VISIT));
        if number % VISIT == 0 {
            fs::create_dir_all(&folder)?;
        }
        let text = serde_json::to_vec(&document(number))?;
        fs::write(folder.join(format!("{}.json", number % VISIT)), text)?;
    }
    Ok(())
}

/// Day `visit` after the first of January 2000.
fn day(visit: usize) -> String {
    let first = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
    let day = first
        .checked_add_days(chrono::Days::new(visit as u64))
        .unwrap_or(first);
    day.format("%Y-%m-%d").to_string()
}

fn document(number: usize) -> Value {
    let visit = number / VISIT;
    let time = format!("{}T09:{:02}:00+08:00", day(visit), number % VISIT);
    let at = |name: &str| format!("urn:uuid:00000000-0000-4000-8000-{name:0>12}");
    let entry = |name: &str, resource: Value| json!({ "fullUrl": at(name), "resource": resource });
    let system = |name: &str| format!("https://bench.example/{name}");
    json!({
        "resourceType": "Bundle", "type": "document", "timestamp": time,
        "identifier": { "system": system("version"), "value": format!("{number}.v1") },
        "entry": [
            entry("1", json!({
                "resourceType": "Composition", "status": "final", "title": "检验报告",
                "identifier": { "system": system("document"), "value": number.to_string() },
                "type": { "coding": [{ "system": "http://loinc.org", "code": "11502-2" }] },
                "subject": { "reference": at("2") }, "encounter": { "reference": at("5") },
                "author": [{ "reference": at("3") }], "custodian": { "reference": at("4") },
                "date": time,
                "section": [{ "title": "结果", "text": { "status": "generated", "div": narrative(number) } }],
            })),
            entry("2", json!({
                "resourceType": "Patient", "name": [{ "text": "测试病人" }], "gender": "female",
                "birthDate": "1960-01-01",
                "identifier": [{
                    "type": { "coding": [{ "code": "MR" }] }, "system": system("mrn"), "value": "1",
                }],
            })),
            entry("3", json!({
                "resourceType": "Practitioner", "name": [{ "text": "测试医生" }],
                "identifier": [{ "system": system("staff"), "value": "BENCH-1" }],
            })),
            entry("4", json!({ "resourceType": "Organization", "name": HOSPITALS[0] })),
            entry("5", json!({
                "resourceType": "Encounter", "status": "finished", "class": { "code": "AMB" },
                "identifier": [{ "system": system("encounter"), "value": visit.to_string() }],
                "subject": { "reference": at("2") }, "period": { "start": time },
            })),
        ],
    })
}

/// About two kilobytes of text that differs from record to record.
fn narrative(number: usize) -> String {
    let row = |line: usize| {
        let value = (number * 31 + line * 17) % 997;
        format!("<p>指标{line}：{value} mmol/L，参考范围 3.9–6.1，样本编号 S{number}-{line}</p>")
    };
    let rows: String = (0..20).map(row).collect();
    format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{rows}</div>")
}
