//! `kill -9` of an inner process under load, at random times: nothing is lost, nothing sealed twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use medfolder_crypto::Suite;
use medfolder_gateway::clock::ManualClock;
use medfolder_gateway::inner::{self, Config};

use crate::ledger::NOW;
use crate::world::{Patient, World, bundle, doctor};

const CONFIG: &str = "MEDFOLDER_TEST_INNER_CONFIG";
const VISITS: usize = 60;
const KILLS: usize = 25;

/// The process that is killed; does nothing unless the test below started it.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Ok(path) = std::env::var(CONFIG) else {
        return;
    };
    let config = Config::read(Path::new(&path)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let running = inner::serve_at(config, ManualClock::at(NOW), stopped)
            .await
            .unwrap();
        let address = Path::new(&path).with_extension("address");
        std::fs::write(address.with_extension("new"), running.addr.to_string()).unwrap();
        std::fs::rename(address.with_extension("new"), address).unwrap();
        running.task.await.unwrap();
    });
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn start(world: &mut World) -> Killed {
    let path = world.dir.path().join("inner.json");
    std::fs::write(&path, serde_json::to_vec(&world.config).unwrap()).unwrap();
    let address = path.with_extension("address");
    let _ = std::fs::remove_file(&address);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--ignored", "--nocapture"])
        .env(CONFIG, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child = Killed(child);
    let started = Instant::now();
    while !address.exists() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "the inner process does not start"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.url = format!("http://{}", std::fs::read_to_string(&address).unwrap());
    world.start_signer(vec![doctor(Suite::International, 1)]);
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_inner_process_loses_nothing_and_seals_nothing_twice() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V", "D", 1, "first")).await;
    world.link("P1", &patient).await;
    world.stop_signer();
    world.halt().await;

    let mut random = 42_u64;
    let mut below = |limit: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % limit
    };
    let mut delivered = 0;
    for _ in 0..KILLS {
        let child = start(&mut world).await;
        let until = Instant::now() + Duration::from_millis(below(900));
        while Instant::now() < until {
            if delivered < VISITS {
                drop_visit(&world, delivered);
                delivered += 1;
            }
            world.edge.turn();
            tokio::time::sleep(Duration::from_millis(below(12))).await;
        }
        drop(child);
        world.stop_signer();
    }
    while delivered < VISITS {
        drop_visit(&world, delivered);
        delivered += 1;
    }
    let _child = start(&mut world).await;
    let total = (VISITS * 2 + 1) as u64;
    world
        .until_status("everything is final", |s| s.done_records == total)
        .await;
    let status = world.status().await;
    assert_eq!(
        (status.records, status.outbox, status.sealed),
        (total, 0, 0)
    );
    assert!(
        status.held.is_empty() && status.skipped.is_empty(),
        "{status:?}"
    );

    let records = world.records_of(&patient);
    let bodies: BTreeSet<Vec<u8>> = records
        .iter()
        .map(|record| record.body().to_vec())
        .collect();
    assert_eq!((records.len() as u64, bodies.len() as u64), (total, total));
    assert!(
        world.edge.ledger.refused.is_empty(),
        "{:?}",
        world.edge.ledger.refused
    );
}

fn drop_visit(world: &World, visit: usize) {
    for record in 0..2 {
        let (name, document) = (format!("V{visit}"), format!("D{visit}-{record}"));
        let path = world.watched().join(format!("{document}.json"));
        let part = path.with_extension("part");
        std::fs::write(&part, bundle("P1", &name, &document, 1, &document)).unwrap();
        std::fs::rename(part, path).unwrap();
    }
}
