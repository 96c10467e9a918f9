//! The marker strings of the trust design: they go in through every inlet of a hospital, its front
//! desk, its doctors' keys and a share, and are then looked for on the disks, in the logs and in the
//! traffic of edge and node, in every form in which a mistake would leave them there.
//!
//! | inlet | what goes in |
//! |---|---|
//! | watched folder | a document with an attachment; one with a signature, OCSP answer, CRL and time-stamp |
//! | `POST /v1/fhir` | a document |
//! | `POST /v1/staff` | a doctor with name and licence |
//! | `desk code --patient` | the patient's number; the code that it gives |
//! | `share` | passcode, label, and the key in the link |
//!
//! The edge hears passcode and name of whoever opens a link, which the protocol sends it: these are
//! looked for on its disk and in its log, not in its traffic.

use crate::kills::come_to_rest;
use crate::markers::{Markers, files};
use crate::proxy::take_place;
use crate::world::{World, ask};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use medfolder_crypto::{Suite, os_rng};
use medfolder_gateway::signer::keyfile;
use medfolder_ledger::Chain;
use medfolder_record::MemberId;
use medfolder_tests::{Device, PASSPHRASE, Recorder, eventually, medfolder, root, run, told};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// What stands in a record in place of what the sample says.
const RECORD: [(&str, &str); 5] = [
    ("陈小满", "MRKname7q2甲"),
    ("ET-2201-0086", NUMBER),
    ("梁佩珊", DOCTOR),
    ("肺通气功能、支气管舒张试验及 FeNO", "MRKtitle3k7 肺功能丙"),
    ("配合度良好", "MRKbody5d1 检查所见丁"),
];
const NUMBER: &str = "MRKnumber4w9";
const DOCTOR: &str = "MRKdoctor8t5乙";
const LICENCE: &str = "MRKlicence6h2";
const PIN: &str = "MRKpin0f3 of a doctor";
const ATTACHMENT: &str = "MRKattachment6z3";
const FILE_NAME: &str = "MRKfile2r8";
/// What a posted document says in place of the sample's title.
const POSTED: (&str, &str) = ("门诊病历", "MRKposted9c4 门诊戊");
/// Patient and text of the document with the hospital's own signature.
const CARRIED: (&str, &str) = ("P1", "头痛三天");
const CARRIED_FILES: [&str; 4] = ["p7s", "ocsp", "crl", "tsr"];
const LABEL: &str = "MRKlabel1v4";
const CODE: &str = "MRKcode9x6";
const GUESS: &str = "MRKguess0y1";
const READER: &str = "MRKreader5b7";

fn carried_file(name: &str) -> PathBuf {
    root().join("tests/vectors/record/carried").join(name)
}

/// A file below the sample's visit, with markers in place of what it says.
fn marked(name: &str) -> Vec<u8> {
    let visit =
        root().join("tests/data/family/chen-xiaoman/2024-11-12-pujiang-children-asthma-review");
    let bytes = fs::read(visit.join(name)).unwrap();
    if !name.ends_with("json") {
        return [&bytes, ATTACHMENT.as_bytes()].concat();
    }
    let document = without_hashes(serde_json::from_slice(&bytes).unwrap());
    let mut text = document.to_string().replace("pft-2024-11-12", FILE_NAME);
    for (old, new) in RECORD {
        text = text.replace(old, new);
    }
    text.into_bytes()
}

/// The attachment is another than the one that the sample hashed.
fn without_hashes(value: Value) -> Value {
    let is_kept = |name: &String| !["hash", "size"].contains(&name.as_str());
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(name, _)| is_kept(name));
            let members = kept.map(|(name, value)| (name, without_hashes(value)));
            Value::Object(members.collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_hashes).collect()),
        other => other,
    }
}

/// A consortium that trusts the roots of the carried signature, and whose hospitals' only doctor is
/// the one of the markers; every byte to and from node and edges is kept.
struct Watched {
    world: World,
    /// By service, the node first.
    recorders: Vec<(String, Recorder)>,
    device: Device,
}

