//! Shares that exist: their state, an earlier or later end, the end now.

use crate::{Folder, FolderError};
use medfolder_client::api::share::{ShareCondition, ShareState};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerError, Patience};
use medfolder_client::share_host::ShareOwner;
use medfolder_ledger::body::{Body, Extend, Revoke, Shorten};
use medfolder_ledger::transaction::Unsigned;
use medfolder_record::{GrantId, MemberId, RecordId};
use medfolder_share::GrantSeed;
use rusqlite::{Row, params};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a change of a share may take to reach the ledger, in milliseconds.
const CHANGE_WITHIN: u64 = 60 * 60 * 1_000;
/// How long the host may take to end a share before the ledger is asked.
const HOST_WITHIN: Duration = Duration::from_secs(4);
/// How long a sync waits for the ledger to take the end of a share.
const AGAIN: Patience = Patience(Duration::from_secs(5));
/// The ledger's contract has no such grant.
const GRANT_UNKNOWN: &str = "grant.unknown";
/// The ledger's contract ended this grant before.
const GRANT_REVOKED: &str = "grant.revoked";
/// Characters of an id's beginning at least.
const SHORTEST_ID: usize = 4;
/// The state of a share in the vault whose end the ledger has not taken yet.
const ENDING: &str = "ending";
/// The state of an unfinished share that was dropped: shown to nobody, and kept as long as its grant
/// may still reach the ledger.
const DROPPED: &str = "dropped";

/// A share's state as this device knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was being made when something stopped it, and nobody was given its link.
    Preparing,
    /// It can be opened.
    #[serde(rename = "live")]
    Active,
    /// Its owner ended it, but the ledger has not taken that yet: it may still open, whatever its host
    /// says. Every sync tries again.
    Ending,
    /// Its time is over.
    Expired,
    /// It was ended.
    Revoked,
}

/// Who has taken the end of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The ledger, and its host says that it opens no more.
    Host,
    /// The ledger alone; the host reads it there as soon as it can.
    Ledger,
    /// Nobody: it was never finished, and the ledger does not know it.
    Nobody,
}

/// A share of the folder.
pub struct ShareInfo {
    pub(super) row: i64,
    /// The share.
    pub grant: GrantId,
    /// Its name.
    pub label: String,
    /// The link.
    pub link: Zeroizing<String>,
    /// The passcode, if it has one.
    pub passcode: Option<Zeroizing<String>>,
    /// The member whose edge serves it.
    pub host: MemberId,
    /// When it was made, in milliseconds.
    pub created: u64,
    /// When it ends, in milliseconds.
    pub ends: u64,
    /// How often it may be opened; any number without one.
    pub openings: Option<u32>,
    /// Its records, in the order of the grant's scope.
    pub records: Vec<RecordId>,
    /// Its state.
    pub standing: Standing,
    /// What its host said last, and when (ms).
    pub heard: Option<(ShareState, u64)>,
    pub(super) seed: GrantSeed,
}

impl ShareInfo {
    /// Its number on this device: small, and its own for good.
    #[must_use]
    pub const fn number(&self) -> i64 {
        self.row
    }

    /// What is over or was never finished has no end that could be moved.
    fn may_move(&self) -> Result<(), FolderError> {
        match self.standing {
            Standing::Active => Ok(()),
            _ => Err(FolderError::ShareOver),
        }
    }
}

/// Nor has what its host knows to be over or used up.
fn moves(state: &ShareState) -> Result<(), FolderError> {
    match state.state {
        ShareCondition::UsedUp => Err(FolderError::ShareSpent),
        ShareCondition::Expired | ShareCondition::Revoked | ShareCondition::Locked => {
            Err(FolderError::ShareOver)
        }
        ShareCondition::Live => Ok(()),
    }
}

impl core::fmt::Debug for ShareInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ShareInfo({}, {:?})", self.grant, self.standing)
    }
}

const COLUMNS: &str = "id, grant_id, label, link, passcode, host, created, ends, openings, records,
    state, grant_seed, host_state, host_asked";

