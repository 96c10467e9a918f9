//! Folders in a vault: making one, bringing one back from its words, naming one.

use super::Vault;
use crate::FolderError;
use medfolder_crypto::tree::ChainRoot;
use medfolder_crypto::{Secret32, Wiped, os_rng, words};
use medfolder_ledger::Chain;
use medfolder_record::FolderNumber;
use rusqlite::{Connection, OptionalExtension, Row, params};
use url::Url;
use zeroize::Zeroizing;

/// A folder of the vault: whom it belongs to and which consortium it trusts.
pub struct Folder<'v> {
    pub(crate) vault: &'v Vault,
    pub(crate) id: i64,
    /// Its name in this vault.
    pub name: String,
    /// Its number.
    pub number: FolderNumber,
    /// The genesis that it trusts, and no other.
    pub consortium: Chain,
    /// Addresses of ledger nodes.
    pub ledger: Vec<String>,
}

impl core::fmt::Debug for Folder<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Folder({}, {})", self.name, self.number)
    }
}

/// Which consortium a folder trusts and where its ledger is reached.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The genesis file's bytes.
    pub genesis: &'a [u8],
    /// Addresses of ledger nodes.
    pub ledger: &'a [String],
}

impl Trust<'_> {
    /// The consortium, when the genesis is one and every address can be one of a node.
    ///
    /// # Errors
    /// `folder.genesis`, `ledger.address`.
    pub fn check(&self) -> Result<Chain, FolderError> {
        check_ledger(self.ledger)?;
        Chain::from_bytes(self.genesis).map_err(|_| FolderError::Genesis)
    }
}

/// Addresses are `http` or `https` with a host; whether anybody answers there is seen by a sync.
fn check_ledger(addresses: &[String]) -> Result<(), FolderError> {
    let is_one = |address: &String| {
        Url::parse(address)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    };
    if !addresses.is_empty() && addresses.iter().all(is_one) {
        Ok(())
    } else {
        Err(FolderError::LedgerAddress)
    }
}

impl Vault {
    /// Makes a folder with a fresh root.
    ///
    /// # Errors
    /// `folder.exists`, `ledger.address`, `folder.genesis`, `vault.storage`.
    pub fn create_folder(
        &self,
        name: &str,
        trust: &Trust<'_>,
        now: u64,
    ) -> Result<Folder<'_>, FolderError> {
        self.add_folder(name, &Secret32::random(&mut os_rng()), trust, false, now)
    }

    /// Brings a folder back from its 24 words: its cards and records are found by the next sync;
    /// its shares are not, they end by themselves.
    ///
    /// # Errors
    /// `words.count`, `words.unknown`, `words.checksum`, and as [`Vault::create_folder`].
    pub fn restore_folder(
        &self,
        name: &str,
        recovery_words: &str,
        trust: &Trust<'_>,
        now: u64,
    ) -> Result<Folder<'_>, FolderError> {
        let root = words::to_root(recovery_words).map_err(FolderError::Words)?;
        self.add_folder(name, &root, trust, true, now)
    }

    fn add_folder(
        &self,
        name: &str,
        root: &Secret32,
        trust: &Trust<'_>,
        restored: bool,
        now: u64,
    ) -> Result<Folder<'_>, FolderError> {
        let chain = trust.check()?;
        let keys = ChainRoot::derive(chain.suite(), root, &chain.digest());
        let number = FolderNumber(keys.folder().number);
        let ledger = serde_json::to_string(trust.ledger).map_err(|_| FolderError::VaultDamaged)?;
        let added = self.database()?.execute(
            "INSERT INTO folder (name, root, genesis, ledger, number, created, search_cards)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO NOTHING",
            params![
                name,
                root.expose(),
                trust.genesis,
                ledger,
                number.to_string(),
                now,
                restored
            ],
        )?;
        if added == 0 {
            return Err(FolderError::FolderExists(name.to_owned()));
        }
        self.folder(Some(name))
    }

    /// Names of the vault's folders, oldest first.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn folder_names(&self) -> Result<Vec<String>, FolderError> {
        let database = self.database()?;
        let mut statement = database.prepare_cached("SELECT name FROM folder ORDER BY id")?;
        Ok(statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?)
    }

    /// The folder of this name; without a name the only one.
    ///
    /// # Errors
    /// `folder.unknown`, `folder.which` (several, and no name given), `vault.storage`.
    pub fn folder(&self, name: Option<&str>) -> Result<Folder<'_>, FolderError> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.only_name()?,
        };
        let row = self
            .database()?
            .query_row(
                "SELECT id, number, genesis, ledger FROM folder WHERE name = ?1",
                [&name],
                Stored::read,
            )
            .optional()?;
        match row {
            Some(row) => row.open(self, name),
            None => Err(self.unknown(name)?),
        }
    }

    fn unknown(&self, name: String) -> Result<FolderError, FolderError> {
        let there = self.folder_names()?;
        if there.is_empty() {
            return Ok(FolderError::NoFolder);
        }
        Ok(FolderError::FolderUnknown(name, there.join("、")))
    }

    fn only_name(&self) -> Result<String, FolderError> {
        let mut names = self.folder_names()?;
        match (names.pop(), names.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                names.push(last);
                Err(FolderError::WhichFolder(names.join("、")))
            }
            (None, _) => Err(FolderError::NoFolder),
        }
    }
}

