//! Both suites behave by the same rules, and nothing opens with anything changed.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_crypto::{
    AeadKey, EncryptionPublic, EncryptionSecret, Label, Secret32, Signature, SigningKey, Suite,
    VerifyingKey, os_rng, tree::ChainRoot, words,
};
use proptest::prelude::*;

fn seed(byte: u8) -> Secret32 {
    Secret32::new([byte; 32])
}

#[test]
fn a_signature_holds_for_its_label_and_message_only() {
    for suite in Suite::ALL {
        let key = SigningKey::from_seed(suite, &seed(1));
        let public = key.verifying_key();
        let signature = key.sign(Label::LOGIN, &[b"one", b"two"]);
        assert!(
            public
                .verify(Label::LOGIN, &[b"onetwo"], &signature)
                .is_ok()
        );
        assert!(
            public
                .verify(Label::TX_SEAL, &[b"onetwo"], &signature)
                .is_err()
        );
        assert!(
            public
                .verify(Label::LOGIN, &[b"onetw0"], &signature)
                .is_err()
        );
        let other = SigningKey::from_seed(suite, &seed(2)).verifying_key();
        assert!(
            other
                .verify(Label::LOGIN, &[b"onetwo"], &signature)
                .is_err()
        );
    }
}

#[test]
fn a_signature_with_a_flipped_bit_is_refused() {
    for suite in Suite::ALL {
        let key = SigningKey::from_seed(suite, &seed(1));
        let Signature(good) = key.sign(Label::LOGIN, &[b"message"]);
        for bit in 0..512 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            let checked = key
                .verifying_key()
                .verify(Label::LOGIN, &[b"message"], &Signature(bad));
            assert!(checked.is_err(), "{suite} bit {bit}");
        }
    }
}

#[test]
fn an_ed25519_key_of_small_order_is_no_key() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(VerifyingKey::from_bytes(Suite::International, &identity).is_err());
    assert!(VerifyingKey::from_bytes(Suite::International, &[0; 32]).is_err());
}

#[test]
fn a_public_key_has_one_encoding() {
    for suite in Suite::ALL {
        let keys = [
            SigningKey::from_seed(suite, &seed(1)).public(),
            EncryptionSecret::from_seed(suite, &seed(2))
                .public()
                .to_bytes(),
        ];
        for key in keys {
            let mut compact = key.as_bytes().to_vec();
            match suite {
                Suite::International => compact[31] |= 0x80,
                Suite::National => compact[0] = 5,
            }
            assert!(EncryptionPublic::from_bytes(suite, &compact).is_err());
            assert!(
                suite == Suite::International || VerifyingKey::from_bytes(suite, &compact).is_err()
            );
        }
    }
    // y = 3 and u = 9 are coordinates of points; written as y + p and u + p they are refused.
    for small in 2..19_u8 {
        let mut above = [0xff; 32];
        (above[0], above[31]) = (0xed + small, 0x7f);
        assert!(VerifyingKey::from_bytes(Suite::International, &above).is_err());
        assert!(EncryptionPublic::from_bytes(Suite::International, &above).is_err());
    }
}

#[test]
fn words_are_read_back_with_the_numbers_and_signs_they_were_printed_or_written_with() {
    let root = Secret32::new([7; 32]);
    for list in [words::WordList::English, words::WordList::Chinese] {
        let words = words::from_root(&root, list);
        for sign in [".", "、", "，", ")", ",\n"] {
            let numbered: Vec<String> = (1..)
                .zip(words.iter())
                .map(|(number, word)| format!("{number}{sign} {word}"))
                .collect();
            assert_eq!(words::to_root(&numbered.join(" ")).unwrap(), root, "{sign}");
            assert_eq!(words::to_root(&words.join(sign)).unwrap(), root, "{sign}");
        }
    }
}

#[test]
fn words_and_passphrases_are_read_in_any_unicode_form() {
    let root = seed(9);
    let words = words::from_root(&root, words::WordList::English).join(" ");
    let wide: String = words
        .chars()
        .map(|c| match c {
            'a'..='z' => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
            ' ' => '\u{3000}',
            other => other,
        })
        .collect();
    assert_eq!(words::to_root(&wide).unwrap().expose(), root.expose());
    let key = |text: &str| *medfolder_crypto::password::derive_key(text, &[7; 16]).expose();
    assert_eq!(key("caf\u{e9} noir"), key("cafe\u{301} noir"));
}

#[test]
fn a_key_of_one_suite_is_no_key_of_the_other() {
    for (suite, other) in [
        (Suite::International, Suite::National),
        (Suite::National, Suite::International),
    ] {
        let key = SigningKey::from_seed(suite, &seed(1)).public();
        assert!(key.verifying(suite).is_ok());
        assert!(key.verifying(other).is_err());
    }
}

