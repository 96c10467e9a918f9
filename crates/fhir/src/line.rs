//! A resource in words: names, values with units, ranges, flags; one line each.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::json::Node;

/// Members that say what a resource is about, in order of preference.
const SUBJECTS: &[&str] = &[
    "code",
    "vaccineCode",
    "medicationCodeableConcept",
    "description",
    "title",
    "name",
    "category",
    "type",
    "serviceType",
];

/// Members that date a resource, in order of preference.
const DATES: &[&[&str]] = &[
    &["issued"],
    &["effectiveDateTime"],
    &["effectiveInstant"],
    &["effectivePeriod", "start"],
    &["authoredOn"],
    &["occurrenceDateTime"],
    &["performedDateTime"],
    &["performedPeriod", "start"],
    &["whenHandedOver"],
    &["dateAsserted"],
    &["recordedDate"],
    &["date"],
    &["started"],
    &["createdDateTime"],
    &["created"],
    &["collection", "collectedDateTime"],
    &["receivedTime"],
    &["onsetDateTime"],
    &["startDate"],
    &["period", "start"],
    &["occurrencePeriod", "start"],
    &["authored"],
    &["dateTime"],
    &["manufactureDate"],
];

/// Text of a CodeableConcept, a Coding or a plain string.
pub(crate) fn concept<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let node = node.first();
    node.text()
        .or_else(|| node.text_at(&["text"]))
        .or_else(|| node.text_at(&["coding", "display"]))
        .or_else(|| node.text_at(&["display"]))
        .or_else(|| node.text_at(&["coding", "code"]))
        .or_else(|| node.text_at(&["code"]))
        .filter(|t| !t.is_empty())
}

/// What a resource is about.
pub(crate) fn subject<'n>(resource: &'n Node<'_>) -> Option<&'n str> {
    SUBJECTS
        .iter()
        .find_map(|name| concept(resource.get(name)?))
}

/// The date of a resource as written and in milliseconds.
pub(crate) fn dated(resource: &Node<'_>) -> Option<(i64, String)> {
    DATES.iter().find_map(|path| {
        let text = resource.text_at(path)?;
        Some((crate::date::parse(text)?, text.to_owned()))
    })
}

/// A number for people: text as delivered, at most two decimals when there are more than four.
pub(crate) fn number(raw: &str) -> String {
    let decimals = raw.split_once('.').map_or(0, |(_, d)| d.len());
    match raw.parse::<f64>() {
        Ok(value) if decimals > 4 && !raw.contains(['e', 'E']) && value.abs() >= 0.1 => {
            let rounded = format!("{value:.2}");
            rounded
                .trim_end_matches('0')
                .trim_end_matches('.')
                .to_owned()
        }
        _ => raw.to_owned(),
    }
}

/// A Quantity: comparator, number and unit.
pub(crate) fn quantity(node: &Node<'_>) -> Option<String> {
    let value = node.get("value").filter(|v| v.text().is_none())?;
    let value = number(value.scalar()?);
    let unit = node
        .text_at(&["unit"])
        .or_else(|| node.text_at(&["code"]))
        .unwrap_or_default();
    let comparator = node.text_at(&["comparator"]).unwrap_or_default();
    Some(format!("{comparator}{value} {unit}").trim_end().to_owned())
}

/// The `value[x]` of an Observation or component.
pub(crate) fn value(node: &Node<'_>) -> Option<String> {
    let ratio = |ratio: &Node<'_>| {
        let part = |name| ratio.get(name).and_then(quantity);
        Some(format!("{}:{}", part("numerator")?, part("denominator")?))
    };
    let range = |range: &Node<'_>| {
        let part = |name| range.get(name).and_then(quantity).unwrap_or_default();
        Some(format!("{}–{}", part("low"), part("high")))
    };
    node.get("valueQuantity")
        .and_then(quantity)
        .or_else(|| {
            node.get("valueCodeableConcept")
                .and_then(concept)
                .map(str::to_owned)
        })
        .or_else(|| node.get("valueRatio").and_then(ratio))
        .or_else(|| node.get("valueRange").and_then(range))
        .or_else(|| {
            let plain = [
                "valueString",
                "valueInteger",
                "valueBoolean",
                "valueDateTime",
                "valueTime",
            ];
            plain
                .iter()
                .find_map(|n| node.get(n)?.scalar().map(str::to_owned))
        })
        .or_else(|| {
            node.get("dataAbsentReason")
                .and_then(concept)
                .map(str::to_owned)
        })
}

/// The reference range of an Observation: its text, else low–high.
pub(crate) fn range(node: &Node<'_>) -> Option<String> {
    let range = node.get("referenceRange")?.first();
    if let Some(text) = range.text_at(&["text"]) {
        return Some(text.to_owned());
    }
    match (
        range.get("low").and_then(quantity),
        range.get("high").and_then(quantity),
    ) {
        (Some(low), Some(high)) => Some(format!("{low}–{high}")),
        (Some(low), None) => Some(format!("≥ {low}")),
        (None, Some(high)) => Some(format!("≤ {high}")),
        (None, None) => None,
    }
}

