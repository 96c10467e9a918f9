//! The member's own keys: which of the files here holds the key that is in force on the ledger.
//!
//! The seal key changes with a block: the alliance key, kept offline, names the new one
//! (`RotateMemberKey`). Its file lies here before (`next_seal`). From that block on it signs, and what
//! was signed before and is not on the ledger yet is signed again; what is sealed stays valid.

use std::sync::{PoisonError, RwLock};

use medfolder_client::keyfile;
use medfolder_crypto::{EncryptionSecret, PublicKeyBytes, SigningKey, Suite};
use medfolder_ledger::body::RotateMemberKey;
use medfolder_ledger::member::{KeyRole, Member};
use rusqlite::Connection;

use super::InnerError;
use super::config::Keys;
use super::store::{meta, set_meta};

const SEAL: &str = "key.seal";
const RECEIVE: &str = "key.receive";

/// The seal keys that lie here.
pub(crate) struct SealKeys {
    held: Vec<SigningKey>,
    in_force: RwLock<PublicKeyBytes>,
}

impl SealKeys {
    /// Loads the files and compares them with what is known of the ledger.
    ///
    /// # Errors
    /// [`InnerError::SealKey`], [`InnerError::ReceiveKey`], [`InnerError::Key`].
    pub(crate) fn load(
        suite: Suite,
        files: &Keys,
        db: &Connection,
        member: &Member,
    ) -> Result<Self, InnerError> {
        let paths = [Some(&files.seal), files.next_seal.as_ref()];
        let held = paths
            .into_iter()
            .flatten()
            .map(|path| Ok(SigningKey::from_seed(suite, &keyfile::load(path)?)));
        let keys = Self {
            held: held.collect::<Result<_, InnerError>>()?,
            in_force: RwLock::new(known(db, SEAL)?.unwrap_or(member.keys.seal)),
        };
        keys.current()?;
        if let Some(path) = &files.receive {
            let receive = EncryptionSecret::from_seed(suite, &keyfile::load(path)?);
            let in_force = known(db, RECEIVE)?.unwrap_or(member.keys.receive);
            if receive.public().to_bytes() != in_force {
                return Err(InnerError::ReceiveKey);
            }
        }
        Ok(keys)
    }

    /// The key that signs now.
    ///
    /// # Errors
    /// [`InnerError::SealKey`] when its file is not here.
    pub(crate) fn current(&self) -> Result<&SigningKey, InnerError> {
        let in_force = *self.in_force.read().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.held.iter();
        held.find(|key| key.public() == in_force)
            .ok_or(InnerError::SealKey)
    }

    /// Turns to the key that a durable block put in force; says whether it is another one.
    pub(crate) fn follow(&self, db: &Connection) -> Result<bool, InnerError> {
        let Some(key) = known(db, SEAL)? else {
            return Ok(false);
        };
        let mut in_force = self
            .in_force
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *in_force, key) != key)
    }
}

fn known(db: &Connection, name: &str) -> Result<Option<PublicKeyBytes>, InnerError> {
    let bytes = meta(db, name)?;
    bytes
        .map(|bytes| PublicKeyBytes::new(&bytes).map_err(|_| InnerError::Damaged))
        .transpose()
}

/// Notes a key that a block put in force.
pub(crate) fn rotated(db: &Connection, body: &RotateMemberKey) -> rusqlite::Result<()> {
    match body.role {
        KeyRole::Seal => set_meta(db, SEAL, body.key.as_bytes()),
        KeyRole::Receive => set_meta(db, RECEIVE, body.key.as_bytes()),
        _ => Ok(()),
    }
}
