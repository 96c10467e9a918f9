//! Genesis of a small consortium: two hospitals, a suspended one, an insurer.

use medfolder_crypto::{Digest, SigningKey, Suite};
use medfolder_record::MemberId;

use super::world::{A, AREA_A, AREA_B, AREA_S, B, INSURER, START, SUSPENDED, keys, seed};
use crate::block::EngineSigner;
use crate::body::Consent;
use crate::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use crate::policy::{ConsentText, Policy, ReleasePolicy};
use crate::*;

pub(super) fn engine(suite: Suite) -> EngineSigner {
    let ed25519 = SigningKey::from_seed(Suite::International, &seed(0x77, 5));
    let sm2 =
        (suite == Suite::National).then(|| SigningKey::from_seed(Suite::National, &seed(0x77, 6)));
    EngineSigner::new(ed25519, sm2)
}

fn member(suite: Suite, id: MemberId, name: &str, role: MemberRole, standing: Standing) -> Member {
    let key = |purpose| keys(suite, id.0[0], purpose).public;
    Member {
        id,
        name: name.to_owned(),
        role,
        standing,
        keys: MemberKeys {
            alliance: key(1),
            seal: key(2),
            receive: keys(suite, id.0[0], 3).encryption,
            host: key(4),
            consensus: None,
            tls: None,
            credential: None,
        },
        certificate: Digest([id.0[0]; 32]),
        endpoints: Endpoints {
            node: Some("https://node.example".to_owned()),
            edge: Some("https://edge.example".to_owned()),
        },
        voting: true,
        tls_pin: Some(Digest([1; 32])),
    }
}

pub(super) fn consent() -> Consent {
    Consent {
        digest: Digest([0x0C; 32]),
        version: 1,
        language: "zh".to_owned(),
        time: START,
    }
}

pub(super) fn genesis(suite: Suite) -> Genesis {
    let hospital = MemberRole::Hospital;
    let area = |id, member| StorageArea {
        id,
        member,
        endpoints: vec!["https://store.example/zone".to_owned()],
    };
    Genesis {
        version: 0,
        suite,
        name: "test consortium".to_owned(),
        nonce: Digest([0x42; 32]),
        time: START,
        members: vec![
            member(suite, A, "儿童医院", hospital, Standing::Good),
            member(suite, B, "Second Hospital", hospital, Standing::Good),
            member(
                suite,
                SUSPENDED,
                "Third Hospital",
                hospital,
                Standing::Suspended,
            ),
            member(
                suite,
                INSURER,
                "Insurer",
                MemberRole::Insurer,
                Standing::Good,
            ),
        ],
        areas: vec![area(AREA_A, A), area(AREA_B, B), area(AREA_S, SUSPENDED)],
        policy: Policy {
            consent_texts: vec![ConsentText {
                digest: consent().digest,
                version: 1,
                language: "zh".to_owned(),
            }],
            release: vec![
                ReleasePolicy {
                    number: 0,
                    title: "holder and live grants".to_owned(),
                },
                ReleasePolicy {
                    number: 3,
                    title: "holder only".to_owned(),
                },
            ],
            ..Policy::default()
        },
        engine: EngineKeys::Embedded(engine(suite).public()),
    }
}