/// Lines about a resource: the first names it, more follow for components and texts.
pub(crate) fn describe(resource: &Node<'_>) -> Vec<String> {
    let mut lines = vec![headline(resource)];
    lines.extend(resource.list("component").iter().filter_map(named_value));
    lines.extend(resource.list("dosageInstruction").iter().filter_map(dosage));
    for list in ["activity", "goal", "note", "reaction"] {
        lines.extend(resource.list(list).iter().filter_map(detail));
    }
    lines.extend(resource.text_at(&["conclusion"]).map(str::to_owned));
    lines.extend(attached_text(resource));
    lines.retain(|l| !l.is_empty());
    lines
}

fn headline(resource: &Node<'_>) -> String {
    let about = match resource.text_at(&["resourceType"]) {
        Some("Encounter") => resource.get("type").and_then(concept),
        Some("ImagingStudy") => resource
            .get("description")
            .or(resource.get("modality"))
            .and_then(concept),
        _ => None,
    };
    let about = about
        .or_else(|| subject(resource))
        .or_else(|| resource.text_at(&["medicationReference", "display"]))
        .or_else(|| resource.text_at(&["resourceType"]));
    let mut line = about.unwrap_or_default().to_owned();
    if let Some(value) = value(resource) {
        line.push_str(": ");
        line.push_str(&value);
    }
    if let Some(flag) = resource.get("interpretation").and_then(concept) {
        line.push_str(&format!(" [{flag}]"));
    }
    if let Some(range) = range(resource) {
        line.push_str(&format!(" ({range})"));
    }
    let reason = resource.get("reasonCode").and_then(concept);
    if let Some(reason) = reason.or_else(|| resource.text_at(&["reasonReference", "display"])) {
        line.push_str(&format!("; {reason}"));
    }
    if let Some(status) = resource.get("clinicalStatus").and_then(concept) {
        line.push_str(&format!(" ({status})"));
    }
    line
}

fn named_value(component: &Node<'_>) -> Option<String> {
    let name = component.get("code").and_then(concept)?;
    Some(format!("{name}: {}", value(component)?))
}

fn dosage(dosage: &Node<'_>) -> Option<String> {
    let text = dosage
        .text_at(&["text"])
        .or_else(|| dosage.text_at(&["patientInstruction"]));
    text.map(str::to_owned).or_else(|| {
        dosage
            .at(&["doseAndRate", "doseQuantity"])
            .and_then(quantity)
    })
}

fn detail(item: &Node<'_>) -> Option<String> {
    let text = item
        .text_at(&["text"])
        .or_else(|| item.text_at(&["description"]));
    let text = text.or_else(|| item.at(&["detail", "code"]).and_then(concept));
    text.or_else(|| item.get("manifestation").and_then(concept))
        .map(str::to_owned)
}

/// Lines of plain text that a report or document carries inside itself.
fn attached_text(resource: &Node<'_>) -> Vec<String> {
    let forms = resource.list("presentedForm").iter();
    let contents = resource
        .list("content")
        .iter()
        .filter_map(|c| c.get("attachment"));
    let texts = forms.chain(contents).filter_map(plain_attachment);
    let mut lines = Vec::new();
    for text in texts {
        lines.extend(text.lines().map(|l| l.trim().to_owned()));
    }
    lines
}

/// Content of an Attachment that is plain UTF-8 text carried as Base64.
pub(crate) fn plain_attachment(attachment: &Node<'_>) -> Option<String> {
    let media = attachment.text_at(&["contentType"])?;
    media.starts_with("text/plain").then_some(())?;
    let bytes = STANDARD.decode(attachment.text_at(&["data"])?).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn an_observation_reads_as_name_value_flag_and_range() {
        let text = r#"{"resourceType":"Observation","code":{"text":"钾"},
            "valueQuantity":{"value":6.80,"unit":"mmol/L"},
            "interpretation":[{"coding":[{"code":"HH","display":"Critical high"}]}],
            "referenceRange":[{"low":{"value":3.5,"unit":"mmol/L"},"high":{"value":5.3,"unit":"mmol/L"}}]}"#;
        let node = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(
            describe(&node),
            ["钾: 6.80 mmol/L [Critical high] (3.5 mmol/L–5.3 mmol/L)"]
        );
    }

    #[test]
    fn only_machine_long_decimals_are_rounded() {
        assert_eq!(number("164.84046947598196"), "164.84");
        assert_eq!(number("1.0500"), "1.0500");
        assert_eq!(number("0.00012345"), "0.00012345");
        assert_eq!(number("3.000001"), "3");
    }
}