impl Folder<'_> {
    /// The folder's shares, newest first, as of `now`.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn shares(&self, now: u64) -> Result<Vec<ShareInfo>, FolderError> {
        self.shares_where(&format!("state <> '{DROPPED}'"), now)
    }

    fn shares_where(&self, condition: &str, now: u64) -> Result<Vec<ShareInfo>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM share WHERE folder = ?1 AND {condition} ORDER BY id DESC"
        ))?;
        let rows = statement.query_map([self.id], |row| read(row, now))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The share of this number (`#3`, or `3` where it is shorter than an id's beginning), of this
    /// id, or with an id that begins with these four characters or more.
    ///
    /// # Errors
    /// `share.unknown`, `share.ambiguous`.
    pub fn find_share(&self, name: &str, now: u64) -> Result<ShareInfo, FolderError> {
        let number = name.strip_prefix('#');
        let number = number.or_else(|| Some(name).filter(|name| name.len() < SHORTEST_ID));
        let number: Option<i64> = number.and_then(|number| number.parse().ok());
        let name = name.to_ascii_lowercase();
        let is_named = |share: &ShareInfo| {
            name.len() >= SHORTEST_ID && share.grant.to_string().starts_with(&name)
        };
        let mut found = self
            .shares(now)?
            .into_iter()
            .filter(|share| number == Some(share.row) || is_named(share));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(FolderError::ShareAmbiguous),
            (None, _) => Err(FolderError::ShareUnknown),
        }
    }

    /// What the host says of a share: openings, passcode tries left. The vault keeps it for when
    /// the host does not answer. An unfinished one that the ledger has is finished.
    ///
    /// # Errors
    /// What the host answers; of an unfinished one also `share.not_confirmed` and `ledger.…`.
    pub async fn share_state(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<ShareState, FolderError> {
        let state = self.owner(share, clock)?.state().await?;
        if share.standing == Standing::Preparing {
            if !self.is_granted(share, clock).await? {
                return Err(FolderError::ShareNotConfirmed);
            }
            self.set_share_state(&share.grant, "active")?;
        }
        self.keep_heard(share, &state, clock.now())?;
        Ok(state)
    }

    fn keep_heard(
        &self,
        share: &ShareInfo,
        state: &ShareState,
        now: u64,
    ) -> Result<(), FolderError> {
        let heard = serde_json::to_string(state).map_err(|_| FolderError::VaultDamaged)?;
        self.vault.database()?.execute(
            "UPDATE share SET host_state = ?2, host_asked = ?3 WHERE id = ?1",
            params![share.row, heard, now],
        )?;
        Ok(())
    }

    /// Ends a share now: host and ledger are told the same, and only the ledger's proof ends it. A
    /// host that was not reached ends it when it reads the ledger. An unfinished share that the ledger does not know is dropped; should
    /// its grant arrive later, a sync ends it. That it is to end is in the vault first: when the ledger
    /// does not answer, or this is stopped, the next sync goes on.
    ///
    /// # Errors
    /// What the ledger answers, when it did not take it.
    pub async fn revoke_share(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<EndedBy, FolderError> {
        if share.standing == Standing::Active {
            self.set_share_state(&share.grant, ENDING)?;
        }
        match self.end_share(share, clock, Patience::default()).await {
            Err(FolderError::Ledger(LedgerError::Rejected(code))) => {
                self.refused_end(share, code, clock).await
            }
            done => done,
        }
    }

    /// Tries again to end what could not be ended before; gives how many it ended. The others wait
    /// for the next sync, and none keeps the rest from being tried.
    pub(crate) async fn end_waiting(&self, clock: &Clock) -> Result<usize, FolderError> {
        let waiting =
            self.shares_where(&format!("state IN ('{ENDING}', '{DROPPED}')"), clock.now())?;
        let is_over = |share: &ShareInfo| share.standing == Standing::Expired;
        let (mut ended, mut silent) = (0, BTreeSet::new());
        for share in waiting.into_iter().filter(|share| !is_over(share)) {
            // Whoever does not answer is waited for once.
            if silent.contains(&share.host) {
                continue;
            }
            let done = match self.end_share(&share, clock, AGAIN).await {
                Err(FolderError::Ledger(LedgerError::Rejected(code))) => {
                    self.refused_end(&share, code, clock).await
                }
                Err(error) => {
                    silent.insert(share.host);
                    Err(error)
                }
                done => done,
            };
            match done {
                Ok(EndedBy::Nobody) => {}
                Ok(EndedBy::Host | EndedBy::Ledger) => ended += 1,
                Err(error) => tracing::debug!(code = error.code(), "a share waits to be ended"),
            }
        }
        Ok(ended)
    }

    /// Asks the host; without an answer what it said last has to do.
    async fn may_move(&self, share: &ShareInfo, clock: &Clock) -> Result<(), FolderError> {
        share.may_move()?;
        let asked = tokio::time::timeout(HOST_WITHIN, self.share_state(share, clock)).await;
        match (asked, &share.heard) {
            (Ok(Ok(state)), _) => moves(&state),
            (_, Some((state, _))) => moves(state),
            (_, None) => Ok(()),
        }
    }

    async fn end_share(
        &self,
        share: &ShareInfo,
        clock: &Clock,
        patience: Patience,
    ) -> Result<EndedBy, FolderError> {
        let bytes = self.signed(share, Revoke { grant: share.grant }, clock);
        let asked = async {
            let owner = self.owner(share, clock)?;
            Ok::<_, FolderError>(owner.revoke(bytes.clone()).await?)
        };
        let mut by = EndedBy::Ledger;
        if let Ok(Ok(state)) = tokio::time::timeout(HOST_WITHIN, asked).await {
            self.keep_heard(share, &state, clock.now())?;
            if state.state == ShareCondition::Revoked {
                by = EndedBy::Host;
            }
        }
        // Also what the host says that it took: it hands in the same bytes, which the ledger takes once.
        self.submit(&bytes, clock, patience).await?;
        self.set_share_state(&share.grant, "revoked")?;
        Ok(by)
    }

    /// The ledger refuses the end. That the share is to end stays true: what is refused for a wrong
    /// clock, or for a grant that has not arrived yet, is taken another time.
    async fn refused_end(
        &self,
        share: &ShareInfo,
        code: String,
        clock: &Clock,
    ) -> Result<EndedBy, FolderError> {
        match (code.as_str(), share.standing) {
            // An earlier try went through although nobody could say so then.
            (GRANT_REVOKED, _) if self.is_revoked(share, clock).await? => {
                self.set_share_state(&share.grant, "revoked")?;
                Ok(EndedBy::Ledger)
            }
            (GRANT_UNKNOWN, Standing::Preparing) => {
                self.drop_share(share)?;
                Ok(EndedBy::Nobody)
            }
            _ => Err(LedgerError::Rejected(code).into()),
        }
    }

    /// Forgets an unfinished share once the ledger's own time is past the last moment at which it
    /// takes the grant: until then the request may lie with the host, and only this row can end it.
    fn drop_share(&self, share: &ShareInfo) -> Result<(), FolderError> {
        let known = self.checkpoint()?.map_or(0, |known| known.header.time);
        if known > share.created.saturating_add(super::make::SUBMIT_WITHIN) {
            let database = self.vault.database()?;
            database.execute("DELETE FROM share WHERE id = ?1", [share.row])?;
            return Ok(());
        }
        self.set_share_state(&share.grant, DROPPED)
    }

    /// Asks the hosts of unfinished shares whether they know them after all.
    pub(crate) async fn take_up_unfinished(&self, clock: &Clock) -> Result<(), FolderError> {
        for share in self.shares_where("state = 'preparing'", clock.now())? {
            let asked = tokio::time::timeout(HOST_WITHIN, self.share_state(&share, clock)).await;
            if let Ok(Err(error)) = asked {
                tracing::debug!(code = error.code(), "the host does not know the share");
            }
        }
        Ok(())
    }

    /// Lets a share end earlier: `duration` milliseconds from now.
    ///
    /// # Errors
    /// `share.over`, `share.spent`, `share.not_shorter`, and what the ledger answers, when it did not take it.
    pub async fn shorten_share(
        &self,
        share: &ShareInfo,
        duration: u64,
        clock: &Clock,
    ) -> Result<u64, FolderError> {
        self.may_move(share, clock).await?;
        let until = clock.now() + duration;
        if until >= share.ends {
            return Err(FolderError::NotShorter);
        }
        let bytes = self.signed(
            share,
            Shorten {
                grant: share.grant,
                until,
            },
            clock,
        );
        let owner = self.owner(share, clock)?;
        let asked = tokio::time::timeout(HOST_WITHIN, owner.shorten(bytes.clone())).await;
        if !matches!(asked, Ok(Ok(_))) {
            tracing::debug!("the host did not take the earlier end");
        }
        self.submit(&bytes, clock, Patience::default()).await?;
        self.set_end(share, until)?;
        Ok(until)
    }

    /// Lets a share end later: `duration` milliseconds from now. The host must agree.
    ///
    /// # Errors
    /// `share.over`, `share.spent`, `share.not_longer`, `share.too_long`, and what the host answers.
    pub async fn extend_share(
        &self,
        share: &ShareInfo,
        duration: u64,
        clock: &Clock,
    ) -> Result<u64, FolderError> {
        self.may_move(share, clock).await?;
        let until = clock.now() + duration;
        if until <= share.ends {
            return Err(FolderError::NotLonger);
        }
        if duration > super::make::MAX_DURATION {
            return Err(FolderError::ShareTooLong);
        }
        let body = Extend {
            grant: share.grant,
            host: share.host,
            present: share.ends,
            until,
            scope: None,
        };
        let bytes = self.signed(share, body, clock);
        self.owner(share, clock)?.extend(bytes).await?;
        self.set_end(share, until)?;
        Ok(until)
    }

    /// Hands a transaction to the ledger and waits for its contract's word.
    async fn submit(
        &self,
        bytes: &[u8],
        clock: &Clock,
        patience: Patience,
    ) -> Result<(), FolderError> {
        let ledger = self.ledger_client(clock)?;
        ledger.submit(bytes, patience).await?.accepted()?;
        Ok(())
    }

    fn set_end(&self, share: &ShareInfo, until: u64) -> Result<(), FolderError> {
        self.vault.database()?.execute(
            "UPDATE share SET ends = ?2 WHERE id = ?1",
            params![share.row, until],
        )?;
        Ok(())
    }

    /// A transaction with the grant key's signature; the host's joins it where the type asks.
    fn signed(&self, share: &ShareInfo, body: impl Into<Body>, clock: &Clock) -> Vec<u8> {
        let chain = &self.consortium;
        let unsigned = Unsigned::new(body, clock.now() + CHANGE_WITHIN);
        let signature = unsigned.sign(chain, &share.seed.signing_key(chain.suite()));
        unsigned.with_signatures(vec![signature]).to_bytes()
    }

    pub(super) fn owner(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<ShareOwner, FolderError> {
        let (http, base) = self.edge(&share.host)?;
        Ok(ShareOwner {
            http,
            base,
            genesis: self.consortium.digest(),
            grant: share.grant,
            key: Arc::new(share.seed.signing_key(self.consortium.suite())),
            clock: clock.clone(),
        })
    }
}

fn heard(row: &Row<'_>) -> rusqlite::Result<Option<(ShareState, u64)>> {
    let (state, at): (Option<String>, Option<u64>) = (row.get(12)?, row.get(13)?);
    let state = state.and_then(|text| serde_json::from_str(&text).ok());
    Ok(state.zip(at))
}

fn read(row: &Row<'_>, now: u64) -> rusqlite::Result<ShareInfo> {
    let ends: u64 = row.get(7)?;
    let records: String = row.get(9)?;
    let standing = match row.get_ref(10)?.as_str()? {
        "revoked" => Standing::Revoked,
        "preparing" | DROPPED => Standing::Preparing,
        _ if ends <= now => Standing::Expired,
        ENDING => Standing::Ending,
        _ => Standing::Active,
    };
    Ok(ShareInfo {
        row: row.get(0)?,
        grant: crate::records::parsed(row, 1)?,
        label: row.get(2)?,
        link: Zeroizing::new(row.get(3)?),
        passcode: row.get::<_, Option<String>>(4)?.map(Zeroizing::new),
        host: crate::records::parsed(row, 5)?,
        created: row.get(6)?,
        ends,
        openings: row.get(8)?,
        records: serde_json::from_str(&records).unwrap_or_default(),
        standing,
        heard: heard(row)?,
        seed: GrantSeed::from_bytes(row.get(11)?),
    })
}
