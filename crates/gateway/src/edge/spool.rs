//! Reads the spool from the inner zone, in order, and forgets each message when its effect is
//! durable here.

use std::sync::Arc;

use super::app::App;
use super::chain;
use super::db::DbError;
use super::desk;
use super::outbox::{self, Kind};
use super::zone::deliver::{self, DeliveryError};
use crate::spool::{Delivery, Item, Out, Reader, SpoolError};

/// Most deliveries that are taken together, and about how many bytes of them.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 32 << 20;

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
                let group = with_following(reader, name, message);
                for ((name, message), dealt_with) in group.iter().zip(take(app, reader, &group)) {
                    if !dealt_with {
                        // Our own disk failed: the message stays first in line.
                        return Ok(taken);
                    }
                    reader.done(name, message)?;
                    taken = taken.saturating_add(1);
                }
                app.wake.submit.notify_one();
            }
        }
    }
    Ok(taken)
}

/// A delivery with those that come right after it, any other message alone.
fn with_following(reader: &Reader<Out>, name: String, message: Out) -> Vec<(String, Out)> {
    let mut bytes = delivery_of(&message).map_or(GROUP_BYTES, size);
    let mut group = vec![(name, message)];
    while bytes < GROUP_BYTES && group.len() < GROUP {
        // What cannot be read is told when it is first in line.
        let Ok(Some((name, message))) = reader.after(group.len()) else {
            break;
        };
        let Some(delivery) = delivery_of(&message) else {
            break;
        };
        bytes = bytes.saturating_add(size(delivery));
        group.push((name, message));
    }
    group
}

const fn delivery_of(message: &Out) -> Option<&Delivery> {
    match message {
        Out::Delivery(delivery) => Some(delivery),
        Out::Tx(_) | Out::Answer(_) => None,
    }
}

/// Bytes that a delivery holds in memory; an attachment counts for what reading it takes.
fn size(delivery: &Delivery) -> usize {
    let envelopes: usize = delivery.envelopes.iter().map(|one| one.len()).sum();
    envelopes.saturating_add(delivery.attachments.len().saturating_mul(1 << 20))
}

/// Whether each message is dealt with: its effect is durable, or it is refused for good.
fn take(app: &Arc<App>, reader: &Reader<Out>, group: &[(String, Out)]) -> Vec<bool> {
    match group {
        [(_, Out::Tx(bytes))] => vec![relay(app, bytes)],
        [(_, Out::Answer(answer))] => vec![kept(app, "desk", desk::answered(app, answer))],
        group => {
            let deliveries = group.iter().filter_map(|(_, message)| delivery_of(message));
            let deliveries: Vec<&Delivery> = deliveries.collect();
            match deliver::take_all(app, &deliveries, &|blob| reader.blob(blob)) {
                Ok(done) => delivered(app, done),
                Err(error) => delivered(app, vec![Err(error)]),
            }
        }
    }
}

/// Which deliveries are dealt with; that our own disk fails is told when it begins and ends.
fn delivered(app: &App, done: Vec<Result<(), DeliveryError>>) -> Vec<bool> {
    let errors = || done.iter().filter_map(|done| done.as_ref().err());
    let ours = errors().find(|error| error.is_ours());
    app.troubles.tell("delivery", ours.map(DeliveryError::code));
    for error in errors().filter(|error| !error.is_ours()) {
        tracing::error!(code = error.code(), "a delivery is refused");
    }
    let is_dealt_with = |done: &Result<(), DeliveryError>| match done {
        Ok(()) => true,
        Err(error) => !error.is_ours(),
    };
    done.iter().map(is_dealt_with).collect()
}

/// A seal that is signed again after a lapse goes out only when its envelopes are stored here: once
/// it is final inner deletes what they were made from.
fn relay(app: &App, bytes: &[u8]) -> bool {
    if let Some(seal) = chain::seal_of(&app.chain, bytes) {
        let done = vec![deliver::again(app, &seal, bytes)];
        return delivered(app, done)
            .into_iter()
            .all(|dealt_with| dealt_with);
    }
    let Some(queued) = chain::queued(&app.chain, bytes) else {
        tracing::error!(
            code = "spool.tx",
            "the inner zone sent what is no transaction"
        );
        return true;
    };
    let put = app
        .db
        .write_now(|t| outbox::put(t, &queued, Kind::Relayed, app.now()));
    kept(app, "relay", put)
}

fn kept(app: &App, part: &'static str, done: Result<(), DbError>) -> bool {
    let code = done.as_ref().err().map(DbError::code);
    app.troubles.tell(part, code);
    done.is_ok()
}
