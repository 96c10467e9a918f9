//! Files and links of independent software: `jose`, kill-the-clipboard and plain Node, run from
//! `tests/interop` (its packages are installed by `make setup`), and published examples.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use common::*;
use medfolder_crypto::os_rng;
use medfolder_share::content_type::{FHIR_JSON, HEALTH_CARD};
use medfolder_share::jwe::{JweLimits, Zip, decrypt, encrypt};
use medfolder_share::viewer::{Response, Step, ViewedFile, Viewer, ViewerError, ViewerOptions};
use medfolder_share::{LinkWarning, read_link};
use serde_json::{Value, json};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A script of `tests/interop` that runs until this is dropped.
struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Script {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = project().join("tests/interop");
        assert!(
            folder.join("node_modules").exists(),
            "run `make setup`: tests/interop lacks its packages"
        );
        let mut child = Command::new("node")
            .arg(name)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            input,
            output,
        }
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{request}").unwrap();
        self.line()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn contents() -> Vec<String> {
    vec![
        "{\"resourceType\":\"Patient\"}".into(),
        "{\"resourceType\":\"Bundle\",\"title\":\"青霉素过敏 😀\"}".into(),
        format!(
            "{{\"resourceType\":\"Bundle\",\"x\":\"{}\"}}",
            "病历".repeat(100_000)
        ),
    ]
}

#[test]
fn files_made_here_open_in_jose_kill_the_clipboard_and_plain_node() {
    let mut script = Script::start("jwe.mjs", &[]);
    for content in contents() {
        for zip in [Zip::None, Zip::Deflate] {
            let jwe = encrypt(&key(), FHIR_JSON, content.as_bytes(), zip, &mut os_rng()).unwrap();
            for with in ["jose", "kill-the-clipboard", "node"] {
                let request = json!({"do": "open", "with": with, "key": key().to_text().as_str(), "jwe": jwe});
                let answer = script.ask(&request);
                assert_eq!(
                    answer["content"],
                    content.as_str(),
                    "{with} {zip:?} {}",
                    answer["error"]
                );
                assert_eq!(answer["contentType"], FHIR_JSON);
            }
        }
    }
}

#[test]
fn files_made_by_jose_and_kill_the_clipboard_open_here() {
    let mut script = Script::start("jwe.mjs", &[]);
    for content in contents() {
        for zip in [false, true] {
            for with in ["jose", "kill-the-clipboard"] {
                let answer = script.ask(&json!({
                    "do": "seal", "with": with, "key": key().to_text().as_str(),
                    "contentType": HEALTH_CARD, "content": content, "zip": zip,
                }));
                let file = decrypt(
                    &key(),
                    answer["jwe"].as_str().unwrap(),
                    &JweLimits::default(),
                )
                .unwrap();
                assert_eq!(file.content.as_slice(), content.as_bytes());
                assert_eq!(file.content_type.as_deref(), Some(HEALTH_CARD));
            }
        }
    }
}

#[test]
fn what_is_altered_here_is_refused_there() {
    let mut script = Script::start("jwe.mjs", &[]);
    let mut jwe = jwe(FHIR_JSON, b"{}");
    let last = if jwe.ends_with('A') { 'Q' } else { 'A' };
    jwe.pop();
    jwe.push(last);
    for with in ["jose", "kill-the-clipboard", "node"] {
        let request =
            json!({"do": "open", "with": with, "key": key().to_text().as_str(), "jwe": jwe});
        assert!(script.ask(&request)["error"].is_string(), "{with}");
    }
}

