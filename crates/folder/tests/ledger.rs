//! A folder in front of real ledger nodes: honest ones, ones that lie, and ones whose time is not
//! the device's.
//!
//! The hospital has no edge here, so a sync that the ledger satisfies ends with the edge's name.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerClient, NodeAddress, Patience};
use medfolder_crypto::tree::{ChainRoot, KeyPair};
use medfolder_crypto::words::{self, WordList};
use medfolder_crypto::{Digest, Secret32, Suite};
use medfolder_folder::records::{Filter, State};
use medfolder_folder::share::Standing;
use medfolder_folder::sync::{Cancel, SyncOptions};
use medfolder_folder::{Folder, FolderError, Trust, Unlock, Vault};
use medfolder_ledger::Chain;
use medfolder_ledger::body::{
    Anchor, Consent, Grant, Grantee, Mark, RegisterCard, Seal, SealedLeaf,
};
use medfolder_node::bench::fixture::Fixture;
use medfolder_node::clock::{Clock as _, ManualClock, SystemClock};
use medfolder_node::lying::Lie;
use medfolder_node::{Config, Running, Seams, serve_with};
use medfolder_record::{AreaId, CardNumber, MemberId, RecordId, VisitId};
use medfolder_share::GrantSeed;
use medfolder_tests::Recorder;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::sync::watch;

const HOSPITAL: MemberId = MemberId([1; 16]);
const VAULT_KEY: [u8; 32] = [5; 32];
const HOUR: u64 = 60 * 60 * 1_000;
const DAY: u64 = 24 * HOUR;
/// What an honest ledger leads to: the hospital's edge, which is none.
const LEDGER_SATISFIED: &str = "member.without_edge";

struct Node {
    running: Running,
    stop: watch::Sender<bool>,
}

impl Node {
    async fn start(mut config: Config, clock: &ManualClock, lie: Option<Lie>) -> Self {
        config.lie = lie;
        let (stop, shutdown) = watch::channel(false);
        let seams = Seams {
            clock: Some(Arc::new(clock.clone())),
            ..Seams::default()
        };
        let running = serve_with(config, seams, shutdown).await.unwrap();
        Self { running, stop }
    }

    fn url(&self) -> String {
        self.running.url(false)
    }

    async fn end(self) {
        self.stop.send_replace(true);
        self.running.handle.await.unwrap();
    }
}

