//! When to stop: Ctrl-C, SIGTERM, or (for children of the demonstration) the end of standard input.

use crate::error::CliError;
use std::io::Read as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Turns true once this process is asked to stop.
pub(crate) fn asked(with_stdin: bool) -> Result<watch::Receiver<bool>, CliError> {
    let failed = |error| CliError::new("system.signals", error);
    let mut interrupt = interrupts()?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut input = with_stdin.then(end_of_input);
    let (stop, asked) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = ended(&mut input) => {}
        }
        // Nobody listens any more: there is nothing left to stop.
        let _ = stop.send(true);
        stop.closed().await;
    });
    Ok(asked)
}

async fn ended(input: &mut Option<mpsc::Receiver<()>>) {
    match input {
        Some(input) => {
            input.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// A thread of its own waits for the end: a read of standard input cannot be cancelled.
fn end_of_input() -> mpsc::Receiver<()> {
    let (ended, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        let mut input = std::io::stdin().lock();
        while matches!(input.read(&mut buffer), Ok(read) if read > 0) {}
        drop(ended);
    });
    receiver
}

/// Every Ctrl-C from now on.
pub(crate) fn interrupts() -> Result<Signal, CliError> {
    signal(SignalKind::interrupt()).map_err(|error| CliError::new("system.signals", error))
}

/// Waits until it turns true.
pub(crate) async fn wait(asked: &mut watch::Receiver<bool>) {
    // An error means that whoever would ask is gone.
    let _ = asked.wait_for(|stop| *stop).await;
}
