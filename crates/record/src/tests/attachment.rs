//! Attachments stream both ways, and every chunk is bound to its record, place and length.

use super::forge::{Forge, Forged, IMAGE, place, secret};
use crate::attachment::{
    BlobAudit, CHUNK_LEN, SEALED_CHUNK_LEN, blob_length, check_chunk, chunk_count,
};
use crate::record_core::Blob;
use crate::{Attachment, AttachmentSealer, Check, RecordKey, SealKey};
use medfolder_crypto::{Digest, Suite, merkle};
use proptest::prelude::*;

fn key(suite: Suite) -> RecordKey {
    SealKey::new(secret(0x61)).record(suite, place().k)
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

fn seal(suite: Suite, bytes: &[u8], step: usize) -> (Digest, Blob, Vec<u8>) {
    let mut out = Vec::new();
    let mut sealer = AttachmentSealer::new(&key(suite), &place(), 0, bytes.len() as u64).unwrap();
    for part in bytes.chunks(step.max(1)) {
        sealer.push(part, &mut out).unwrap();
    }
    let (digest, blob) = sealer.finish(&mut out).unwrap();
    (digest, blob, out)
}

/// A record whose one attachment is `bytes`.
fn forged(suite: Suite, bytes: &[u8]) -> (Forged, Vec<u8>) {
    let (digest, blob, out) = seal(suite, bytes, CHUNK_LEN);
    let mut forge = Forge::honest(suite);
    let (name, media_type) = ("CT".into(), "application/dicom".into());
    forge.attachments = vec![Attachment {
        digest,
        size: bytes.len() as u64,
        name,
        media_type,
    }];
    forge.blobs = vec![blob];
    forge.sign();
    (forge.seal(), out)
}

fn open(forged: &Forged, blob: &[u8], step: usize) -> Result<Vec<u8>, Check> {
    let record = forged.open().unwrap();
    let mut opener = record.attachment(0).unwrap().opener()?;
    let mut out = Vec::new();
    for part in blob.chunks(step.max(1)) {
        opener.push(part, &mut out)?;
    }
    opener.finish().map(|()| out)
}

const SIZES: [usize; 7] = [
    0,
    1,
    1024,
    1025,
    CHUNK_LEN,
    CHUNK_LEN + 1,
    3 * CHUNK_LEN + 17,
];

#[test]
fn attachments_of_many_sizes_come_back_in_both_suites() {
    for suite in Suite::ALL {
        for size in SIZES {
            let bytes = pattern(size);
            let (forged, blob) = forged(suite, &bytes);
            assert_eq!(blob.len() as u64, blob_length(size as u64));
            assert_eq!(open(&forged, &blob, 5000).unwrap(), bytes);
        }
    }
}

#[test]
fn the_small_attachment_of_an_honest_record_opens() {
    let forged = Forge::honest(Suite::National).seal();
    assert_eq!(open(&forged, &forged.blob, 1).unwrap(), IMAGE);
}

#[test]
fn a_blob_that_is_changed_cut_or_longer_is_named() {
    let suite = Suite::International;
    let (forged, blob) = forged(suite, &pattern(CHUNK_LEN + 1));
    let mut changed = blob.clone();
    changed[SEALED_CHUNK_LEN] ^= 1;
    let longer = [blob.as_slice(), &[0]].concat();
    let first_chunk = &blob[..SEALED_CHUNK_LEN];
    for bad in [
        &changed,
        longer.as_slice(),
        first_chunk,
        &blob[..blob.len() - 1],
        &[],
    ] {
        assert_eq!(open(&forged, bad, 4096).unwrap_err(), Check::AttachmentBlob);
    }
}

#[test]
fn swapped_chunks_are_named() {
    let (forged, blob) = forged(Suite::International, &pattern(3 * CHUNK_LEN));
    let (first, rest) = blob.split_at(SEALED_CHUNK_LEN);
    let (second, third) = rest.split_at(SEALED_CHUNK_LEN);
    let swapped = [second, first, third].concat();
    assert_eq!(
        open(&forged, &swapped, 65_536).unwrap_err(),
        Check::AttachmentBlob
    );
}

#[test]
fn an_attachment_other_than_the_signed_one_is_named() {
    let suite = Suite::International;
    let (_, blob, out) = seal(suite, &pattern(30), 30);
    let mut forge = Forge::honest(suite);
    forge.attachments[0].size = 30;
    forge.blobs = vec![blob];
    forge.sign();
    assert_eq!(
        open(&forge.seal(), &out, 100).unwrap_err(),
        Check::Attachment
    );
}

#[test]
fn bytes_hidden_in_the_padding_are_named() {
    let suite = Suite::International;
    let (_, blob, out) = seal(suite, &pattern(30), 30);
    let mut forge = Forge::honest(suite);
    forge.attachments[0].size = 29;
    forge.attachments[0].digest = suite.hash(&[&pattern(29)]);
    forge.blobs = vec![blob];
    forge.sign();
    assert_eq!(
        open(&forge.seal(), &out, 100).unwrap_err(),
        Check::Attachment
    );
}

#[test]
fn a_blob_of_another_size_class_than_signed_is_named_before_decrypting() {
    let suite = Suite::International;
    let mut forge = Forge::honest(suite);
    forge.attachments[0].size = 5000;
    forge.sign();
    let record = forge.seal().open().unwrap();
    assert_eq!(
        record.attachment(0).unwrap().opener().unwrap_err(),
        Check::AttachmentBlob
    );
    assert!(record.attachment(1).is_none());
}

#[test]
fn each_chunk_is_proven_and_opened_by_itself() {
    for suite in Suite::ALL {
        let bytes = pattern(2 * CHUNK_LEN + 100);
        let (forged, sealed) = forged(suite, &bytes);
        let record = forged.open().unwrap();
        let attachment = record.attachment(0).unwrap();
        let mut audit = BlobAudit::new(suite);
        audit.push(&sealed);
        let (blob, leaves) = audit.finish();
        assert_eq!(&blob, attachment.blob());
        let mut whole = Vec::new();
        for (index, chunk) in sealed.chunks(SEALED_CHUNK_LEN).enumerate() {
            let path = merkle::inclusion_path(suite, &leaves, index).unwrap();
            whole.extend_from_slice(&attachment.open_chunk(index as u64, chunk, &path).unwrap());
            let other = (index as u64 + 1) % chunk_count(blob.length);
            assert_eq!(
                check_chunk(suite, &blob, other, chunk, &path),
                Err(Check::AttachmentBlob)
            );
        }
        assert_eq!(whole, bytes);
    }
}

#[test]
fn more_or_fewer_bytes_than_announced_are_refused() {
    let mut out = Vec::new();
    let mut sealer = AttachmentSealer::new(&key(Suite::International), &place(), 0, 3).unwrap();
    assert!(sealer.push(b"four", &mut out).is_err());
    let sealer = AttachmentSealer::new(&key(Suite::International), &place(), 0, 3).unwrap();
    assert!(sealer.finish(&mut out).is_err());
    assert!(AttachmentSealer::new(&key(Suite::International), &place(), 0, u64::MAX).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn how_the_bytes_arrive_changes_nothing(size in 0_usize..200_000, step in 1_usize..90_000) {
        let bytes = pattern(size);
        let (digest, blob, out) = seal(Suite::International, &bytes, step);
        prop_assert_eq!(seal(Suite::International, &bytes, usize::MAX), (digest, blob, out.clone()));
        let mut audit = BlobAudit::new(Suite::International);
        out.chunks(step).for_each(|part| audit.push(part));
        prop_assert_eq!(audit.check(&blob), Ok(()));
    }
}
