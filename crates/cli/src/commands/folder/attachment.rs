//! A record's attachments: listed, and saved one by one.

use super::show::write;
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use medfolder_folder::Folder;
use medfolder_folder::records::{Shown, attachment_name, size};
use serde_json::{Value, json};
use std::path::Path;

/// `medfolder folder show RECORD --attachment NUMBER|NAME`: to a file, or into a folder under its
/// own name.
pub(crate) fn save(
    folder: &Folder<'_>,
    record: &str,
    which: &str,
    out: Option<&Path>,
    output: Output,
) -> Result<(), CliError> {
    let shown = folder.open_record(record)?;
    let attachments = shown.record.attachments();
    if attachments.is_empty() {
        return Err(CliError::new("attachment.none", ""));
    }
    let number = which.parse::<usize>().ok();
    let by_number = number.and_then(|number| number.checked_sub(1));
    let by_name = || attachments.iter().position(|own| own.name == which);
    let by_number = by_number.filter(|index| *index < attachments.len());
    let index = by_number.or_else(by_name);
    let found = index.and_then(|index| Some((index, attachments.get(index)?)));
    let Some((index, attachment)) = found else {
        let names: Vec<&str> = attachments.iter().map(|own| own.name.as_str()).collect();
        let detail = format!("{which} ({})", names.join(output.say("、", ", ")));
        return Err(CliError::new("attachment.unknown", detail));
    };
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let bytes = folder.read_attachment(&shown.record, index)?;
    let own = attachment_name(&attachment.name, &bytes);
    let path = match out {
        Some(path) if path.is_dir() => path.join(own),
        Some(path) => path.to_path_buf(),
        None => own.into(),
    };
    write(&path, &bytes, output)
}

/// The attachments as the contract lists them.
pub(crate) fn lines(shown: &Shown) -> Vec<Value> {
    let attachments = shown.record.attachments().iter().enumerate();
    let line = attachments.map(|(index, own)| {
        json!({
            "number": index + 1, "name": own.name, "media_type": own.media_type, "size": own.size,
        })
    });
    line.collect()
}

/// The attachments for a person: number, name, type and size, and how to save one.
pub(crate) fn rows(shown: &Shown, output: Output) -> Vec<String> {
    let attachments = shown.record.attachments();
    if attachments.is_empty() {
        return Vec::new();
    }
    let names = widest(attachments.iter().map(|own| own.name.as_str()));
    let types = widest(attachments.iter().map(|own| own.media_type.as_str()));
    let row = |(index, own): (usize, &medfolder_record::Attachment)| {
        format!(
            "{:>3}  {}  {}  {}",
            index + 1,
            padded(&own.name, names),
            padded(&own.media_type, types),
            size(own.size)
        )
    };
    let id = shown.listed.record.to_string();
    let id = id.get(..12).unwrap_or(&id);
    let (file, save) = (
        output.say("文件", "FILE"),
        output.say("保存附件：", "To save one: "),
    );
    let heading = output.say("附件：", "Attachments:").to_owned();
    let how = format!("{save}medfolder folder show {id} --attachment 1 --out {file}");
    let rows = attachments.iter().enumerate().map(row);
    [heading].into_iter().chain(rows).chain([how]).collect()
}
