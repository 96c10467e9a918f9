//! Reads the spool from the inner zone, in order, and forgets each message when its effect is
//! durable here.

use std::sync::Arc;

use super::app::App;
use super::chain;
use super::db::DbError;
use super::desk;
use super::outbox::{self, Kind};
use super::zone::deliver::{self, DeliveryError};
use crate::spool::{Item, Out, Reader, SpoolError};

/// Takes everything that is there; says how many messages were taken.
pub(crate) fn drain(app: &Arc<App>, reader: &mut Reader<Out>) -> Result<usize, SpoolError> {
    let mut taken = 0_usize;
    while let Some(item) = reader.next()? {
        match item {
            Item::Bad { name } => {
                tracing::error!(
                    code = "spool.bad",
                    name,
                    "a message of the spool was set aside"
                );
            }
            Item::Message { name, message } => {
                if take(app, reader, &message) {
                    reader.done(&name, &message)?;
                    taken = taken.saturating_add(1);
                } else {
                    // Our own disk failed: the message stays first in line.
                    return Ok(taken);
                }
            }
        }
    }
    Ok(taken)
}

/// Whether the message is dealt with: its effect is durable, or it is refused for good.
fn take(app: &Arc<App>, reader: &Reader<Out>, message: &Out) -> bool {
    match message {
        Out::Delivery(delivery) => {
            delivered(deliver::take(app, delivery, &|blob| reader.blob(blob)))
        }
        Out::Tx(bytes) => relay(app, bytes),
        Out::Answer(answer) => kept(desk::answered(app, answer)),
    }
}

fn delivered(done: Result<(), DeliveryError>) -> bool {
    match done {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(code = error.code(), "a delivery was not taken");
            !error.is_ours()
        }
    }
}

/// A seal that is signed again after a lapse goes out only when its envelopes are stored here: once
/// it is final inner deletes what they were made from.
fn relay(app: &App, bytes: &[u8]) -> bool {
    if let Some(seal) = chain::seal_of(&app.chain, bytes) {
        return delivered(deliver::again(app, &seal, bytes));
    }
    let Some(queued) = chain::queued(&app.chain, bytes) else {
        tracing::error!(
            code = "spool.tx",
            "the inner zone sent what is no transaction"
        );
        return true;
    };
    kept(
        app.db
            .write_now(|t| outbox::put(t, &queued, Kind::Relayed, app.now())),
    )
}

fn kept(done: Result<(), DbError>) -> bool {
    match done {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(code = error.code(), %error, "the index failed");
            false
        }
    }
}
