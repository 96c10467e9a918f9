//! Bytes of strangers: cut, flipped, doubled, spliced. Nothing panics, whatever is refused has a
//! code, and what is taken is written the same again. `fuzz/` knocks at the same doors for longer.
//!
//! `MEDFOLDER_HOSTILE` says how many changes each seed gets (60 without it).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod decoders;
mod seeds;

use decoders::{Decoder, GROUPS};
use seeds::Random;

const CHANGES: u64 = 60;

fn knock(name: &str, decoder: Decoder, pool: &[Vec<u8>], changes: u64) {
    let good: Vec<&Vec<u8>> = pool.iter().filter(|seed| decoder(seed)).collect();
    assert!(!good.is_empty(), "no seed of {name} is taken");
    let mut random = Random::new(name.len() as u64);
    // Larger ones take long and say no more.
    for seed in good.iter().take(12) {
        for _ in 0..changes {
            decoder(&random.changed(seed, pool));
        }
    }
}

#[test]
fn changed_bytes_never_panic_and_are_refused_with_a_code() {
    let changes = std::env::var("MEDFOLDER_HOSTILE")
        .ok()
        .and_then(|n| n.parse().ok());
    let changes = changes.unwrap_or(CHANGES);
    let pool = seeds::pool();
    for (_, decoders) in GROUPS {
        for (name, decoder) in decoders {
            knock(name, *decoder, &pool, changes);
        }
    }
}

#[test]
fn a_structure_that_is_cut_anywhere_or_longer_by_a_byte_is_refused() {
    // A part of such a text is often such a text; a sequence ends where one of its members does.
    const TEXTS: [&str; 9] = [
        "search",
        "words",
        "desk_code",
        "pieces",
        "json",
        "text",
        "received",
        "public_key",
        "certified",
    ];
    let pool = seeds::pool();
    let structures = GROUPS.iter().flat_map(|(_, decoders)| decoders.iter());
    for (name, decoder) in structures.filter(|(name, _)| !TEXTS.contains(name)) {
        let mut good: Vec<&Vec<u8>> = pool.iter().filter(|seed| decoder(seed)).collect();
        good.sort_by_key(|seed| seed.len());
        for seed in good.iter().take(2) {
            let step = (seed.len() / 200).max(1);
            for end in (1..seed.len()).step_by(step) {
                assert!(
                    !decoder(&seed[..end]),
                    "{name} cut at {end} of {}",
                    seed.len()
                );
            }
        }
    }
}

#[test]
#[ignore = "writes the seeds of `fuzz/`"]
fn write_the_corpus() {
    for (group, decoders) in GROUPS {
        let folder = medfolder_tests::root().join("fuzz/corpus").join(group);
        std::fs::create_dir_all(&folder).unwrap();
        let pool = seeds::pool().into_iter().enumerate();
        for (number, seed) in pool.filter(|(_, seed)| decoders.iter().any(|(_, take)| take(seed))) {
            std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}