impl Watched {
    fn start(suite: Suite) -> Self {
        let mut world = World::of(&suite.to_string());
        let roots = ["visit-root.der", "visit-stamp-root.der"].map(carried_file);
        let digests = roots
            .each_ref()
            .map(|root| Suite::International.hash(&[&fs::read(root).unwrap()]));
        let chain = world.found_anew(|policy| {
            policy.ca_roots = vec![digests[0]];
            policy.tsa_roots = vec![digests[1]];
        });
        let enrolments = [0, 1].map(|hospital| staff(&world, &chain, hospital, &roots));
        let services = ["node".to_owned()].into_iter();
        let services = services.chain([0, 1].map(|hospital| World::service(hospital, "edge")));
        let mut node = None;
        let recorders = services.map(|service| {
            let (place, behind, url) = take_place(&world, &service);
            node.get_or_insert(url);
            let recorder = Recorder::between(TcpListener::bind(place).unwrap(), behind);
            (service, recorder)
        });
        let recorders = recorders.collect();
        world.log_all();
        world.start_all();
        for (hospital, enrolment) in enrolments.iter().enumerate() {
            enrol(&world, hospital, enrolment);
        }
        let mut device = world.device("device");
        device.ledger = node.unwrap();
        Self {
            world,
            recorders,
            device,
        }
    }

    fn inner(&self, hospital: usize) -> PathBuf {
        self.world.config(&World::service(hospital, "inner"))
    }
}

/// The doctor's key at a hospital, and what enrols her.
fn staff(world: &World, chain: &Chain, hospital: usize, roots: &[PathBuf]) -> Value {
    let (inner, signer) = (
        World::service(hospital, "inner"),
        World::service(hospital, "signer"),
    );
    let doctors = world.config(&signer).with_file_name("doctors");
    let (key, pin) = (doctors.join("marked.key"), doctors.join("marked.pin"));
    fs::write(&pin, PIN).unwrap();
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
    let made = keyfile::create(&key, PIN, chain.suite(), DOCTOR, &mut os_rng()).unwrap();
    world.change_config(&signer, |config| {
        config["keys"] = json!([{ "file": key, "pin_file": pin }]);
    });
    let mut member = None;
    world.change_config(&inner, |config| {
        config["fallback_author"] = json!(LICENCE);
        config["carried_roots"] = json!(roots);
        member = Some(serde_json::from_value::<MemberId>(config["member"].clone()).unwrap());
    });
    let enrolment = made.enrolment(&chain.digest(), &member.unwrap());
    json!({
        "signing": enrolment.public.signing, "encryption": enrolment.public.encryption,
        "name": DOCTOR, "licence": LICENCE, "role": "doctor", "proof": enrolment.proof,
    })
}

