//! Sealing: complete visits become envelopes, a key slot and T_M, all of them or none.
//!
//! ```text
//! ready.rs    which batches are complete: every record signed, quiet, predecessors final, a card
//! make.rs     every signature checked again, envelopes, slot, T_M; no lock held
//! commit.rs   one database step: leaves, T_M and the delivery; from here on never sealed anew
//! ```

mod attachment;
mod commit;
mod make;
mod ready;
mod resign;

use std::sync::Mutex;

use super::InnerError;
use super::zone::Zone;
use crate::spool::{Out, Writer};
use make::Made;
pub(crate) use resign::{resign_lapsed, resign_late};

/// The writing end of the outgoing spool, shared by the sealing threads.
pub(crate) type SharedWriter = Mutex<Writer<Out>>;

/// Most batches of one round.
const ROUND: usize = 64;

/// Seals what is complete; returns how many batches. One that cannot be sealed does not keep the
/// others back.
pub(crate) fn seal_ready(zone: &Zone, writer: &SharedWriter) -> Result<usize, InnerError> {
    ready::note_missing_cards(zone)?;
    let batches = ready::ready(zone, ROUND)?;
    if batches.is_empty() {
        return Ok(0);
    }
    let made = in_parallel(&batches, |batch| make::make(zone, writer, batch));
    let (mut sealed, mut failed) = (Vec::new(), None);
    for (batch, made) in batches.iter().zip(made) {
        match made {
            Ok(Made::Sealed(seal)) => sealed.push(*seal),
            Ok(Made::Held(record, code)) => ready::hold(zone, batch, record, code)?,
            Ok(Made::Grown) => {}
            Err(error) => failed = Some(error),
        }
    }
    let left = commit::commit(zone, &sealed)?;
    for seal in &left {
        let blobs = seal.delivery.attachments.iter().map(|blob| blob.digest);
        make::discard(writer, &blobs.collect::<Vec<_>>());
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(sealed.len() - left.len()),
    }
}

/// Runs `work` on every item, on all cores, and keeps the order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = items
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| match thread.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
