//! How fast a hospital's records are taken in, signed and sealed. Prints; run it with `--ignored`.

use std::time::Instant;

use medfolder_crypto::Suite;

use crate::world::{Patient, World, bundle};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn records_a_second_from_file_to_seal() {
    const VISITS: usize = 400;
    const RECORDS: usize = 8;
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    let filler = "血压 128/76 mmHg，心率 72 次/分。".repeat(100);
    let staged = world.dir.path().join("staged");
    for visit in 0..VISITS {
        let folder = staged.join(format!("v{visit}"));
        std::fs::create_dir_all(&folder).unwrap();
        for record in 0..RECORDS {
            let (name, document) = (format!("V{visit}"), format!("D{visit}-{record}"));
            let bytes = bundle("P1", &name, &document, 1, &filler);
            std::fs::write(folder.join(format!("{record}.json")), bytes).unwrap();
        }
    }
    world.post_fhir(bundle("P1", "V", "D", 1, "first")).await;
    world.link("P1", &patient).await;
    world.rest = std::time::Duration::from_millis(100);
    std::fs::rename(&staged, world.watched().join("all")).unwrap();
    let started = Instant::now();
    let total = (VISITS * RECORDS + 1) as u64;
    world.until_status("taken", |s| s.records == total).await;
    let taken = started.elapsed();
    world.until_status("signed", |s| s.to_sign == 0).await;
    let signed = started.elapsed();
    world
        .until_status("sealed", |s| s.done_records == total)
        .await;
    let sealed = started.elapsed();
    let rate = total as f64 / sealed.as_secs_f64();
    println!("{total} records: taken {taken:?}, signed {signed:?}, final {sealed:?}: {rate:.0}/s");
}