struct Stored {
    id: i64,
    number: String,
    genesis: Vec<u8>,
    ledger: String,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            number: row.get(1)?,
            genesis: row.get(2)?,
            ledger: row.get(3)?,
        })
    }

    fn open(self, vault: &Vault, name: String) -> Result<Folder<'_>, FolderError> {
        let chain = Chain::from_bytes(&self.genesis).map_err(|_| FolderError::VaultDamaged)?;
        Ok(Folder {
            vault,
            id: self.id,
            name,
            number: self.number.parse().map_err(|_| FolderError::VaultDamaged)?,
            consortium: chain,
            ledger: serde_json::from_str(&self.ledger).map_err(|_| FolderError::VaultDamaged)?,
        })
    }
}

impl Folder<'_> {
    /// Reaches the ledger at these addresses from now on. What it must continue, and the genesis
    /// that is trusted, stay.
    ///
    /// # Errors
    /// `ledger.address`, `vault.storage`.
    pub fn set_ledger(&mut self, addresses: &[String]) -> Result<(), FolderError> {
        check_ledger(addresses)?;
        let text = serde_json::to_string(addresses).map_err(|_| FolderError::VaultDamaged)?;
        self.vault.database()?.execute(
            "UPDATE folder SET ledger = ?2 WHERE id = ?1",
            params![self.id, text],
        )?;
        self.ledger = addresses.to_vec();
        Ok(())
    }

    /// The 24 recovery words, to be written down and shown to nobody.
    ///
    /// # Errors
    /// `vault.storage`, `vault.damaged`.
    pub fn recovery_words(
        &self,
        list: words::WordList,
    ) -> Result<Zeroizing<Vec<String>>, FolderError> {
        let root = self.root(&*self.vault.database()?)?;
        Ok(words::from_root(&root, list))
    }

    /// The folder's keys on its chain. They live as long as whoever asked uses them: an open folder
    /// holds none, so that a locked vault leaves none behind.
    pub(crate) fn keys(&self, database: &Connection) -> Result<ChainRoot, FolderError> {
        let (chain, root) = (&self.consortium, self.root(database)?);
        Ok(ChainRoot::derive(chain.suite(), &root, &chain.digest()))
    }

    fn root(&self, database: &Connection) -> Result<Secret32, FolderError> {
        let root = Wiped::new(
            database
                .prepare_cached("SELECT root FROM folder WHERE id = ?1")?
                .query_row([self.id], |row| row.get(0))?,
        );
        Secret32::try_from(root.as_slice()).map_err(|_| FolderError::VaultDamaged)
    }
}
