//! The two threads of an inner zone: one looks after the watched folder, one does everything else.
//!
//! Each round is a row of durable steps; a machine that stops between any two goes on from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::inlet::watch::Watch;
use super::seal::{self, SharedWriter};
use super::zone::Zone;
use super::{InnerError, assign, cleanup, desk, follow, outbox};
use crate::spool::{In, Item, Reader};

/// Messages of one round.
const MESSAGES: usize = 64;
/// Rest after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Between two looks for records that can be assigned or sealed, when nothing roused us.
const SEAL_EVERY: Duration = Duration::from_millis(200);
const RESIGN_EVERY: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASSIGN_EVERY: Duration = Duration::from_secs(1);
/// Between two cuts of the write-ahead log while drafts are being deleted.
const WIPE_EVERY: Duration = Duration::from_secs(5);
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// Works until `stop`.
pub(crate) struct Worker {
    pub(crate) zone: Arc<Zone>,
    pub(crate) writer: SharedWriter,
    pub(crate) reader: Reader<In>,
    due: Due,
    /// Blocks were lost on their way from the edge.
    missing: bool,
    /// Where the next look at records without a signer begins.
    unassigned: i64,
}

struct Due {
    seal: Instant,
    assign: Instant,
    resign: Option<Instant>,
    wipe: Instant,
    forget: Instant,
    asked: Option<Instant>,
    unwiped: bool,
}

impl Worker {
    pub(crate) fn new(zone: Arc<Zone>, writer: SharedWriter, reader: Reader<In>) -> Self {
        let now = Instant::now();
        // What a crash left is wiped soon after the start.
        let due = Due {
            seal: now,
            assign: now,
            resign: None,
            wipe: now,
            forget: now,
            asked: None,
            unwiped: true,
        };
        Self {
            zone,
            writer,
            reader,
            due,
            missing: false,
            unassigned: 0,
        }
    }

    pub(crate) fn run(mut self, stop: &AtomicBool) {
        let poll = Duration::from_millis(self.zone.config.tuning.poll.max(5));
        let mut roused = false;
        while !stop.load(Ordering::SeqCst) {
            let round = self.round(roused);
            let code = round.as_ref().err().map(InnerError::code);
            self.zone.troubles.tell("work", code);
            match round {
                Ok(true) => {}
                Ok(false) => roused = self.zone.wake.wait(poll),
                Err(error) => {
                    tracing::debug!(code = error.code(), %error, "a round of work failed");
                    std::thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    /// One round; true when there is more to do at once.
    fn round(&mut self, roused: bool) -> Result<bool, InnerError> {
        let messages = self.read_spool()?;
        let assigned = self.assign(messages > 0)?;
        // What is sealed is sent, whatever keeps the rest from being sealed.
        let sealed = self.seal(roused || messages + assigned > 0);
        let sent = outbox::flush(&self.zone, &self.writer)?;
        self.forget()?;
        Ok(messages + assigned + sealed? + sent > 0)
    }

    fn read_spool(&mut self) -> Result<usize, InnerError> {
        let mut read = 0;
        while read < MESSAGES {
            match self.reader.next()? {
                None => break,
                Some(Item::Bad { name }) => {
                    tracing::warn!(
                        code = "spool.bad",
                        name,
                        "a message from the edge is set aside"
                    );
                    self.missing |= name.ends_with(In::BLOCKS);
                    self.reader.set_aside(&name)?;
                }
                Some(Item::Message { name, message }) => {
                    match &message {
                        In::Blocks(blocks) => {
                            let took = follow::take(&self.zone, blocks)?;
                            self.due.unwiped |= took.any;
                            self.missing = took.gap || self.missing && !took.any;
                        }
                        In::Claim(claim) => desk::claim(&self.zone, claim)?,
                        In::Refused(refused) => seal::not_taken(&self.zone, refused)?,
                    }
                    self.reader.done(&name, &message)?;
                }
            }
            read += 1;
        }
        self.ask_again()?;
        self.resign(read > 0)?;
        Ok(read)
    }

    /// Asks for blocks that were lost on their way, now and then until they are here.
    fn ask_again(&mut self) -> Result<(), InnerError> {
        let code = self.missing.then_some(follow::MISSING);
        self.zone.troubles.tell("blocks", code);
        let asked = |at: Instant| at.elapsed() < ASK_EVERY;
        if self.missing && !self.due.asked.is_some_and(asked) {
            follow::ask_again(&self.zone)?;
            self.due.asked = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks for what lapsed, with every block, and now and then because clocks are set right.
    fn resign(&mut self, news: bool) -> Result<(), InnerError> {
        let due = |last: Instant| last.elapsed() >= RESIGN_EVERY;
        if !news && !self.due.resign.is_none_or(due) {
            return Ok(());
        }
        self.due.resign = Some(Instant::now());
        if let Some((_, time)) = follow::head(&self.zone)? {
            seal::give_up_lapsed(&self.zone, time)?;
            seal::resign_lapsed(&self.zone, time)?;
        }
        Ok(())
    }

    fn assign(&mut self, news: bool) -> Result<usize, InnerError> {
        if !news && self.due.assign.elapsed() < ASSIGN_EVERY {
            return Ok(0);
        }
        self.due.assign = Instant::now();
        let (assigned, next) = assign::assign_waiting(&self.zone, self.unassigned)?;
        self.unassigned = next;
        Ok(assigned)
    }

    fn seal(&mut self, news: bool) -> Result<usize, InnerError> {
        if !news && self.due.seal.elapsed() < SEAL_EVERY {
            return Ok(0);
        }
        let again = seal::deliver_again(&self.zone, &self.writer)?;
        let sealed = again + seal::seal_ready(&self.zone, &self.writer)?;
        self.due.seal = Instant::now();
        Ok(sealed)
    }

    fn forget(&mut self) -> Result<(), InnerError> {
        if self.due.unwiped && self.due.wipe.elapsed() >= WIPE_EVERY {
            self.zone.store.wipe_log()?;
            (self.due.unwiped, self.due.wipe) = (false, Instant::now());
        }
        if self.due.forget.elapsed() >= FORGET_EVERY {
            cleanup::forget_old(&self.zone)?;
            (self.due.unwiped, self.due.forget) = (true, Instant::now());
        }
        Ok(())
    }
}

/// Looks after the watched folder until `stop`.
pub(crate) fn watch(zone: &Zone, mut watch: Watch, stop: &AtomicBool) {
    let rest = Duration::from_millis(zone.config.tuning.watch.max(20));
    while !stop.load(Ordering::SeqCst) {
        let look = watch.look(zone);
        let code = look.as_ref().err().map(InnerError::code);
        zone.troubles.tell("watch", code);
        if let Err(error) = look {
            tracing::debug!(code = error.code(), %error, "the watched folder cannot be read");
        }
        std::thread::sleep(rest);
    }
}