/// A chain, its time, and a patient whose card it knows.
struct World {
    place: tempfile::TempDir,
    fixture: Fixture,
    clock: ManualClock,
    root: Secret32,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::at(SystemClock.now());
        Self {
            place: tempfile::tempdir().unwrap(),
            fixture: Fixture::new(Suite::International, clock.now() - 10_000).unwrap(),
            clock,
            root: Secret32::new([42; 32]),
        }
    }

    fn config(&self) -> Config {
        self.fixture
            .install(&self.place.path().join("node"))
            .unwrap()
    }

    fn card(&self) -> KeyPair {
        self.card_at(HOSPITAL)
    }

    fn card_at(&self, member: MemberId) -> KeyPair {
        let chain = &self.fixture.chain;
        ChainRoot::derive(chain.suite(), &self.root, &chain.digest()).card(&member.0, 0)
    }

    async fn submit(&self, node: &Node, stored: &[u8]) {
        let address = NodeAddress::at(node.url().parse().unwrap());
        let ledger = LedgerClient::new(
            self.fixture.chain.clone(),
            vec![address],
            None,
            self.patients_clock(0),
        );
        let submitted = ledger.unwrap().submit(stored, Patience::default()).await;
        submitted.unwrap().accepted().unwrap();
    }

    async fn register(&self, node: &Node) {
        self.register_at(node, HOSPITAL).await;
    }

    async fn register_at(&self, node: &Node, member: MemberId) {
        let (keys, now) = (self.card_at(member), self.clock.now());
        let body = RegisterCard {
            member,
            signing: keys.signing.public(),
            encryption: keys.encryption.public().to_bytes(),
            consent: self.consent(),
        };
        let mut hospitals = self.fixture.hospitals.iter();
        let hospital = hospitals.find(|hospital| hospital.id == member);
        let signers = [Some(&keys.signing), hospital.map(|one| &one.seal)];
        self.submit(node, &self.fixture.signed(body, now, &signers))
            .await;
    }

    fn consent(&self) -> Consent {
        let text = &self.fixture.chain.policy().consent_texts[0];
        Consent {
            digest: text.digest,
            version: text.version,
            language: text.language.clone(),
            time: self.clock.now(),
        }
    }

    async fn seal(&self, node: &Node, visit: u8) {
        let now = self.clock.now();
        let body = Seal {
            member: HOSPITAL,
            card: CardNumber(self.card().number),
            visit: VisitId([visit; 16]),
            seq: 0,
            area: AreaId([1; 16]),
            policy: 0,
            time: now,
            mark: Mark::None,
            leaves: vec![SealedLeaf {
                leaf: RecordId(Digest([visit; 32])),
                replaces: None,
            }],
            earlier: None,
        };
        let seal = &self.fixture.hospitals[0].seal;
        self.submit(node, &self.fixture.signed(body, now, &[Some(seal)]))
            .await;
    }

    fn vault(&self) -> Vault {
        let key = Unlock::Key(Secret32::new(VAULT_KEY));
        Vault::create(&self.place.path().join("vault"), &key).unwrap()
    }

    /// The patient's folder, from her words, behind these nodes.
    fn folder<'v>(&self, vault: &'v Vault, nodes: &[&Node]) -> Folder<'v> {
        let words = words::from_root(&self.root, WordList::English).join(" ");
        let ledger: Vec<String> = nodes.iter().map(|node| node.url()).collect();
        let genesis = self.fixture.chain.to_bytes();
        let trust = Trust {
            genesis: &genesis,
            ledger: &ledger,
        };
        vault
            .restore_folder("a", &words, &trust, self.clock.now())
            .unwrap()
    }

    /// A share in the vault that is to end, before or after the ledger knows its grant.
    fn to_end(&self, vault: &Vault, seed: &GrantSeed) -> Grant {
        let (now, key) = (self.clock.now(), seed.signing_key(Suite::International));
        let grant = Grant {
            key: key.public(),
            host: HOSPITAL,
            grantee: Grantee::Bearer,
            scope: seed.scope(Suite::International, &[leaf(1)]).unwrap(),
            from: now,
            until: now + 10 * DAY,
            late: false,
            consent: self.consent(),
            uses: None,
        };
        let database = rusqlite::Connection::open(vault.directory().join("vault.db")).unwrap();
        let vault_key = format!("x'{}'", hex::encode(VAULT_KEY));
        database.pragma_update(None, "key", vault_key).unwrap();
        let row =
            "INSERT INTO share (folder, grant_id, grant_seed, host, link, label, created, ends,
                 state, records) VALUES (1, ?1, ?2, ?3, '', '', ?4, ?5, 'ending', '[]')";
        let id = grant.id(Suite::International).to_string();
        let values = (id, seed.expose(), HOSPITAL.to_string(), now, grant.until);
        database.execute(row, values).unwrap();
        grant
    }

    /// The clock of a device that is so much ahead of the ledger's, or behind it.
    fn patients_clock(&self, ahead: i64) -> Clock {
        let clock = self.clock.clone();
        Clock::of(move || clock.now().saturating_add_signed(ahead))
    }

    async fn sync(&self, folder: &Folder<'_>, ahead: i64) -> String {
        let options = SyncOptions {
            clock: self.patients_clock(ahead),
            progress: &|_| (),
            cancel: Cancel::default(),
        };
        code(folder.sync(&options).await.err())
    }
}

fn code(error: Option<FolderError>) -> String {
    error
        .map(|error| error.code().to_owned())
        .unwrap_or_default()
}

