//! An attachment that is too large for a link: the folder has all of it, the link says what it is.

use super::share;
use medfolder_tests::{Served, binary, root, told};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const VISIT: &str = "tests/data/family/chen-xiaoman/2024-11-12-pujiang-children-asthma-review";
const REPORT: &str = "01-imaging-report.json";
const FILE: &str = "attachments/pft-2024-11-12.pdf";
/// 5 MiB and a bit; the most that travels is 4.
const SIZE: usize = (5 << 20) + 7;

/// The visit's report with a file of this content.
fn visit_with(content: &[u8], data: &Path) {
    let report = fs::read(root().join(VISIT).join(REPORT)).unwrap();
    let mut report: Value = serde_json::from_slice(&report).unwrap();
    let entries = report["entry"].as_array_mut().unwrap().iter_mut();
    let mut attachments = entries.filter_map(|entry| {
        let attachment = entry.pointer_mut("/resource/content/0/attachment")?;
        attachment.as_object_mut()
    });
    let attachment = attachments.find(|one| one["url"] == FILE).unwrap();
    attachment.insert("size".to_owned(), content.len().into());
    attachment.remove("hash");
    fs::create_dir_all(data.join("attachments")).unwrap();
    fs::write(data.join(REPORT), report.to_string()).unwrap();
    fs::write(data.join(FILE), content).unwrap();
}

#[test]
fn an_attachment_that_no_link_carries_is_named_with_size_and_digest_and_to_be_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let content: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    visit_with(&content, &data);
    let words = ["--data", &data.to_string_lossy()];
    let served = Served::start_with(&place.path().join("world"), &words);
    let listed = told(&mut served.folder(0, &["list"]));
    let record = listed.last()["record"].as_str().unwrap();
    let (saved, opened) = (place.path().join("saved"), place.path().join("opened"));
    let out = saved.to_str().unwrap();
    told(&mut served.folder(0, &["show", record, "--attachment", "1", "--out", out]));
    assert!(fs::read(&saved).unwrap() == content, "it is not what came");

    let (_, link) = share(&served, &["--no-code", "--for", "1h"]);
    let open = |words: &[&str]| {
        let mut command = Command::new(binary());
        told(command.args(["open", &link]).args(words))
    };
    let program = open(&["--json", "--out", opened.to_str().unwrap()]);
    let attachment = &program.last()["records"][0]["attachments"][0];
    let digest = ring::digest::digest(&ring::digest::SHA256, &content);
    let digest = hex::encode(digest);
    assert_eq!(attachment["state"], "withheld");
    assert_eq!(attachment["size"], SIZE);
    assert_eq!(attachment["digest"], digest.as_str());
    let files = fs::read_dir(opened).unwrap().map(|file| file.unwrap());
    let sizes: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
    assert!(sizes.len() > 2 && sizes.iter().all(|size| *size < SIZE as u64));
    for (language, words) in [("en", "ask for the original"), ("zh", "请索取原件")] {
        let page = open(&["--lang", language]).stdout;
        let row = page.lines().find(|line| line.contains(words));
        let row = row.unwrap_or_else(|| panic!("{page}"));
        for part in ["pft-2024-11-12.pdf", "5.2 MB", &digest] {
            assert!(row.contains(part), "{row}");
        }
    }
}
