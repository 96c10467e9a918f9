//! Nobody sits before a silent terminal: what waits for others says so.

use crate::output::Output;
use std::time::Duration;

/// How long something may take before that is said.
const SOON: Duration = Duration::from_secs(3);

/// Does it, and says so when hospitals or ledger take their time.
pub(crate) async fn told<T>(output: Output, work: impl Future<Output = T>) -> T {
    told_unless(output, || false, work).await
}

/// The same for what tells its own progress as soon as there is any.
pub(crate) async fn told_unless<T>(
    output: Output,
    is_seen: impl Fn() -> bool,
    work: impl Future<Output = T>,
) -> T {
    tokio::pin!(work);
    match tokio::time::timeout(SOON, &mut work).await {
        Ok(done) => done,
        Err(_) => {
            if !is_seen() {
                output.progress(output.say(
                    "还在等医院或账本回应 …（按 Ctrl-C 停止）",
                    "Still waiting for the hospital or the ledger … (Ctrl-C stops)",
                ));
            }
            work.await
        }
    }
}