fn enrol(world: &World, hospital: usize, enrolment: &Value) {
    let address = world.address(&World::service(hospital, "inner")).unwrap();
    let token = world.token(hospital, "desk");
    let (body, path) = (enrolment.to_string(), "/v1/staff");
    let answer = ask(address, "POST", path, &token, &body).unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);
    let enrolled = || {
        let listed = ask(address, "GET", path, &token, "");
        listed.is_some_and(|(_, body)| body.contains(r#""enrolled""#) && body.contains(LICENCE))
    };
    assert!(eventually(PATIENCE, enrolled));
}

/// Hands everything in, through every inlet, and links the patient's cards; gives the
/// desk's codes and the folder's words.
fn deliver(watched: &mut Watched) -> (Vec<String>, String) {
    let world = &watched.world;
    let visit = world.watched(0).join("visit");
    let attachments = visit.join("attachments");
    fs::create_dir_all(&attachments).unwrap();
    let pdf = attachments.join(format!("{FILE_NAME}.pdf"));
    fs::write(pdf, marked("attachments/pft-2024-11-12.pdf")).unwrap();
    put(&visit, "visit.json", &marked("01-imaging-report.json"));

    let posted = String::from_utf8(marked("02-outpatient-note.json")).unwrap();
    let posted = posted.replace(POSTED.0, POSTED.1);
    let inner = world.address(&World::service(0, "inner")).unwrap();
    let token = world.token(0, "feed");
    let answer = ask(inner, "POST", "/v1/fhir", &token, &posted).unwrap();
    assert_eq!(answer.0, 200, "{}", answer.1);

    for ending in CARRIED_FILES {
        let name = format!("visit.json.{ending}");
        put(
            &world.watched(1),
            &name,
            &fs::read(carried_file(&name)).unwrap(),
        );
    }
    let signed = fs::read(carried_file("visit.json")).unwrap();
    put(&world.watched(1), "visit.json", &signed);

    let words = watched.device.create();
    let patients = [NUMBER, CARRIED.0].into_iter().enumerate();
    let codes = patients
        .map(|(hospital, patient)| watched.device.link(&watched.inner(hospital), patient).code)
        .collect();
    let taken = || [0, 1].map(|n| files(&watched.world.watched(n)).len()) == [0, 0];
    assert!(eventually(PATIENCE, taken));
    come_to_rest(&mut watched.world, &watched.device, &[]);
    (codes, words)
}

fn put(folder: &Path, name: &str, content: &[u8]) {
    let part = folder.join(format!("{name}.part"));
    fs::write(&part, content).unwrap();
    fs::rename(part, folder.join(name)).unwrap();
}

/// Shares everything, lets somebody guess and somebody open it, ends it; gives the link.
fn share(device: &Device, out: &Path) -> String {
    let words = ["share", "--all", "--passcode", CODE, "--label", LABEL];
    let made = told(device.folder(&words).args(["--for", "1h"]));
    let text = |name: &str| made.last()[name].as_str().unwrap().to_owned();
    let link = text("link");
    let open = |code| medfolder(&["open", &link, "--passcode", code, "--recipient", READER]);
    assert_eq!(run(&mut open(GUESS)).error_code(), "share.passcode_wrong");
    let opened = told(open(CODE).arg("--out").arg(out));
    assert_eq!(opened.last()["records"].as_array().map(Vec::len), Some(3));
    let looked = eventually(PATIENCE, || {
        let log = told(&mut device.folder(&["access-log"]));
        log.lines.iter().any(|line| line["who"] == READER)
    });
    assert!(looked, "the opening is not in the log");
    told(&mut device.folder(&["revoke", &text("share")]));
    link
}

/// All of it came through: the device has the doctor's and the carried signature, a reader has
/// texts, names and the file.
fn came_through(device: &Device, received: &Path) {
    let record: Vec<&str> = RECORD.iter().map(|(_, marker)| *marker).collect();
    let more = [ATTACHMENT, FILE_NAME, POSTED.1, CARRIED.1];
    let entrusted = Markers::new(&[&record[..], &more].concat());
    assert!(entrusted.absent_below(received).is_empty());
    let shown = device.records();
    let shown = shown
        .iter()
        .map(|record| told(&mut device.folder(&["show", record])));
    let carried: Vec<Value> = shown
        .flat_map(|shown| shown.last()["carried"].as_array().unwrap().clone())
        .collect();
    assert_eq!(carried.len(), 1);
    assert_eq!(carried[0]["outcome"], "holds", "{carried:?}");
    assert!(carried[0]["revocation_checked"] == true && carried[0]["stamped"].is_string());
}

/// What nobody but hospital, patient and reader may have in clear.
fn entrusted(codes: &[String], link: &str, words: &str) -> Markers {
    let payload = link.rsplit("shlink:/").next().unwrap();
    let parsed: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let key = parsed["key"].as_str().unwrap();
    let typed = codes.iter().map(|code| code.replace('-', ""));
    let codes: Vec<String> = codes.iter().cloned().chain(typed).collect();
    let mut texts: Vec<&str> = RECORD.iter().map(|(_, marker)| *marker).collect();
    texts.extend([LICENCE, PIN, ATTACHMENT, FILE_NAME, POSTED.1, CARRIED.1]);
    texts.extend([LABEL, PASSPHRASE, payload, key, words]);
    texts.extend(codes.iter().map(String::as_str));
    let mut markers = Markers::new(&texts);
    for ending in CARRIED_FILES {
        let bytes = fs::read(carried_file(&format!("visit.json.{ending}"))).unwrap();
        // From the end: signature values, which stand nowhere else.
        markers = markers.and_bytes(ending, &bytes[bytes.len() - 40..bytes.len() - 8]);
    }
    markers
}

/// Tokens of sessions, as they went over the connections.
fn tokens(said: &[Vec<u8>]) -> BTreeSet<String> {
    const BEFORE: &str = "authorization: Bearer ";
    let texts = said.iter().map(|said| String::from_utf8_lossy(said));
    let tokens = texts.flat_map(|text| {
        let after = text.split(BEFORE).skip(1);
        let token = after.filter_map(|rest| rest.split("\r\n").next());
        token.map(str::to_owned).collect::<Vec<_>>()
    });
    tokens.collect()
}

fn nothing_is_left_in_clear(suite: Suite) {
    let mut watched = Watched::start(suite);
    let (codes, words) = deliver(&mut watched);
    let received = watched.world.file("received");
    let link = share(&watched.device, &received);
    came_through(&watched.device, &received);
    watched.world.kill_all();

    let entrusted = entrusted(&codes, &link, &words);
    let typed = Markers::new(&[CODE, GUESS]);
    let reader = Markers::new(&[READER]);
    // Disks of edge and node and what lies between the zones; the inner zone's own, of what is final.
    for hospital in [0, 1] {
        let folder = watched.inner(hospital);
        for part in ["edge", "spool", "inner", "fhir"] {
            let place = folder.with_file_name(part);
            assert_eq!(entrusted.below(&place), [], "{part}");
            assert_eq!(typed.below(&place), [], "{part}");
            // What a reader called herself is the host's own record, and nobody else's.
            assert!(part == "edge" || reader.below(&place).is_empty());
        }
    }
    let node = watched.world.file("node/data");
    let all = [&entrusted, &typed, &reader];
    for markers in all {
        assert_eq!(markers.below(&node), []);
    }

    // Everybody's logs.
    let said = watched.recorders.iter();
    let said: Vec<Vec<u8>> = said.flat_map(|(_, recorder)| recorder.said()).collect();
    let tokens = tokens(&said);
    assert!(tokens.len() > 4, "{tokens:?}");
    let tokens = Markers::new(&tokens.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(files(&watched.world.logs()).len(), World::services().len());
    for markers in all.into_iter().chain([&tokens]) {
        assert_eq!(markers.below(&watched.world.logs()), []);
    }

    // Traffic; the edge that serves the share hears what was typed, so it is all there to be searched.
    let heard = said.iter().any(|said| !typed.within(said).is_empty());
    assert!(heard && said.iter().any(|said| !reader.within(said).is_empty()));
    for (service, recorder) in &watched.recorders {
        let said = recorder.said();
        assert!(said.iter().map(Vec::len).sum::<usize>() > 10_000);
        let is_node = service == "node";
        for said in &said {
            assert_eq!(entrusted.within(said), Vec::<String>::new(), "{service}");
            for markers in [&typed, &reader] {
                assert!(!is_node || markers.within(said).is_empty(), "{service}");
            }
        }
    }
}

#[test]
fn nothing_that_was_entrusted_is_on_the_disks_in_the_logs_or_the_traffic_of_edge_and_node() {
    nothing_is_left_in_clear(Suite::International);
}

#[test]
fn nothing_that_was_entrusted_is_left_in_clear_on_the_national_suite_either() {
    nothing_is_left_in_clear(Suite::National);
}
