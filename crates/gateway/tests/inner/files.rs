//! Bad input: refused by name, the rest goes on.

use medfolder_crypto::Suite;

use crate::world::{World, bundle};

#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_refused_with_their_codes_and_the_good_one_is_taken() {
    let mut world = World::new(Suite::International).await;
    let good = bundle("P1", "V1", "D1", 1, "text");
    let text = String::from_utf8(good.clone()).unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let before_birth = text.replace("1990-01-01", "2030-01-01");
    let attached = |url: &str| {
        let attachment = format!(
            r#"{{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{{"resourceType":"DocumentReference","status":"current","content":[{{"attachment":{{"contentType":"text/plain","url":"{url}","size":3}}}}]}}}},{{"fullUrl""#
        );
        let at = text.rfind(r#"{"fullUrl""#).unwrap();
        let (head, tail) = text.split_at(at);
        format!(
            "{head}{attachment}{}",
            tail.strip_prefix(r#"{"fullUrl""#).unwrap()
        )
    };
    let urls: Vec<&str> = text.split(r#""fullUrl":""#).skip(1).collect();
    let [first, second] = [0, 1].map(|n| urls[n].split('"').next().unwrap().to_owned());
    let second = format!(r#""fullUrl":"{second}""#);
    let first = format!(r#""fullUrl":"{first}""#);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "cut.json",
            good[..good.len() / 2].to_vec(),
            "fhir.truncated",
        ),
        (
            "utf8.json",
            [&good[..20], &[0xff], &good[20..]].concat(),
            "fhir.not_utf8",
        ),
        (
            "bom.json",
            [b"\xef\xbb\xbf", &good[..]].concat(),
            "fhir.bom",
        ),
        ("deep.json", deep.into_bytes(), "fhir.too_deep"),
        ("text.json", b"hello".to_vec(), "fhir.not_json"),
        ("other.json", b"{\"a\":1}".to_vec(), "fhir.not_fhir"),
        ("birth.json", before_birth.into_bytes(), "fhir.before_birth"),
        (
            "twice.json",
            text.replacen('{', r#"{"type":"document","#, 1).into_bytes(),
            "fhir.duplicate_member",
        ),
        (
            "type.json",
            text.replace(r#""1990-01-01""#, "1990").into_bytes(),
            "fhir.wrong_type",
        ),
        (
            "ids.json",
            text.replacen(&second, &first, 1).into_bytes(),
            "fhir.duplicate_id",
        ),
        (
            "outside.json",
            attached("../../inner/zone.key").into_bytes(),
            "fhir.unsafe_attachment",
        ),
        (
            "absent.json",
            attached("files/none.txt").into_bytes(),
            "inlet.attachment_missing",
        ),
        (
            "size.json",
            attached("files/four.txt").into_bytes(),
            "inlet.attachment_differs",
        ),
    ];
    std::fs::create_dir_all(world.watched().join("files")).unwrap();
    std::fs::write(world.watched().join("files/four.txt"), b"four").unwrap();
    for (name, bytes, _) in &cases {
        std::fs::write(world.watched().join(name), bytes).unwrap();
    }
    std::fs::write(world.watched().join("good.json"), &good).unwrap();
    world
        .until_status("all looked at", |s| {
            s.skipped.len() == cases.len() && s.records == 1
        })
        .await;
    let skipped = world.status().await.skipped;
    for (name, bytes, code) in cases {
        let found = skipped.iter().find(|one| one.file == name).unwrap();
        assert_eq!(found.code, code, "{name}");
        let path = world.watched().join(name);
        world
            .until("the refused file is gone", async |_| !path.exists())
            .await;
        if !name.starts_with("absent") && !name.starts_with("size") && !name.starts_with("outside")
        {
            let (status, problem) = world.post_fhir(bytes).await;
            assert_eq!(
                (status, problem["code"].as_str()),
                (422, Some(code)),
                "{name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_file_is_refused_without_being_read() {
    let mut world = World::new(Suite::International).await;
    let huge = (64 << 20) + 1;
    let file = std::fs::File::create(world.watched().join("huge.json")).unwrap();
    file.set_len(huge).unwrap();
    world
        .until_status("refused", |s| s.skipped.len() == 1)
        .await;
    assert_eq!(world.status().await.skipped[0].code, "fhir.too_large");
    let (status, problem) = world.post_fhir(vec![b' '; huge as usize]).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (413, Some("fhir.too_large"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_left_alone_while_it_is_written() {
    let world = World::new(Suite::International).await;
    let path = world.watched().join("visit.json.part");
    std::fs::write(&path, bundle("P1", "V1", "D1", 1, "text")).unwrap();
    std::fs::write(world.watched().join(".hidden.json"), b"{}").unwrap();
    let mut world = world;
    world
        .until_status("still nothing", |s| s.skipped.is_empty() && s.records == 0)
        .await;
    std::fs::rename(&path, world.watched().join("visit.json")).unwrap();
    world.until_status("taken", |s| s.records == 1).await;
    assert!(world.watched().join(".hidden.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synthea_history_is_split_and_every_record_sealed() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let file = crate::world::family().join("../synthea/young-adult-agustin-fonseca.json");
    std::fs::copy(file, world.watched().join("agustin.json")).unwrap();
    world
        .until_status("taken in and signed", |s| s.records > 10 && s.to_sign == 0)
        .await;
    let records = world.status().await.records;
    let (status, answer) = world
        .post_fhir(
            std::fs::read(
                crate::world::family().join("../synthea/young-adult-agustin-fonseca.json"),
            )
            .unwrap(),
        )
        .await;
    assert_eq!((status, answer["new"].as_u64()), (200, Some(0)));
    assert_eq!(answer["records"].as_u64(), Some(records));
    assert!(world.status().await.skipped.is_empty());
}
