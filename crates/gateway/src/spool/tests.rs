use super::*;
use std::fs;
use std::path::Path;

fn tx(number: u8) -> Out {
    Out::Tx(vec![number])
}

fn read_all(dir: &Path) -> Vec<Out> {
    let mut reader = Reader::<Out>::open(dir).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Message { name, message } = item {
            reader.done(&name, &message).unwrap();
            found.push(message);
        }
    }
    found
}

#[test]
fn messages_are_read_in_the_order_of_sending_across_restarts_of_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut writer = Writer::open(dir.path()).unwrap();
        for number in 0..5 {
            writer.send(tx(round * 5 + number)).unwrap();
        }
        if round == 1 {
            assert_eq!(read_all(dir.path()), (0..10).map(tx).collect::<Vec<_>>());
        }
    }
    assert_eq!(read_all(dir.path()), (10..15).map(tx).collect::<Vec<_>>());
    assert_eq!(read_all(dir.path()), vec![]);
}

#[test]
fn a_crash_between_write_and_rename_leaves_no_message_and_loses_no_earlier_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.send(tx(1)).unwrap();
    let unsent = writer.prepare(&tx(2)).unwrap();
    drop((unsent, writer));
    assert_eq!(read_all(dir.path()), vec![tx(1)]);
    let mut writer = Writer::open(dir.path()).unwrap();
    assert_eq!(fs::read_dir(dir.path().join(TMP)).unwrap().count(), 0);
    writer.send(tx(2)).unwrap();
    assert_eq!(read_all(dir.path()), vec![tx(2)]);
}

#[test]
fn a_staged_message_outlives_a_crash_when_its_writer_noted_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::<Out>::open(dir.path()).unwrap();
    let [noted, lost] = [3, 4].map(|number| {
        let unsent = writer.stage("tx").unwrap();
        unsent.write(&tx(number)).unwrap();
        unsent.name()
    });
    drop(writer);
    let mut writer = Writer::<Out>::open_keeping(dir.path(), |name| name == noted).unwrap();
    let again = [writer.staged(&noted), writer.staged(&lost)];
    writer.publish(&again).unwrap();
    assert_eq!(read_all(dir.path()), vec![tx(3)]);
    // Shown and read already: showing it again changes nothing.
    writer.publish(&again).unwrap();
    assert_eq!(read_all(dir.path()), vec![]);
}

#[test]
fn a_message_whose_reader_died_before_done_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.send(tx(7)).unwrap();
    writer.send(tx(8)).unwrap();
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    for _ in 0..2 {
        let again = reader.next().unwrap();
        assert!(matches!(again, Some(Item::Message { message, .. }) if message == tx(7)));
    }
    drop(reader);
    assert_eq!(read_all(dir.path()), vec![tx(7), tx(8)]);
}

#[test]
fn a_blob_stays_until_its_delivery_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let (digest, size) = writer
        .put_blob(medfolder_crypto::Suite::International, &b"ciphertext"[..])
        .unwrap();
    let record = RecordId(Digest([1; 32]));
    let blob = BlobRef {
        record,
        index: 0,
        digest,
        size,
    };
    let delivery = Delivery {
        transaction: vec![1],
        envelopes: vec![vec![2].into()],
        slot: vec![3],
        attachments: vec![blob.clone()],
    };
    writer.send(Out::Delivery(delivery)).unwrap();
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    let Some(Item::Message { name, message }) = reader.next().unwrap() else {
        panic!("no delivery");
    };
    assert!(reader.blob(&blob).is_ok());
    let other_size = BlobRef {
        size: size + 1,
        ..blob.clone()
    };
    assert_eq!(
        reader.blob(&other_size).unwrap_err().code(),
        "spool.no_blob"
    );
    reader.done(&name, &message).unwrap();
    assert_eq!(reader.blob(&blob).unwrap_err().code(), "spool.no_blob");
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn blobs_that_no_message_will_name_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::<Out>::open(dir.path()).unwrap();
    let suite = medfolder_crypto::Suite::National;
    let (kept, _) = writer.put_blob(suite, &b"kept"[..]).unwrap();
    writer.put_blob(suite, &b"left by a crash"[..]).unwrap();
    writer.sweep_blobs(|name| name == kept.to_string()).unwrap();
    let names: Vec<_> = fs::read_dir(dir.path().join(BLOBS)).unwrap().collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn hostile_files_are_set_aside_and_what_follows_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.send(tx(0)).unwrap();
    assert_eq!(read_all(dir.path()), vec![tx(0)]);
    let new = dir.path().join(NEW);
    let good = to_file(&tx(1));
    fs::write(new.join("0000000000000000.tx"), &good[..good.len() - 1]).unwrap();
    fs::write(new.join("0000000000000001.tx"), [&good[..], &[0]].concat()).unwrap();
    fs::write(new.join("0000000000000003.answer"), &good).unwrap();
    fs::write(new.join("4.tx"), &good).unwrap();
    fs::create_dir(new.join("0000000000000005.tx")).unwrap();
    let secret = dir.path().join("outside");
    fs::write(&secret, &good).unwrap();
    std::os::unix::fs::symlink(&secret, new.join("0000000000000006.tx")).unwrap();
    let huge = fs::File::create(new.join("0000000000000007.tx")).unwrap();
    huge.set_len(MAX_MESSAGE as u64 + 1).unwrap();
    // An array that claims four billion envelopes.
    let claims = [
        0x82, 0x00, 0x82, 0x00, 0x81, 0x84, 0x41, 0x01, 0x9a, 0xff, 0xff, 0xff, 0xff,
    ];
    fs::write(new.join("0000000000000008.delivery"), ended(&claims)).unwrap();
    fs::write(new.join("ffffffffffffffff.tx"), good).unwrap();
    drop(writer);
    Writer::open(dir.path()).unwrap().send(tx(9)).unwrap();

    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    let (mut bad, mut messages) = (0, 0);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Bad { name } => {
                reader.set_aside(&name).unwrap();
                bad += 1;
            }
            Item::Message { name, message } => {
                reader.done(&name, &message).unwrap();
                messages += 1;
            }
        }
    }
    assert_eq!((bad, messages), (8, 2));
    assert!(secret.exists());
}