/// HTTP/1.0 over a socket: what a driver of the viewer does, as small as possible.
fn perform(step: &Step) -> (u16, String) {
    let (method, url, body) = match step {
        Step::Post { url, body } => ("POST", url, body.as_slice()),
        Step::Get { url } => ("GET", url, [].as_slice()),
        _ => panic!("not a request"),
    };
    let (authority, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let head = format!(
        "{method} /{path} HTTP/1.0\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

fn open(link: &str, options: ViewerOptions) -> Result<(Vec<Step>, Viewer), ViewerError> {
    let mut viewer = Viewer::new(read_link(link).unwrap().link, options, 0)?;
    let steps = drive(&mut viewer, perform)?;
    Ok((steps, viewer))
}

struct Issued {
    script: Script,
    link: String,
    contents: Vec<String>,
    _folder: tempfile::TempDir,
}

fn issue(files: usize, options: &[&str]) -> Issued {
    let folder = tempfile::tempdir().unwrap();
    let resource =
        |n| json!({"resourceType": "Patient", "id": format!("p{n}"), "note": "病".repeat(9_000)});
    let contents: Vec<String> = (0..files).map(|n| resource(n).to_string()).collect();
    let mut arguments: Vec<String> = Vec::new();
    for (n, content) in contents.iter().enumerate() {
        let path = folder.path().join(format!("{n}.json"));
        std::fs::write(&path, content).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    arguments.extend(options.iter().map(|o| (*o).to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut script = Script::start("issue.mjs", &arguments);
    let link = script.line()["link"].as_str().unwrap().to_owned();
    Issued {
        script,
        link,
        contents,
        _folder: folder,
    }
}

fn texts(files: Vec<ViewedFile>) -> Vec<String> {
    files
        .into_iter()
        .map(|f| String::from_utf8(f.content.unwrap().to_vec()).unwrap())
        .collect()
}

#[test]
fn a_link_of_kill_the_clipboard_opens_with_and_without_zip_embedded_and_located() {
    for options in [
        vec![],
        vec!["--zip"],
        vec!["--locations"],
        vec!["--zip", "--locations", "--long-term"],
    ] {
        let issued = issue(3, &options);
        let (_, viewer) = open(&issued.link, common::options()).unwrap();
        assert_eq!(texts(viewer.into_files()), issued.contents, "{options:?}");
    }
}

#[test]
fn the_viewers_limit_of_embedded_files_is_kept_by_their_host() {
    let issued = issue(2, &[]);
    let all = ViewerOptions {
        embedded_length_max: Some(1 << 20),
        ..common::options()
    };
    assert_eq!(open(&issued.link, all).unwrap().0.len(), 2);
    let none = ViewerOptions {
        embedded_length_max: Some(0),
        ..common::options()
    };
    assert_eq!(open(&issued.link, none).unwrap().0.len(), 4);
}

#[test]
fn a_direct_file_of_kill_the_clipboard_opens() {
    let mut issued = issue(1, &["--direct", "--zip", "--label", "检验报告"]);
    let (steps, viewer) = open(&issued.link, common::options()).unwrap();
    assert!(matches!(steps.as_slice(), [Step::Get { .. }, Step::Done]));
    assert_eq!(viewer.link().label(), Some("检验报告"));
    assert_eq!(texts(viewer.into_files()), issued.contents);
    issued.script.input = None;
}

#[test]
fn a_passcode_of_kill_the_clipboard_is_asked_for_and_counted() {
    let issued = issue(1, &["--passcode", "2468"]);
    let (steps, mut viewer) = open(&issued.link, with_passcode("1111")).unwrap();
    assert_eq!(
        steps.last(),
        Some(&Step::AskPasscode { remaining: Some(4) })
    );
    viewer.supply_passcode("2468".to_owned().into());
    drive(&mut viewer, perform).unwrap();
    assert_eq!(texts(viewer.into_files()), issued.contents);
    let unknown = issued.link.clone();
    let link = read_link(&unknown).unwrap().link;
    let gone = link.url().as_str().replace("/manifest", "/other");
    let (status, _) = perform(&Step::Post {
        url: gone,
        body: b"{\"recipient\":\"x\"}".to_vec().into(),
    });
    let mut viewer = Viewer::new(link, with_passcode("2468"), 0).unwrap();
    viewer.step(0);
    let response = Response {
        status,
        retry_after: None,
        body: b"",
    };
    assert_eq!(viewer.answer(0, response), Err(ViewerError::NotAvailable));
}

fn example(name: &str) -> String {
    std::fs::read_to_string(project().join("tests/data/shl").join(name)).unwrap()
}

#[test]
fn the_example_of_the_specification_reads_and_its_file_opens() {
    let example: Value = serde_json::from_str(&example("spec-text-example.json")).unwrap();
    for form in ["shlinkBare", "shlink"] {
        let read = read_link(example[form].as_str().unwrap()).unwrap();
        assert!(read.warnings.is_empty());
        let link = read.link;
        assert_eq!(link.url().as_str(), example["payload"]["url"]);
        assert_eq!(link.label(), example["payload"]["label"].as_str());
        assert_eq!(link.flags().letters(), "LP");
        let jwe = example["encryptedFile"].as_str().unwrap();
        let file = decrypt(link.key(), jwe, &JweLimits::default()).unwrap();
        assert_eq!(file.content_type.as_deref(), Some(HEALTH_CARD));
        assert_eq!(file.content.len(), 846);
        assert!(
            serde_json::from_slice::<Value>(&file.content).unwrap()["verifiableCredential"]
                .is_array()
        );
    }
}

#[test]
fn a_published_direct_link_without_content_type_opens_as_fhir() {
    let link = read_link(example("ips-bundle-01-shl.txt").trim()).unwrap();
    assert!(link.warnings.is_empty());
    let mut viewer = Viewer::new(link.link, common::options(), 0).unwrap();
    let jwe = example("ips-bundle-01.jwe.txt");
    drive(&mut viewer, |step| {
        assert!(matches!(step, Step::Get { url } if url.ends_with("-enc.txt?recipient=Dr.+Li")));
        (200, jwe.clone())
    })
    .unwrap();
    let file = viewer.into_files().remove(0);
    assert!(file.is_fhir());
    let bundle: Value = serde_json::from_slice(&file.content.unwrap()).unwrap();
    assert_eq!(
        (bundle["resourceType"].as_str(), bundle["type"].as_str()),
        (Some("Bundle"), Some("document"))
    );
}

#[test]
fn the_published_payload_with_its_slips_reads_with_a_warning() {
    use base64::Engine as _;
    let payload = example("payload-example-passcode.json");
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
    let read = read_link(&format!("shlink:/{encoded}")).unwrap();
    assert_eq!(read.warnings, [LinkWarning::ExpiryMilliseconds]);
    assert_eq!((read.link.label(), read.link.exp()), (None, None));
}

#[test]
fn the_published_manifest_reads_and_its_snipped_file_is_named() {
    let mut viewer = Viewer::new(link(""), common::options(), 0).unwrap();
    viewer.step(0);
    viewer
        .answer(0, ok(&example("manifest-example.json")))
        .unwrap();
    assert_eq!((viewer.file_count(), viewer.finished_count()), (3, 1));
    let snipped = viewer.take_file_at(1).unwrap();
    assert_eq!(snipped.content.unwrap_err().code(), "jwe.malformed");
}
