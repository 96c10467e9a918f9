//! Every route against every kind of caller, as the ledger's policy table says.

use medfolder_crypto::{SigningKey, Suite};
use medfolder_ledger::body::{
    Consent, EnrolStaff, Grant, Grantee, RegisterFolder, Scope, StaffRole, grant_id,
    prove_possession,
};
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::member::{MemberRole, Standing};
use medfolder_ledger::policy::{Action, DAY, Decision, Party, allowed};
use medfolder_node::clock::Clock as _;
use medfolder_record::{AreaId, FolderNumber, KeyId, RecordId};

use crate::support::{Node, chain, start};

fn key(n: u8) -> SigningKey {
    let seed = medfolder_crypto::Secret32::new([n; 32]);
    SigningKey::from_seed(Suite::International, &seed)
}

fn encryption(n: u8) -> medfolder_crypto::PublicKeyBytes {
    let seed = medfolder_crypto::Secret32::new([n; 32]);
    medfolder_crypto::EncryptionSecret::from_seed(Suite::International, &seed)
        .public()
        .to_bytes()
}

const STAFF: u8 = 50;
const GRANT: u8 = 51;
const FOLDER: u8 = 52;

/// Puts a doctor, a grant and a folder on the ledger.
async fn people(node: &Node) {
    let (fixture, now) = (&node.fixture, node.clock.now());
    let hospital = &fixture.hospitals[0];
    let staff = EnrolStaff {
        member: hospital.id,
        signing: key(STAFF).public(),
        encryption: encryption(STAFF),
        role: StaffRole::Doctor,
        from: now - 1,
        until: now + DAY,
        commitment: medfolder_crypto::Digest([1; 32]),
        proof: prove_possession(
            &key(STAFF),
            &fixture.chain.digest(),
            &hospital.id,
            &encryption(STAFF),
        ),
    };
    let consent = &fixture.chain.policy().consent_texts[0];
    let grant = Grant {
        key: key(GRANT).public(),
        host: hospital.id,
        grantee: Grantee::Bearer,
        scope: Scope::of(Suite::International, &[1; 32], &[RecordId(consent.digest)]),
        from: now,
        until: now + DAY,
        late: false,
        consent: Consent {
            digest: consent.digest,
            version: consent.version,
            language: consent.language.clone(),
            time: now,
        },
        uses: None,
    };
    let folder = RegisterFolder {
        signing: key(FOLDER).public(),
        encryption: encryption(FOLDER),
        member: hospital.id,
        area: AreaId(hospital.id.0),
    };
    for stored in [
        fixture.signed(staff, now, &[Some(&hospital.seal)]),
        fixture.signed(grant, now, &[Some(&key(GRANT)), Some(&hospital.host)]),
        fixture.signed(folder, now, &[Some(&key(FOLDER)), Some(&hospital.host)]),
    ] {
        let status = node.submit(stored).await.unwrap();
        assert_eq!(status.code, None);
    }
}

#[tokio::test]
async fn each_route_answers_exactly_those_whom_the_table_admits() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    people(&node).await;
    let suite = Suite::International;
    let grant = grant_id(suite, &key(GRANT).public());
    let folder = FolderNumber::of(suite, &key(FOLDER).public(), &encryption(FOLDER));
    let staff = KeyId::of(suite, &key(STAFF).public());
    let callers = [
        (Party::Anyone, None),
        (Party::Card, Some(node.card_door(1))),
        (
            Party::Grant,
            Some(node.door(LoginSubject::Grant(grant), key(GRANT))),
        ),
        (
            Party::Folder,
            Some(node.door(LoginSubject::Folder(folder), key(FOLDER))),
        ),
        (
            Party::Staff,
            Some(node.door(LoginSubject::Staff(staff), key(STAFF))),
        ),
        (
            Party::Member(MemberRole::Hospital),
            Some(node.member_door()),
        ),
    ];
    let member = fixture.hospitals[0].id;
    let routes = [
        (
            Action::ReadTransaction,
            format!("v1/transactions/{}", "11".repeat(32)),
        ),
        (
            Action::ReadCard,
            format!("v1/cards/{}/entries", card.number),
        ),
        (Action::ReadGrant, format!("v1/grants/{grant}/entries")),
        (Action::ReadFolder, format!("v1/folders/{folder}")),
        (
            Action::ReadRecord,
            format!("v1/records/{}?member={member}", "11".repeat(32)),
        ),
        (
            Action::ReadRecord,
            format!("v1/seals/{}/0?member={member}", "11".repeat(16)),
        ),
        (
            Action::ReadRecord,
            format!("v1/anchors/{}?member={member}&by=seal", "11".repeat(32)),
        ),
        (
            Action::ReadReceipt,
            format!("v1/receipts/{}?host={member}", "11".repeat(32)),
        ),
        (Action::ReadCheckpoint, "v1/checkpoints/latest".to_owned()),
        (Action::ReadCheckpoint, "v1/checkpoints/0".to_owned()),
        (
            Action::ReadCheckpoint,
            "v1/proofs/consistency?from=1&to=2".to_owned(),
        ),
        (Action::ReadMembers, "v1/members".to_owned()),
        (Action::ReadStaff, format!("v1/staff/{staff}")),
        (Action::ReadPolicy, "v1/policies".to_owned()),
        (Action::ReadStats, "v1/stats".to_owned()),
        (Action::ReadAlerts, "v1/alerts".to_owned()),
        (Action::ReadBlocks, "v1/blocks".to_owned()),
        (Action::ReadBlocks, "v1/blocks/0".to_owned()),
    ];
    for (action, path) in &routes {
        for (party, door) in &callers {
            let code = match door {
                Some(door) => match door.get_bytes(path, 1 << 20).await {
                    Ok(_) => None,
                    Err(error) => Some(error.code().to_owned()),
                },
                None => match node.http.get_bytes(&node.path(path), None, 1 << 20).await {
                    Ok(_) => None,
                    Err(error) => Some(error.code().to_owned()),
                },
            };
            let admitted = allowed(*party, Standing::Good, *action) == Decision::Allowed;
            assert_eq!(code.is_none(), admitted, "{party} {path}: {code:?}");
        }
    }
    node.stop().await;
}

#[tokio::test]
async fn a_wrong_key_a_used_challenge_and_another_origin_open_no_session() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    let wrong = node.door(LoginSubject::Card(card.number), key(9));
    let path = format!("v1/cards/{}/entries", card.number);
    assert_eq!(
        wrong.get_bytes(&path, 1 << 20).await.unwrap_err().code(),
        "login.refused"
    );
    let unknown = fixture.card(2);
    let stranger = node.door(LoginSubject::Card(unknown.number), unknown.signing);
    assert_eq!(
        stranger.get_bytes(&path, 1 << 20).await.unwrap_err().code(),
        "login.refused"
    );
    node.stop().await;
}
