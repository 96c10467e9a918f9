//! `medfolder-node CONFIG`: runs a ledger node until it is interrupted.

use std::path::Path;
use std::process::ExitCode;

use medfolder_node::{Config, serve};
use tokio::sync::watch;

/// A reason to stop with a code.
fn failed(code: &str, message: impl core::fmt::Display) -> ExitCode {
    let error = serde_json::json!({"error": {"code": code, "message": message.to_string()}});
    println!("{error}");
    ExitCode::FAILURE
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: medfolder-node CONFIG");
        return ExitCode::from(2);
    };
    let config = match Config::load(Path::new(&path)) {
        Ok(config) => config,
        Err(error) => return failed(error.code(), &error),
    };
    let filter = config.log.clone().unwrap_or_else(|| "info".to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let tls = config.tls.is_some();
    let (stop, shutdown) = watch::channel(false);
    let running = match serve(config, shutdown).await {
        Ok(running) => running,
        Err(error) => return failed(error.code(), &error),
    };
    println!("{}", serde_json::json!({"listening": running.url(tls)}));
    interrupted().await;
    let _ = stop.send(true);
    let _ = running.handle.await;
    ExitCode::SUCCESS
}

/// Returns at SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
