//! A share host that leaves files out of its manifests: the patient encrypted what names every record,
//! so the reader is told which ones did not come.

use super::{at, is_chinese, share};
use medfolder_tests::{Served, binary, run, told};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

const NAMED: &str = "link.records_missing";

/// The address of a host that passes on what the true one says, without these files of its manifest.
fn host_without(files: &[usize], link: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let files = files.to_vec();
    at(link, |url| {
        let (_, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let host: SocketAddr = host.parse().unwrap();
        std::thread::spawn(move || {
            for reader in listener.incoming() {
                let _ = answer(&mut reader.unwrap(), host, &files);
            }
        });
        format!("http://{address}/{path}")
    })
}

/// Answers one request and closes.
fn answer(reader: &mut TcpStream, host: SocketAddr, files: &[usize]) -> std::io::Result<()> {
    let (head, body) = message(reader)?;
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let kept = lines.filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("host:") && !line.starts_with("connection:")
    });
    let kept = kept.collect::<Vec<_>>().join("\r\n");
    let mut edge = TcpStream::connect(host)?;
    write!(
        edge,
        "{first}\r\nhost: {host}\r\nconnection: close\r\n{kept}\r\n\r\n"
    )?;
    edge.write_all(&body)?;
    let (head, body) = message(&mut edge)?;
    let mut manifest: Value = serde_json::from_slice(&body)?;
    if let Some(list) = manifest["files"].as_array_mut() {
        let mut position = 0;
        list.retain(|_| (!files.contains(&position), position += 1).0);
    }
    let first = head.lines().next().unwrap_or_default();
    let body = manifest.to_string();
    let length = body.len();
    write!(
        reader,
        "{first}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Head and body of a message that says its length.
fn message(from: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).trim_end().to_owned();
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, length)| length.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    Ok((head, body))
}

fn titles(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap().iter();
    list.map(|record| record["title"].as_str().unwrap())
        .collect()
}

pub(super) fn a_record_that_the_host_leaves_out_is_told_by_name(served: &Served) {
    let (_, link) = share(served, &["--no-code", "--for", "1h"]);
    let open = |link: &str, words: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["open", link]).args(words);
        command
    };
    let whole = told(&mut open(&link, &["--json"]));
    let whole = whole.last();
    assert_eq!(whole["missing"], serde_json::json!([]));
    let all = titles(&whole["records"]);
    let everything: Vec<usize> = (0..all.len()).collect();
    for dropped in [&everything[..1], &everything] {
        let link = host_without(dropped, &link);
        let ended = run(&mut open(&link, &["--json"]));
        assert_eq!(
            (ended.exit, ended.error_code()),
            (3, NAMED),
            "{}",
            ended.stderr
        );
        let line = &ended.lines[0];
        assert_eq!(titles(&line["missing"]), all[..dropped.len()]);
        assert_eq!(titles(&line["records"]), all[dropped.len()..]);
        for (name, value) in line["missing"][0].as_object().unwrap() {
            assert!(value.is_string(), "{name}: {value}");
        }
        assert_eq!(
            line["missing"][0]["hospital"],
            whole["records"][0]["hospital"]
        );
        for (language, row) in [("en", "✗ not received: "), ("zh", "✗ 没有收到：")] {
            let page = run(&mut open(&link, &["--lang", language]));
            assert_eq!(page.exit, 3);
            for title in &all[..dropped.len()] {
                assert!(
                    page.stdout.contains(&format!("{row}{title}")),
                    "{}",
                    page.stdout
                );
            }
            assert_eq!(
                is_chinese(&page.stderr),
                language == "zh",
                "{}",
                page.stderr
            );
        }
    }
}