#[test]
fn a_wrap_opens_for_its_key_and_context_only() {
    for suite in Suite::ALL {
        let secret = EncryptionSecret::from_seed(suite, &seed(3));
        let public = EncryptionPublic::from_bytes(suite, secret.public().to_bytes().as_bytes());
        let wrapped = public
            .unwrap()
            .wrap(b"slot", &[7; 32], &mut os_rng())
            .unwrap();
        assert_eq!(
            secret.unwrap_secret(b"slot", &wrapped).unwrap(),
            Secret32::new([7; 32])
        );
        assert!(secret.unwrap_secret(b"slit", &wrapped).is_err());
        let other = EncryptionSecret::from_seed(suite, &seed(4));
        assert!(other.unwrap_secret(b"slot", &wrapped).is_err());
        for at in 0..wrapped.len() {
            let mut bad = wrapped.clone();
            bad[at] ^= 0x40;
            assert!(
                secret.unwrap_secret(b"slot", &bad).is_err(),
                "{suite} byte {at}"
            );
            assert!(secret.unwrap_secret(b"slot", &wrapped[..at]).is_err());
        }
    }
}

#[test]
fn an_encryption_key_of_small_order_is_no_key() {
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        assert!(EncryptionPublic::from_bytes(Suite::International, &point).is_err());
    }
}

#[test]
fn both_word_lists_give_the_same_root() {
    let root = Secret32::random(&mut os_rng());
    for list in [words::WordList::English, words::WordList::Chinese] {
        let text = words::from_root(&root, list).join(" ");
        assert_eq!(words::to_root(&text).unwrap(), root);
        assert_eq!(words::to_root(&text.to_uppercase()).unwrap(), root);
    }
    let unspaced = words::from_root(&root, words::WordList::Chinese).concat();
    assert_eq!(words::to_root(&unspaced).unwrap(), root);
}

#[test]
fn a_wrong_word_a_missing_word_and_a_swap_are_told_apart() {
    let mut list = words::from_root(&Secret32::new([9; 32]), words::WordList::English);
    assert_eq!(
        words::to_root(&list[1..].join(" ")).unwrap_err().code(),
        "words.count"
    );
    list.swap(0, 23);
    assert_eq!(
        words::to_root(&list.join(" ")).unwrap_err().code(),
        "words.checksum"
    );
    list[4] = "medfolder".into();
    assert_eq!(
        words::to_root(&list.join(" ")),
        Err(words::WordsError::Unknown(5))
    );
}

#[test]
fn cards_of_one_folder_share_nothing_across_members_indexes_and_chains() {
    for suite in Suite::ALL {
        let root = seed(5);
        let chain = ChainRoot::derive(suite, &root, &suite.hash(&[b"genesis"]));
        let other = ChainRoot::derive(suite, &root, &suite.hash(&[b"another genesis"]));
        let cards = [
            chain.card(&[1; 16], 0),
            chain.card(&[1; 16], 1),
            chain.card(&[2; 16], 0),
            other.card(&[1; 16], 0),
        ];
        for (i, a) in cards.iter().enumerate() {
            for b in &cards[i + 1..] {
                assert_ne!(a.number, b.number);
                assert_ne!(a.signing.public(), b.signing.public());
            }
        }
        assert_eq!(chain.card(&[1; 16], 0).number, cards[0].number);
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_and_what_is_changed_does_not(
        message in proptest::collection::vec(any::<u8>(), 0..2000),
        aad in proptest::collection::vec(any::<u8>(), 0..64),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        for suite in Suite::ALL {
            let sealed = AeadKey::new(suite, seed(6)).seal_once(&aad, &message);
            prop_assert_eq!(sealed.len(), message.len() + 16);
            let opened = AeadKey::new(suite, seed(6)).open_once(&aad, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), message.as_slice());
            let mut bad = sealed.clone();
            bad[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(AeadKey::new(suite, seed(6)).open_once(&aad, &bad).is_err());
        }
    }

    #[test]
    fn hostile_bytes_never_panic_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for suite in Suite::ALL {
            let _ = VerifyingKey::from_bytes(suite, &bytes);
            let _ = EncryptionPublic::from_bytes(suite, &bytes);
            let _ = EncryptionSecret::from_seed(suite, &seed(1)).unwrap_message(b"", &bytes);
            let _ = AeadKey::new(suite, seed(1)).open(&[0; 12], b"", &bytes);
        }
        let _ = words::to_root(&String::from_utf8_lossy(&bytes));
    }
}
