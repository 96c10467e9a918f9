//! Headers, blocks, certificates, and a follower that executes again.

use super::world::*;
use crate::block::*;
use crate::log::MemoryLog;
use crate::tree::MemoryTree;
use crate::*;
use medfolder_crypto::{Digest, Suite};
use std::collections::BTreeSet;

fn some_blocks(suite: Suite) -> World {
    let mut world = World::of(suite);
    let card = world.register(A, 1);
    world.seal(card, 1, 0);
    world.pass(1);
    let key = world.seal_key(A);
    let refused = world.seal_body(A, card, 1, 0);
    world.refuse(refused, &[&key]);
    world.block(&[]);
    world.seal(card, 1, 1);
    world
}

#[test]
fn a_follower_that_executes_the_blocks_again_reaches_the_same_headers() {
    for suite in Suite::ALL {
        let world = some_blocks(suite);
        let mut state = MemoryTree::new(suite);
        state.write(world.chain.genesis().initial_state());
        let mut header = Header::genesis(&world.chain, state.root());
        assert_eq!(header, world.checkpoints[0].header);
        let (mut log, mut recent) = (MemoryLog::default(), BTreeSet::new());
        for block in &world.blocks {
            let block = Block::from_bytes(&block.to_bytes()).unwrap();
            block.check(&world.chain, &header).unwrap();
            let prepared: Vec<_> = block
                .transactions
                .iter()
                .map(|tx| Prepared::new(&world.chain, tx.bytes.clone(), &state).unwrap())
                .collect();
            let time = block.header.time;
            let done = execute(&world.chain, &state, &recent, time, log.size(), &prepared).unwrap();
            recent.extend(prepared.iter().map(Prepared::id));
            state.write(done.writes);
            done.leaves.iter().for_each(|leaf| log.append(suite, *leaf));
            let results: Vec<_> = prepared
                .iter()
                .zip(&done.outcomes)
                .map(|(p, o)| (p.leaf(), o.number()))
                .collect();
            let roots = Roots {
                log_size: log.size(),
                log_root: log.root(suite),
                state_root: state.root(),
            };
            header = header.next(suite, &results, roots, time);
            assert_eq!(header, block.header);
        }
        assert_eq!(header, world.header);
    }
}

#[test]
fn block_time_grows_even_when_the_clock_does_not() {
    let world = World::new();
    assert_eq!(world.header.next_time(START + 5), START + 5);
    assert_eq!(world.header.next_time(START), START + 1);
    assert_eq!(world.header.next_time(0), START + 1);
}

#[test]
fn each_change_of_a_block_is_refused_by_name() {
    let world = some_blocks(Suite::International);
    let previous = &world.checkpoints[1].header;
    let good = &world.blocks[1];
    good.check(&world.chain, previous).unwrap();
    type Change = fn(&mut Block);
    let changes: [(Change, BlockError); 10] = [
        (|b| b.header.version = 1, BlockError::Chain),
        (|b| b.header.genesis.0[0] ^= 1, BlockError::Chain),
        (|b| b.header.height += 1, BlockError::Previous),
        (|b| b.header.previous.0[0] ^= 1, BlockError::Previous),
        (|b| b.header.epoch = 1, BlockError::Previous),
        (|b| b.header.time = START, BlockError::Time),
        (|b| b.header.log_size = 0, BlockError::Log),
        (|b| b.header.log_size += 1, BlockError::Log),
        (|b| b.transactions[0].result = 83, BlockError::Transactions),
        (
            |b| b.transactions[0].bytes[40] ^= 1,
            BlockError::Transactions,
        ),
    ];
    for (change, error) in changes {
        let mut block = good.clone();
        change(&mut block);
        assert_eq!(block.check(&world.chain, previous), Err(error));
    }
    let mut dropped = good.clone();
    dropped.transactions.clear();
    assert_eq!(
        dropped.check(&world.chain, previous),
        Err(BlockError::Transactions)
    );
}

#[test]
fn a_checkpoint_holds_under_its_own_genesis_and_engine_only() {
    for suite in Suite::ALL {
        let world = some_blocks(suite);
        let checkpoint = world.checkpoint();
        checkpoint.verify(&world.chain).unwrap();
        assert_eq!(
            Checkpoint::from_bytes(&checkpoint.to_bytes()),
            Ok(checkpoint.clone())
        );
        let mut other = genesis(suite);
        other.nonce = Digest([1; 32]);
        let other = Chain::new(other).unwrap();
        assert_eq!(checkpoint.verify(&other), Err(BlockError::Chain));
        let bytes = checkpoint.to_bytes();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            if let Ok(changed) = Checkpoint::from_bytes(&changed) {
                assert!(changed.verify(&world.chain).is_err(), "byte {index}");
            }
        }
    }
}

#[test]
fn a_national_checkpoint_wants_both_signatures() {
    let world = some_blocks(Suite::National);
    let Certificate::Embedded { ed25519, sm2 } = world.checkpoint().certificate;
    let with = |ed25519, sm2| Checkpoint {
        header: world.header.clone(),
        certificate: Certificate::Embedded { ed25519, sm2 },
    };
    assert_eq!(
        with(ed25519, None).verify(&world.chain),
        Err(BlockError::Certificate)
    );
    for (first, second) in [(sm2.unwrap(), ed25519), (ed25519, ed25519)] {
        let wrong = with(first, Some(second));
        assert_eq!(wrong.verify(&world.chain), Err(BlockError::Certificate));
    }
    let international = some_blocks(Suite::International);
    let mut both = international.checkpoint();
    let Certificate::Embedded { sm2: slot, .. } = &mut both.certificate;
    *slot = sm2;
    assert_eq!(
        both.verify(&international.chain),
        Err(BlockError::Certificate)
    );
}

#[test]
fn two_certified_headers_of_one_height_prove_a_fork() {
    let mut one = World::new();
    let mut two = World::new();
    one.register(A, 1);
    two.register(A, 2);
    let (a, b) = (one.checkpoint(), two.checkpoint());
    assert_eq!(proves_fork(&one.chain, &a, &b), Ok(true));
    assert_eq!(proves_fork(&one.chain, &a, &a), Ok(false));
    assert_eq!(proves_fork(&one.chain, &a, &one.checkpoints[0]), Ok(false));
    let mut forged = b;
    forged.header.time += 1;
    assert_eq!(
        proves_fork(&one.chain, &a, &forged),
        Err(BlockError::Certificate)
    );
}
