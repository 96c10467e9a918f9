//! Reads the spool from the inner zone, in order, and forgets each message when its effect is
//! durable here.
//!
//! What cannot be read or does not fit is kept in `bad/`, after the inner zone was told: it sends what
//! it has to send again.

use std::sync::{Arc, PoisonError};

use medfolder_crypto::Digest;

use super::app::App;
use super::chain;
use super::db::DbError;
use super::desk;
use super::follow;
use super::outbox::{self, Kind};
use super::zone::deliver::{self, DeliveryError};
use crate::spool::{Delivery, In, Item, Out, Reader, Refused, SpoolError};

/// Most deliveries that are taken together, and about how many bytes of them.
const GROUP: usize = 64;
const GROUP_BYTES: usize = 32 << 20;

/// Takes everything that is there; says how many messages were taken.
pub(crate) fn drain(app: &Arc<App>, reader: &mut Reader<Out>) -> Result<usize, SpoolError> {
    let mut taken = 0_usize;
    while let Some(item) = reader.next()? {
        match item {
            Item::Bad { name } => refuse(app, reader, &name, None, "spool.bad")?,
            Item::Message { name, message } => {
                let group = with_following(reader, name, message);
                for ((name, message), taken_as) in group.iter().zip(take(app, reader, &group)) {
                    match taken_as {
                        // Our own disk failed: the message stays first in line.
                        TakenAs::Waits => return Ok(taken),
                        TakenAs::Done => reader.done(name, message)?,
                        TakenAs::Refused(code) => {
                            refuse(app, reader, name, identifier(app, message), code)?;
                        }
                    }
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
        Out::Tx(_) | Out::Answer(_) | Out::Wanted(_) => None,
    }
}

/// Bytes that a delivery holds in memory; an attachment counts for what reading it takes.
fn size(delivery: &Delivery) -> usize {
    let envelopes: usize = delivery.envelopes.iter().map(|one| one.len()).sum();
    envelopes.saturating_add(delivery.attachments.len().saturating_mul(1 << 20))
}

/// Tells the inner zone, and keeps the file: in this order, so that a crash in between tells it twice.
fn refuse(
    app: &App,
    reader: &mut Reader<Out>,
    name: &str,
    transaction: Option<Digest>,
    code: &'static str,
) -> Result<(), SpoolError> {
    let shown = transaction.map(|id| id.to_string());
    tracing::error!(
        code,
        name,
        transaction = shown,
        "a message of the spool is refused and set aside"
    );
    let refused = Refused {
        name: name.to_owned(),
        transaction,
        code: code.to_owned(),
    };
    let mut writer = app.to_inner.lock().unwrap_or_else(PoisonError::into_inner);
    writer.send(In::Refused(refused))?;
    drop(writer);
    reader.set_aside(name)
}

/// Identifier of a message's transaction.
fn identifier(app: &App, message: &Out) -> Option<Digest> {
    let bytes = match message {
        Out::Delivery(delivery) => &delivery.transaction,
        Out::Tx(bytes) => bytes,
        Out::Answer(_) | Out::Wanted(_) => return None,
    };
    chain::queued(&app.chain, bytes).map(|queued| queued.id)
}

/// What became of a message.
enum TakenAs {
    /// Its effect is durable.
    Done,
    /// It is not taken, however often it comes.
    Refused(&'static str),
    /// It is taken when our own disk is well again.
    Waits,
}

/// What became of each message.
fn take(app: &Arc<App>, reader: &Reader<Out>, group: &[(String, Out)]) -> Vec<TakenAs> {
    match group {
        [(_, Out::Tx(bytes))] => vec![relay(app, bytes)],
        [(_, Out::Answer(answer))] => vec![kept(app, "desk", desk::answered(app, answer))],
        [(_, Out::Wanted(from))] => vec![kept(app, "wanted", follow::want(app, *from))],
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

/// What became of deliveries; that our own disk fails is told when it begins and ends.
fn delivered(app: &App, done: Vec<Result<(), DeliveryError>>) -> Vec<TakenAs> {
    let mut errors = done.iter().filter_map(|done| done.as_ref().err());
    let ours = errors.find(|error| error.is_ours());
    app.troubles.tell("delivery", ours.map(DeliveryError::code));
    let taken_as = |done: &Result<(), DeliveryError>| match done {
        Ok(()) => TakenAs::Done,
        Err(error) if error.is_ours() => TakenAs::Waits,
        Err(error) => TakenAs::Refused(error.code()),
    };
    done.iter().map(taken_as).collect()
}

/// A seal that is signed again after a lapse goes out only when its envelopes are stored here: once
/// it is final inner deletes what they were made from.
fn relay(app: &App, bytes: &[u8]) -> TakenAs {
    if let Some(seal) = chain::seal_of(&app.chain, bytes) {
        let done = vec![deliver::again(app, &seal, bytes)];
        return delivered(app, done).pop().unwrap_or(TakenAs::Waits);
    }
    let Some(queued) = chain::queued(&app.chain, bytes) else {
        return TakenAs::Refused("spool.tx");
    };
    let put = app
        .db
        .write_now(|t| outbox::put(t, &queued, Kind::Relayed, app.now()));
    kept(app, "relay", put)
}

fn kept(app: &App, part: &'static str, done: Result<(), DbError>) -> TakenAs {
    let code = done.as_ref().err().map(DbError::code);
    app.troubles.tell(part, code);
    done.map_or(TakenAs::Waits, |()| TakenAs::Done)
}
