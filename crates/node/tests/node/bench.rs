//! The bench runs to its end and gives every figure. `MEDFOLDER_BENCH_CARDS`, `…_RESTART`,
//! `…_RECORDS` and `…_HEARTBEATS` make it larger; the figures themselves are wanted of release builds only.

use medfolder_node::bench::{Figure, Scale, run};

fn number(name: &str, small: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(small)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bench_gives_every_figure() {
    let scale = Scale {
        cards: number("MEDFOLDER_BENCH_CARDS", Scale::SMALL.cards),
        restart: number("MEDFOLDER_BENCH_RESTART", Scale::SMALL.restart),
        records: number("MEDFOLDER_BENCH_RECORDS", Scale::SMALL.records),
        heartbeats: number("MEDFOLDER_BENCH_HEARTBEATS", Scale::SMALL.heartbeats),
    };
    let dir = tempfile::tempdir().unwrap();
    let mut figures: Vec<Figure> = Vec::new();
    let mut report = |figure: Figure| {
        println!("{}", serde_json::to_string(&figure).unwrap());
        figures.push(figure);
    };
    run(dir.path(), scale, &mut report).await.unwrap();
    assert!(figures.iter().all(|figure| figure.value.is_finite()));
    for name in [
        "engine.embedded.64.rate",
        "engine.embedded.1024.p99",
        "ledger.restart",
        "ledger.idle.growth",
        "ledger.idle.processor",
    ] {
        assert!(figures.iter().any(|figure| figure.name == name), "{name}");
    }
}
