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

use std::sync::{Mutex, PoisonError};

use super::zone::Zone;
use super::{InnerError, in_parallel};
use crate::spool::{Out, Unsent, Writer};
use make::Made;
pub(crate) use resign::{resign_all, resign_lapsed, resign_late};

/// The writing end of the outgoing spool, shared by the sealing threads.
pub(crate) type SharedWriter = Mutex<Writer<Out>>;

/// Most batches of one round.
const ROUND: usize = 128;

/// Seals what is complete; returns how many batches. One that cannot be sealed does not keep the
/// others back.
pub(crate) fn seal_ready(zone: &Zone, writer: &SharedWriter) -> Result<usize, InnerError> {
    ready::note_missing_cards(zone)?;
    let batches = ready::ready(zone, ROUND)?;
    if batches.is_empty() {
        return Ok(0);
    }
    let batches = in_spool_order(writer, batches)?;
    let made = in_parallel(&batches, |batch| make::make(zone, writer, batch));
    let (mut sealed, mut failed) = (Vec::new(), None);
    for ((batch, _), made) in batches.iter().zip(made) {
        match made {
            Ok(Made::Sealed(seal)) => sealed.push(*seal),
            Ok(Made::Held(record, code)) => ready::hold(zone, batch, record, code)?,
            Ok(Made::Grown) => {}
            Err(error) => failed = Some(error),
        }
    }
    // What could be made is kept, even when the disk had no room for all of it.
    let stored = commit::commit(zone, writer, &sealed)?;
    failed.map_or(Ok(stored), Err)
}

/// Gives each batch its place in the spool, in the order of the visits: the edge delivers so.
fn in_spool_order(
    writer: &SharedWriter,
    batches: Vec<ready::Ready>,
) -> Result<Vec<(ready::Ready, Unsent)>, InnerError> {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let placed = batches
        .into_iter()
        .map(|batch| Ok((batch, writer.stage(Out::DELIVERY)?)));
    placed.collect()
}
