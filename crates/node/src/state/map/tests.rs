//! The map against the whole trie, folded and let go at any moment.

use super::*;
use medfolder_crypto::{Digest, Suite};
use medfolder_ledger::StateKey;
use medfolder_ledger::tree::{InternationalHasher, StateProof};

type Entries = BTreeMap<Key, Vec<u8>>;

fn map(dir: &Path) -> NomtMap<InternationalHasher> {
    let size = MapSize {
        buckets: 64_000,
        cache_mib: 1,
    };
    NomtMap::open(dir, size).unwrap()
}

fn key(n: u64) -> Key {
    Suite::International.hash(&[&n.to_be_bytes()]).0
}

/// A block that writes these numbers' keys.
fn block(numbers: impl Iterator<Item = u64>, value: u8) -> Entries {
    numbers.map(|n| (key(n), vec![value; 40])).collect()
}

fn push(map: &NomtMap<InternationalHasher>, block: &Entries) -> Node {
    let writes = block.iter().map(|(key, value)| (*key, value.as_slice()));
    let layer = map.prepare(writes.collect()).unwrap();
    let root = layer.root();
    map.push(layer, &mut || {});
    assert_eq!(map.root(), root);
    root
}

fn root(entries: &Entries) -> Node {
    use nomt::hasher::ValueHasher as _;
    let digest = |value: &Vec<u8>| InternationalHasher::hash_value(value);
    let leaves = entries.iter().map(|(key, value)| (*key, digest(value)));
    nomt_core::update::build_trie::<InternationalHasher>(0, leaves, |_| {})
}

/// Everything that a reader sees of a key, proven under the root.
fn seen(map: &NomtMap<InternationalHasher>, n: u64, root: Node) -> Option<Vec<u8>> {
    let view = map.snapshot(&mut || {}).unwrap();
    let (value, path) = (view.read(&key(n)).unwrap(), view.prove(&key(n)).unwrap());
    let proof = StateProof::from_path(path, &StateKey(key(n)), value.clone());
    let proven = proof.verify(Suite::International, &Digest(root), &StateKey(key(n)));
    assert_eq!(proven.unwrap(), value.as_deref());
    drop(view);
    assert_eq!(map.read(&key(n)).unwrap(), value);
    value
}

#[test]
fn every_version_has_the_root_of_the_whole_trie_however_it_is_folded_and_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let map = map(dir.path());
    let (mut entries, mut roots) = (Entries::new(), Vec::new());
    for step in 0..24_u64 {
        // New keys, and old ones of which many were let go again.
        let new = step * 200..(step + 1) * 200;
        let old = (0..step * 200).step_by(97);
        let block = block(new.chain(old), step as u8);
        entries.extend(block.clone());
        roots.push(push(&map, &block));
        assert_eq!(*roots.last().unwrap(), root(&entries));
        if step % 3 == 2 {
            // Not the newest version: what came after stays pending.
            map.fold(roots[roots.len() - 2]).unwrap();
            assert_eq!(map.base_root(), roots[roots.len() - 2]);
            assert!(map.pending() > 0);
        }
    }
    assert!(
        map.versions().newest.leaves() < entries.len(),
        "none was let go"
    );
    for n in (0..5_000).step_by(131) {
        let value = seen(&map, n, *roots.last().unwrap());
        assert_eq!(value.as_ref(), entries.get(&key(n)));
    }
}

#[test]
fn a_reader_keeps_its_version_while_others_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let map = map(dir.path());
    let first = push(&map, &block(0..50, 1));
    let view = map.snapshot(&mut || {}).unwrap();
    push(&map, &block(0..60, 2));
    assert_eq!(view.read(&key(7)).unwrap(), Some(vec![1; 40]));
    assert_eq!(view.read(&key(55)).unwrap(), None);
    let proof = StateProof::from_path(
        view.prove(&key(7)).unwrap(),
        &StateKey(key(7)),
        Some(vec![1; 40]),
    );
    assert!(
        proof
            .verify(Suite::International, &Digest(first), &StateKey(key(7)))
            .is_ok()
    );
    drop(view);
    assert_eq!(map.read(&key(7)).unwrap(), Some(vec![2; 40]));
}

#[test]
fn a_layer_that_is_not_pushed_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let map = map(dir.path());
    let before = push(&map, &block(0..50, 1));
    let other = block(20..90, 2);
    let writes = other.iter().map(|(key, value)| (*key, value.as_slice()));
    drop(map.prepare(writes.collect()).unwrap());
    assert_eq!(map.root(), before);
    assert_eq!(seen(&map, 30, before), Some(vec![1; 40]));
    assert_eq!(seen(&map, 80, before), None);
}

#[test]
fn a_commit_that_failed_is_made_good_whether_it_was_kept_or_not() {
    for kept in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let map = map(dir.path());
        push(&map, &block(0..50, 1));
        let root = push(&map, &block(30..80, 2));
        if kept {
            let (writes, _) = map.merged(root).unwrap();
            map.commit(&writes, root).unwrap();
        }
        map.reopen().unwrap();
        assert_eq!(map.base_root() == root, kept);
        push(&map, &block(70..99, 3));
        map.fold(root).unwrap();
        assert_eq!((map.base_root(), map.pending()), (root, 29));
        assert_eq!(map.read(&key(40)).unwrap(), Some(vec![2; 40]));
        assert_eq!(map.read(&key(75)).unwrap(), Some(vec![3; 40]));
    }
}

#[test]
fn a_base_that_is_not_of_these_blocks_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let map = map(dir.path());
    let root = push(&map, &block(0..50, 1));
    let (mut writes, _) = map.merged(root).unwrap();
    writes.insert(key(7), vec![9; 40].into());
    assert_eq!(
        map.commit(&writes, root).unwrap_err().code(),
        "node.storage"
    );
    assert_eq!(map.base_root(), [0; 32]);
}
