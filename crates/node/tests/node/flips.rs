//! Bytes that a disk changed: found, named, and never served.

use std::path::Path;

use medfolder_crypto::Suite;
use medfolder_node::Seams;

use crate::support::{Node, chain, start, try_start};

const CARDS: u64 = 6;
/// Places of a file that are changed, evenly spread.
const PLACES: usize = 40;

/// What a client may rely on: blocks, checkpoints, receipts and the log's proofs.
async fn answers(node: &Node) -> Vec<Result<Vec<u8>, String>> {
    let door = node.member_door();
    let mut answers = Vec::new();
    let ids = (0..CARDS).map(|n| node.fixture.card(n).number);
    let mut paths = vec!["v1/blocks?from=0".to_owned()];
    paths.extend(ids.map(|number| format!("v1/cards/{number}/entries")));
    for height in 0..=CARDS {
        paths.push(format!("v1/blocks/{height}"));
        paths.push(format!("v1/checkpoints/{height}"));
        paths.push(format!("v1/proofs/consistency?from={height}&to={CARDS}"));
    }
    for path in &paths {
        let answer = door.get_bytes(path, 1 << 24).await;
        answers.push(answer.map_err(|error| error.code().to_owned()));
    }
    answers
}

async fn written(dir: &Path) -> (Node, Vec<Result<Vec<u8>, String>>) {
    let (_, fixture) = chain(Suite::International);
    let node = start(dir, &fixture).await;
    for n in 0..CARDS {
        node.registered(n).await;
    }
    let answers = answers(&node).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    (node, answers)
}

fn changed(file: &[u8], place: usize) -> Vec<u8> {
    let mut bytes = file.to_vec();
    let at = bytes.len() * place / PLACES + bytes.len() / PLACES / 2;
    bytes[at] ^= 0x20;
    bytes
}

/// Every answer is the one of before, or says that the node is damaged. How many say so.
fn found(before: &[Result<Vec<u8>, String>], after: &[Result<Vec<u8>, String>]) -> usize {
    let differs = |(before, after): (&Result<_, _>, &Result<_, _>)| match after {
        Ok(_) => {
            assert!(before == after, "something else is served");
            false
        }
        Err(code) => {
            assert_eq!(code, "node.damaged");
            true
        }
    };
    before
        .iter()
        .zip(after)
        .filter(|pair| differs(*pair))
        .count()
}

/// Changes `file` of a stopped node at many places, one at a time; how often it was found.
async fn flip_all(name: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, before) = written(dir.path()).await;
    node.stop().await;
    let (fixture, config) = (node.fixture.clone(), node.config.clone());
    let file = config.data_dir.join(name);
    let blocks = rusqlite::Connection::open(config.data_dir.join("blocks.db")).unwrap();
    let moved = "PRAGMA wal_checkpoint(TRUNCATE)";
    blocks.query_row(moved, [], |_| Ok(())).unwrap();
    drop(blocks);
    let whole = std::fs::read(&file).unwrap();
    let mut times = 0;
    for place in 0..PLACES {
        std::fs::write(&file, changed(&whole, place)).unwrap();
        match try_start(&fixture, config.clone(), Seams::default()).await {
            Err(error) => {
                assert!(error.code().starts_with("node."), "{}", error.code());
                times += 1;
            }
            Ok(mut node) => {
                times += usize::from(found(&before, &answers(&node).await) > 0);
                node.stop().await;
            }
        }
        std::fs::write(&file, &whole).unwrap();
    }
    times
}

#[tokio::test]
async fn a_byte_that_changed_in_the_blocks_is_named_and_never_served() {
    assert!(flip_all("blocks.db").await > 0);
}

#[tokio::test]
async fn a_byte_that_changed_in_the_log_is_named_and_never_served() {
    flip_all("log").await;
    // While the node runs.
    let dir = tempfile::tempdir().unwrap();
    let (mut node, before) = written(dir.path()).await;
    let file = node.config.data_dir.join("log");
    let whole = std::fs::read(&file).unwrap();
    let mut times = 0;
    for place in 0..PLACES {
        std::fs::write(&file, changed(&whole, place)).unwrap();
        times += found(&before, &answers(&node).await);
    }
    assert!(times > 0);
    std::fs::write(&file, &whole).unwrap();
    node.stop().await;
}
