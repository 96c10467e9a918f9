//! Single pieces are shown with their path, and prove nothing else.

use super::forge::Forge;
use crate::content::{Disclosing, Disclosure, DisclosureError, PieceType};
use crate::{ContentRoot, ContentTree};
use medfolder_crypto::{Digest, Label, Suite, to_cbor};

fn disclosed(
    suite: Suite,
    show: impl Fn(Disclosing<'_>) -> Option<Disclosure>,
) -> (Disclosure, ContentRoot) {
    let forge = Forge::honest(suite);
    let tree = ContentTree::build(
        suite,
        &forge.salt,
        &forge.statement,
        &forge.body,
        &forge.attachments,
    )
    .unwrap();
    let disclosing = Disclosing {
        tree: &tree,
        salt: &forge.salt,
        statement: &forge.statement,
        body: &forge.body,
        attachments: &forge.attachments,
    };
    (show(disclosing).unwrap(), tree.root())
}

#[test]
fn statement_entry_and_attachment_are_each_shown_alone() {
    for suite in Suite::ALL {
        let (statement, root) = disclosed(suite, |d| d.statement());
        let (entry, _) = disclosed(suite, |d| d.entry(1));
        let (attachment, _) = disclosed(suite, |d| d.attachment(0));
        assert!(String::from_utf8_lossy(&entry.bytes).contains("青霉素过敏"));
        assert_eq!((statement.k, entry.k, attachment.k), (0, 4, 6));
        for piece in [statement, entry, attachment] {
            assert_eq!(piece.verify(suite, &root), Ok(()));
            assert_eq!(Disclosure::from_bytes(&to_cbor(&piece)).unwrap(), piece);
        }
    }
}

#[test]
fn a_statement_that_is_made_later_gives_the_root_of_the_whole() {
    for suite in Suite::ALL {
        let forge = Forge::honest(suite);
        let built = |statement: &[u8]| {
            let (body, attachments) = (&forge.body, &forge.attachments);
            ContentTree::build(suite, &forge.salt, statement, body, attachments).unwrap()
        };
        let early = built(b"not known yet");
        let whole = built(&forge.statement).root();
        assert_ne!(early.root(), whole);
        assert_eq!(early.root_with(&forge.salt, &forge.statement), whole);
    }
}

#[test]
fn a_piece_changed_in_any_part_no_longer_belongs() {
    let suite = Suite::International;
    let (piece, root) = disclosed(suite, |d| d.entry(0));
    let changes: [fn(&mut Disclosure); 6] = [
        |p| p.kind = PieceType::Frame,
        |p| p.k = 4,
        |p| p.salt = Digest([0; 32]),
        |p| p.bytes[1] ^= 1,
        |p| p.path[0] = Digest([0; 32]),
        |p| p.path.truncate(1),
    ];
    for change in changes {
        let mut changed = piece.clone();
        change(&mut changed);
        assert_eq!(changed.verify(suite, &root), Err(DisclosureError::Root));
    }
    let other = ContentRoot(Digest([0; 32]));
    assert_eq!(piece.verify(suite, &other), Err(DisclosureError::Root));
}

#[test]
fn nobody_can_say_that_a_record_has_another_number_of_pieces() {
    for suite in Suite::ALL {
        let (piece, root) = disclosed(suite, |d| d.entry(0));
        for count in (piece.k + 1..64).filter(|count| *count != piece.count) {
            let lie = Disclosure {
                count,
                ..piece.clone()
            };
            assert_eq!(lie.verify(suite, &root), Err(DisclosureError::Root));
        }
    }
}

#[test]
fn a_piece_that_is_not_what_its_type_says_is_refused_even_under_its_root() {
    let suite = Suite::International;
    let (mut piece, _) = disclosed(suite, |d| d.entry(0));
    piece.bytes = b"{},{}".to_vec().into();
    // A content of this one piece: its leaf is the tree's root.
    (piece.k, piece.count, piece.path) = (0, 1, Vec::new());
    let length = 5_u64.to_be_bytes();
    let parts: [&[u8]; 6] = [&[0, 2], &[0; 4], &piece.salt.0, &length, &piece.bytes, &[]];
    let tree = suite.hash(&parts);
    let root = [&1_u32.to_be_bytes()[..], &tree.0];
    let root = ContentRoot(suite.hash_labelled(Label::CONTENT_ROOT, &root));
    assert_eq!(piece.verify(suite, &root), Err(DisclosureError::Form));
}
