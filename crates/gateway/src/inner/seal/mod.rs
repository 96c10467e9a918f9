//! Sealing: complete visits become envelopes, a key slot and T_M, all of them or none.
//!
//! ```text
//! ready.rs    which batches are complete: every record signed, quiet, predecessors final, a card
//! make.rs     every signature checked again, envelopes, slot, T_M; no lock held
//! commit.rs   one database step: leaves, T_M and the delivery; from here on never sealed anew
//! again.rs    a delivery that was lost or damaged on its way: the same leaves, made once more
//! ```

mod again;
mod attachment;
mod commit;
mod make;
mod ready;
mod resign;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use super::zone::Zone;
use super::{InnerError, outbox};
use crate::parallel::{in_parallel, joined};
use crate::spool::{Out, Unsent, Writer};
pub(crate) use again::{deliver_again, give_up_lapsed, is_not_taken, not_taken};
use make::{Made, SealMade};
use ready::Ready;
pub(crate) use resign::{resign_all, resign_lapsed, resign_late};

/// The writing end of the outgoing spool, shared by the sealing threads.
pub(crate) type SharedWriter = Mutex<Writer<Out>>;

/// Most batches of one round.
const ROUND: usize = 128;
/// Most rounds before other work has its turn.
const ROUNDS: usize = 8;

/// Seals what is complete and sends it; returns how many batches. While one round is stored and
/// sent, the next is made. A batch that cannot be sealed does not keep the others back.
pub(crate) fn seal_ready(zone: &Zone, writer: &SharedWriter) -> Result<usize, InnerError> {
    ready::note_missing_cards(zone)?;
    let (mut stored, mut failed, mut tried) = (0, None, BTreeSet::new());
    std::thread::scope(|scope| {
        let mut storing: Option<ScopedJoinHandle<'_, _>> = None;
        for _ in 0..ROUNDS {
            let mut batches = ready::ready(zone, 2 * ROUND)?;
            batches.retain(|batch| !tried.contains(&batch.id));
            batches.truncate(ROUND);
            tried.extend(batches.iter().map(|batch| batch.id));
            let made = make_all(zone, writer, batches, &mut failed)?;
            if let Some(before) = storing.take() {
                stored += joined(before)?;
            }
            if made.is_empty() {
                break;
            }
            storing = Some(scope.spawn(move || store(zone, writer, &made)));
        }
        stored += storing.map_or(Ok(0), joined)?;
        // What could be made is kept, even when the disk had no room for all of it.
        failed.map_or(Ok(stored), Err)
    })
}

/// Makes the seals of a round; what failed is noted in `failed`.
fn make_all(
    zone: &Zone,
    writer: &SharedWriter,
    batches: Vec<Ready>,
    failed: &mut Option<InnerError>,
) -> Result<Vec<SealMade>, InnerError> {
    let batches = in_spool_order(writer, batches)?;
    let made = in_parallel(&batches, |batch| make::make(zone, writer, batch));
    let mut sealed = Vec::with_capacity(made.len());
    for ((batch, _), made) in batches.iter().zip(made) {
        match made {
            Ok(Made::Sealed(seal)) => sealed.push(*seal),
            Ok(Made::Held(record, code)) => ready::hold(zone, batch, record, code)?,
            Ok(Made::Grown) => {}
            Err(error) => *failed = Some(error),
        }
    }
    Ok(sealed)
}

fn store(zone: &Zone, writer: &SharedWriter, seals: &[SealMade]) -> Result<usize, InnerError> {
    let stored = commit::commit(zone, writer, seals)?;
    outbox::flush(zone, writer)?;
    Ok(stored)
}

/// Gives each batch its place in the spool, in the order of the visits: the edge delivers so.
fn in_spool_order(
    writer: &SharedWriter,
    batches: Vec<Ready>,
) -> Result<Vec<(Ready, Unsent)>, InnerError> {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let placed = batches
        .into_iter()
        .map(|batch| Ok((batch, writer.stage(Out::DELIVERY)?)));
    placed.collect()
}