/// Ids of all records that the folder knows of, newest last.
fn waiting(folder: &Folder<'_>) -> Vec<RecordId> {
    let listed = folder.list(&Filter::default()).unwrap().records;
    assert!(listed.iter().all(|record| record.state == State::Waiting));
    // Nobody has read them: they have no title, and no day that could be told.
    assert!(listed.iter().all(|record| record.written.is_none()));
    let dated = Filter {
        from: Some(chrono::NaiveDate::MIN),
        ..Filter::default()
    };
    assert!(folder.list(&dated).unwrap().records.is_empty());
    let mut ids: Vec<_> = listed.into_iter().map(|record| record.record).collect();
    ids.sort();
    ids
}

fn leaf(visit: u8) -> RecordId {
    RecordId(Digest([visit; 32]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hides_the_newest_record_is_named_and_nothing_is_taken_from_it() {
    let world = World::new();
    let config = world.config();
    let honest = Node::start(config.clone(), &world.clock, None).await;
    world.register(&honest).await;
    world.seal(&honest, 1).await;
    world.seal(&honest, 2).await;
    let port = honest.running.addr;
    honest.end().await;
    let again = Config {
        listen: port,
        ..config
    };
    let liar = Node::start(again.clone(), &world.clock, Some(Lie::HideNewest)).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&liar]);
    assert_eq!(world.sync(&folder, 0).await, "proof.incomplete");
    assert!(waiting(&folder).is_empty());
    liar.end().await;
    let honest = Node::start(again, &world.clock, None).await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert_eq!(waiting(&folder), [leaf(1), leaf(2)]);
    honest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_folder_looks_for_its_cards_until_it_finds_one() {
    let world = World::new();
    let node = Node::start(world.config(), &world.clock, None).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&node]);
    // As far as this node says.
    assert_eq!(world.sync(&folder, 0).await, "");
    assert!(folder.cards().unwrap().is_empty());
    world.register(&node).await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert_eq!(folder.cards().unwrap().len(), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_another_one_replaced_says_since_when_and_by_whose_proof() {
    let world = World::new();
    let node = Node::start(world.config(), &world.clock, None).await;
    world.register(&node).await;
    world.seal(&node, 1).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&node]);
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    let [before] = &folder.linked_cards().unwrap()[..] else {
        panic!("one card")
    };
    assert!(before.is_used() && before.linked.is_some());
    let card = CardNumber(world.card().number);
    let suite = world.fixture.chain.suite();
    let (now, keys) = (world.clock.now(), &world.fixture.hospitals);
    // Another hospital's word about it is none.
    let foreign = Anchor::of_replaced(suite, keys[1].id, &card);
    world
        .submit(
            &node,
            &world.fixture.signed(foreign, now, &[Some(&keys[1].seal)]),
        )
        .await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert!(folder.linked_cards().unwrap()[0].is_used());
    let anchor = Anchor::of_replaced(suite, HOSPITAL, &card);
    world
        .submit(
            &node,
            &world.fixture.signed(anchor, now, &[Some(&keys[0].seal)]),
        )
        .await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    let after = folder.linked_cards().unwrap();
    assert!(after[0].replaced > before.linked && !after[0].is_used());
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_rewrites_history_contradicts_what_the_vault_has_verified() {
    let world = World::new();
    let config = world.config();
    let honest = Node::start(config.clone(), &world.clock, None).await;
    world.register(&honest).await;
    world.seal(&honest, 1).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&honest]);
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    let known = folder.checkpoint().unwrap().unwrap();
    let port = honest.running.addr;
    honest.end().await;
    let again = Config {
        listen: port,
        ..config
    };
    let height = known.header.height;
    let liar = Node::start(again, &world.clock, Some(Lie::RewriteFrom { height })).await;
    world.seal(&liar, 2).await;
    world.seal(&liar, 3).await;
    assert_eq!(world.sync(&folder, 0).await, "ledger.fork");
    assert_eq!(waiting(&folder), [leaf(1)]);
    assert_eq!(folder.checkpoint().unwrap().unwrap(), known);
    liar.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_serves_an_old_head_is_shown_up_by_a_second_one() {
    let world = World::new();
    let honest = Node::start(world.config(), &world.clock, None).await;
    world.register(&honest).await;
    world.seal(&honest, 1).await;
    let height = honest.running.ledger.head().header.height;
    let second = world.place.path().join("second");
    let config = world
        .fixture
        .install_follower(&second, honest.url())
        .unwrap();
    let liar = Node::start(config, &world.clock, Some(Lie::OldHead { height })).await;
    let mut heads = liar.running.ledger.watch();
    heads
        .wait_for(|head| head.header.height >= height)
        .await
        .unwrap();
    world.clock.advance(HOUR);
    world.seal(&honest, 2).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&liar, &honest]);
    assert_eq!(world.sync(&folder, 0).await, "ledger.old_head");
    assert!(waiting(&folder).is_empty());
    liar.end().await;
    honest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_clock_is_wrong_by_a_day_reads_on_and_is_told_to_set_it() {
    let world = World::new();
    let node = Node::start(world.config(), &world.clock, None).await;
    world.register(&node).await;
    world.seal(&node, 1).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&node]);
    let (ahead, behind) = (DAY as i64, -(DAY as i64));
    // A challenge that is good for a day and more is never answered.
    assert_eq!(world.sync(&folder, behind).await, "login.clock");
    assert_eq!(world.sync(&folder, ahead).await, LEDGER_SATISFIED);
    assert_eq!(waiting(&folder), [leaf(1)]);
    // It knows a block now, whose time is no clock's guess.
    assert_eq!(world.sync(&folder, behind).await, "sync.device_clock");
    assert_eq!(code(folder.search("青霉素", 5).err()), "");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_the_ledger_does_not_end_yet_waits_on_and_holds_nothing_up() {
    let world = World::new();
    let node = Node::start(world.config(), &world.clock, None).await;
    world.register(&node).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&node]);
    let seeds = [[1; 32], [2; 32]].map(GrantSeed::from_bytes);
    // Its host has no edge; so the ledger is told, which knows the first one only.
    let [known, unknown] = [&seeds[0], &seeds[1]].map(|seed| world.to_end(&vault, seed));
    let standings = || {
        let shares = folder.shares(world.clock.now()).unwrap();
        let newest_first = shares.iter().map(|share| share.standing);
        newest_first.collect::<Vec<_>>()
    };
    let submit = async |grant: Grant, seed: &GrantSeed| {
        let key = seed.signing_key(Suite::International);
        let signers = [Some(&key), Some(&world.fixture.hospitals[0].host)];
        let stored = world.fixture.signed(grant, world.clock.now(), &signers);
        world.submit(&node, &stored).await;
    };
    submit(known, &seeds[0]).await;
    // By a clock that is ahead no transaction is taken.
    assert_eq!(world.sync(&folder, DAY as i64).await, LEDGER_SATISFIED);
    assert_eq!(standings(), [Standing::Ending, Standing::Ending]);
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert_eq!(standings(), [Standing::Ending, Standing::Revoked]);
    submit(unknown, &seeds[1]).await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert_eq!(standings(), [Standing::Revoked, Standing::Revoked]);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_nothing_half_written_and_the_sync_goes_on_when_there_is_room() {
    let world = World::new();
    let node = Node::start(world.config(), &world.clock, None).await;
    world.register(&node).await;
    let vault = world.vault();
    let folder = world.folder(&vault, &[&node]);
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    let before = folder.checkpoint().unwrap().unwrap();
    for visit in 1..=20 {
        world.seal(&node, visit).await;
    }
    let size = std::fs::metadata(vault.directory().join("vault.db"))
        .unwrap()
        .len();
    vault.limit_size(size).unwrap();
    assert_eq!(world.sync(&folder, 0).await, "vault.storage_full");
    assert!(waiting(&folder).is_empty());
    assert_eq!(folder.checkpoint().unwrap().unwrap(), before);
    vault.limit_size(1 << 30).unwrap();
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    assert_eq!(waiting(&folder).len(), 20);
    node.end().await;
}