#[test]
fn a_message_of_a_newer_version_stays_first_in_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.send(tx(0)).unwrap();
    let path = dir.path().join(NEW).join("0000000000000000.tx");
    let own = fs::read(&path).unwrap();
    // Of its shape nothing is known but how it begins.
    fs::write(&path, ended(&[0x83, VERSION + 1, 0, 0])).unwrap();
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    for _ in 0..2 {
        assert_eq!(reader.next().unwrap_err().code(), "spool.version");
    }
    fs::write(&path, own).unwrap();
    assert!(matches!(reader.next().unwrap(), Some(Item::Message { .. })));
}

#[test]
fn what_is_set_aside_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = Reader::<In>::open(dir.path()).unwrap();
    for number in 0..MAX_BAD + 10 {
        fs::write(
            dir.path().join(NEW).join(format!("{number:016x}.claim")),
            b"?",
        )
        .unwrap();
    }
    while let Some(Item::Bad { name }) = reader.next().unwrap() {
        reader.set_aside(&name).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join(BAD)).unwrap().count(), MAX_BAD);
}

/// A file's content before its digest, with it.
fn ended(bytes: &[u8]) -> Vec<u8> {
    [bytes, &digest(bytes).0].concat()
}

#[test]
fn whatever_byte_of_a_message_changes_or_is_lost_it_is_no_message() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(NEW).join("0000000000000000.delivery");
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    let delivery = Delivery {
        transaction: vec![1; 4],
        envelopes: vec![vec![2; 4].into()],
        slot: vec![3; 4],
        attachments: Vec::new(),
    };
    let file = to_file(&Out::Delivery(delivery));
    let mut is_bad = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        matches!(reader.next(), Ok(Some(Item::Bad { .. })))
    };
    assert!(!is_bad(&file));
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut bent = file.clone();
            bent[at] ^= 1 << bit;
            assert!(is_bad(&bent), "byte {at}, bit {bit}");
        }
        assert!(is_bad(&file[..at]), "cut at {at}");
    }
}

#[test]
fn what_is_not_taken_is_kept_aside_with_its_blobs_where_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    let (digest, _) = writer.put_blob(Suite::National, &b"kept"[..]).unwrap();
    writer.send(tx(1)).unwrap();
    writer.send(tx(2)).unwrap();
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    let Some(Item::Message { name, .. }) = reader.next().unwrap() else {
        panic!("no message")
    };
    reader.set_aside(&name).unwrap();
    let kept = fs::read(dir.path().join(BAD).join(&name)).unwrap();
    assert_eq!(kept, to_file(&tx(1)));
    assert!(dir.path().join(BLOBS).join(digest.to_string()).exists());
    assert_eq!(read_all(dir.path()), vec![tx(2)]);
}

#[test]
fn a_message_that_vanishes_after_it_was_seen_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(dir.path()).unwrap();
    writer.send(tx(1)).unwrap();
    writer.send(tx(2)).unwrap();
    let mut reader = Reader::<Out>::open(dir.path()).unwrap();
    assert!(reader.next().unwrap().is_some());
    fs::remove_file(dir.path().join(NEW).join("0000000000000000.tx")).unwrap();
    let next = reader.next().unwrap();
    assert!(matches!(next, Some(Item::Message { message, .. }) if message == tx(2)));
}
