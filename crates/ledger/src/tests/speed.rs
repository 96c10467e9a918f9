//! What the sequential path costs, without signatures: run with `--release -- --ignored`.

use super::world::*;
use crate::body::*;
use crate::*;
use medfolder_crypto::{Digest, Suite};
use medfolder_record::{RecordId, VisitId};
use std::time::Instant;

#[test]
#[ignore = "prints figures; run it with --release"]
fn the_sequential_path_applies_many_seals_a_second() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let count = 4_000u32;
    let bytes: Vec<_> = (0..count)
        .map(|n| {
            let mut visit = [0; 16];
            visit[..4].copy_from_slice(&n.to_be_bytes());
            let leaf = RecordId(Suite::International.hash(&[&n.to_be_bytes()]));
            let leaves = vec![SealedLeaf {
                leaf,
                replaces: None,
            }];
            let body = Seal {
                visit: VisitId(visit),
                leaves,
                ..world.seal_body(A, card, 1, 0)
            };
            world.signed(body, &[&key]).to_bytes()
        })
        .collect();
    let begin = Instant::now();
    let prepared: Vec<_> = bytes
        .into_iter()
        .map(|bytes| Prepared::new(&world.chain, bytes, &world.state).unwrap())
        .collect();
    let prepare = begin.elapsed();
    let begin = Instant::now();
    let done = execute(
        &world.chain,
        &world.state,
        &world.recent,
        START + 9,
        1,
        &prepared,
    )
    .unwrap();
    let apply = begin.elapsed();
    assert!(done.outcomes.iter().all(|outcome| outcome.number() == 0));
    assert_ne!(done.leaves[0], Digest::default());
    println!(
        "prepare with signature {:?} each, apply {:?} each",
        prepare / count,
        apply / count
    );
}