/// A node of each hospital, named by the genesis, with all that is said to it: the second follows
/// the first.
struct TwoNodes {
    world: World,
    nodes: [Node; 2],
    said: [Recorder; 2],
    urls: [String; 2],
}

impl TwoNodes {
    async fn start() -> Self {
        let mut world = World::new();
        let doors = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let urls = doors
            .each_ref()
            .map(|door| format!("http://{}", door.local_addr().unwrap()));
        let mut genesis = world.fixture.chain.genesis().clone();
        for (member, url) in genesis.members.iter_mut().zip(&urls) {
            member.endpoints.node = Some(url.clone());
        }
        world.fixture.chain = Chain::new(genesis).unwrap();
        let mut first = world.config();
        first.origins = vec![urls[0].clone()];
        let first = Node::start(first, &world.clock, None).await;
        let place = world.place.path().join("second");
        let mut second = world.fixture.install_follower(&place, first.url()).unwrap();
        second.origins = vec![urls[1].clone()];
        let second = Node::start(second, &world.clock, None).await;
        let nodes = [first, second];
        let mut behind = nodes.iter().map(|node| {
            let address = node.url().replace("http://", "");
            address.parse().unwrap()
        });
        let said = doors.map(|door| Recorder::between(door, behind.next().unwrap()));
        Self {
            world,
            nodes,
            said,
            urls,
        }
    }

    /// Which of these cards each node was asked about.
    fn heard(&self, cards: &[CardNumber; 2]) -> [Vec<usize>; 2] {
        self.said.each_ref().map(|recorder| {
            let said = recorder.said().concat();
            let said = String::from_utf8_lossy(&said);
            let heard = (0..2).filter(|n| said.contains(&cards[*n].to_string()));
            heard.collect()
        })
    }

    async fn caught_up(&self) {
        let head = self.nodes[0].running.ledger.head();
        let mut heads = self.nodes[1].running.ledger.watch();
        let there = heads.wait_for(|own| own.header.height >= head.header.height);
        there.await.unwrap();
    }
}

#[tokio::test]
async fn no_node_is_asked_about_the_cards_of_two_hospitals_while_each_has_a_node_that_answers() {
    let two = TwoNodes::start().await;
    let members = [HOSPITAL, MemberId([2; 16])];
    for member in members {
        two.world.register_at(&two.nodes[0], member).await;
    }
    two.caught_up().await;
    let cards = members.map(|member| CardNumber(two.world.card_at(member).number));
    assert!(two.heard(&cards).iter().all(Vec::is_empty));
    let vault = two.world.vault();
    let words = words::from_root(&two.world.root, WordList::English).join(" ");
    let genesis = two.world.fixture.chain.to_bytes();
    let trust = Trust {
        genesis: &genesis,
        ledger: &two.urls[..1],
    };
    let now = two.world.clock.now();
    let folder = vault.restore_folder("a", &words, &trust, now).unwrap();
    // Restored: it looks for cards; then it reads on.
    for _ in 0..2 {
        assert_eq!(two.world.sync(&folder, 0).await, LEDGER_SATISFIED);
        assert_eq!(folder.cards().unwrap().len(), 2);
        assert_eq!(two.heard(&cards), [vec![0], vec![1]]);
    }

    // A node that does not answer keeps nobody from her records: another one is asked.
    let TwoNodes {
        world, nodes, said, ..
    } = two;
    let [first, second] = nodes;
    second.end().await;
    assert_eq!(world.sync(&folder, 0).await, LEDGER_SATISFIED);
    let heard = said[0].said().concat();
    assert!(String::from_utf8_lossy(&heard).contains(&cards[1].to_string()));
    first.end().await;
}
