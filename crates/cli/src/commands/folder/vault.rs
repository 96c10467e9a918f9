//! Where the vault lies and what opens it.

use crate::error::CliError;
use crate::prompt;
use medfolder_crypto::Digest;
use medfolder_folder::{FolderError, OpensWith, Unlock, Vault};
use medfolder_ledger::Chain;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const PASSPHRASE: &str = "MEDFOLDER_PASSPHRASE";
/// How often a vault that another process holds is tried, and how long after each: 5 seconds.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);
/// Name of a folder that nobody named.
const DEFAULT_NAME: &str = "folder";

/// Why the folders of this device do not know a ledger.
#[derive(Debug)]
pub(crate) enum Unknown {
    /// There is none.
    NoVault,
    /// They were not opened, with the code of why.
    Closed(String),
    /// They trust another.
    Another,
}

/// A vault's place, and the folder that is meant.
#[derive(Debug)]
pub(crate) struct Place {
    directory: PathBuf,
    name: Option<String>,
}

impl Place {
    /// The given directory, or the platform's data folder.
    pub(crate) fn new(data_dir: Option<PathBuf>, name: Option<String>) -> Result<Self, CliError> {
        let directory = data_dir
            .or_else(platform_folder)
            .ok_or_else(|| CliError::new("vault.no_place", "neither HOME nor XDG_DATA_HOME"))?;
        Ok(Self { directory, name })
    }

    /// The folder that was named.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A name for a new folder.
    pub(crate) fn new_name(&self) -> &str {
        self.name().unwrap_or(DEFAULT_NAME)
    }

    /// Opens the vault with what it wants to be opened with.
    pub(crate) fn open(&self) -> Result<Vault, CliError> {
        match Vault::opens_with(&self.directory)? {
            OpensWith::Passphrase => self.wait_for(&Unlock::Passphrase(&passphrase(false)?)),
            OpensWith::KeyStore => self.wait_for(&Unlock::KeyStore),
        }
    }

    /// The consortium of this genesis, when a folder here trusts it and nobody has to be asked; else
    /// why the folders here say nothing of it.
    pub(crate) fn consortium(&self, genesis: &Digest) -> Result<Box<Chain>, Unknown> {
        let mut trusted = self.consortia()?.into_iter();
        let own = trusted.find(|chain| chain.digest() == *genesis);
        own.map(Box::new).ok_or(Unknown::Another)
    }

    /// The consortia that folders here trust, when nobody has to be asked.
    pub(crate) fn consortia(&self) -> Result<Vec<Chain>, Unknown> {
        let closed = |error: CliError| Unknown::Closed(error.code);
        let passphrase = std::env::var(PASSPHRASE).map(Zeroizing::new).ok();
        let unlock = match Vault::opens_with(&self.directory) {
            Ok(OpensWith::KeyStore) => Unlock::KeyStore,
            Ok(OpensWith::Passphrase) => match &passphrase {
                Some(passphrase) => Unlock::Passphrase(passphrase),
                None => return Err(Unknown::Closed("vault.no_passphrase".to_owned())),
            },
            Err(_) => return Err(Unknown::NoVault),
        };
        let vault = self.wait_for(&unlock).map_err(closed)?;
        let names = vault.folder_names().map_err(|error| closed(error.into()))?;
        let trusted = names.into_iter();
        let chain = |name: String| Some(vault.folder(Some(&name)).ok()?.consortium.clone());
        Ok(trusted.filter_map(chain).collect())
    }

    /// A file beside the vault; the directory is made where it is missing.
    pub(crate) fn beside(&self, name: &str) -> std::io::Result<PathBuf> {
        std::fs::create_dir_all(&self.directory)?;
        Ok(self.directory.join(name))
    }

    /// Another command of this person's is mostly done in a moment.
    fn wait_for(&self, unlock: &Unlock<'_>) -> Result<Vault, CliError> {
        for _ in 0..TRIES {
            match Vault::open(&self.directory, unlock) {
                Err(FolderError::VaultInUse) => std::thread::sleep(BETWEEN),
                done => return done.map_err(|error| self.named(&error)),
            }
        }
        Vault::open(&self.directory, unlock).map_err(|error| self.named(&error))
    }

    /// Opens the vault, or makes it when there is none.
    pub(crate) fn open_or_create(&self, key_store: bool) -> Result<Vault, CliError> {
        if Vault::exists(&self.directory) {
            return self.open();
        }
        let vault = if key_store {
            Vault::create(&self.directory, &Unlock::KeyStore)
        } else {
            Vault::create(&self.directory, &Unlock::Passphrase(&passphrase(true)?))
        };
        vault.map_err(|error| self.named(&error))
    }

    /// What a disk refuses is told with its place.
    fn named(&self, error: &FolderError) -> CliError {
        let place = self.directory.display();
        CliError::new(error.code().to_owned(), format!("{place}: {error}"))
    }
}

/// The XDG data folder.
fn platform_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    variable("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("medfolder"))
}

/// From the environment, or asked for at the terminal; a new one twice.
fn passphrase(new: bool) -> Result<Zeroizing<String>, CliError> {
    if let Ok(passphrase) = std::env::var(PASSPHRASE) {
        return Ok(Zeroizing::new(passphrase));
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(
            "vault.no_passphrase",
            "no terminal to ask at",
        ));
    }
    let ask = |zh: &str, en: &str| prompt::secret(zh, en, "vault.no_passphrase");
    let first = match new {
        true => ask(
            "设一个密码（至少 8 个字符，输入时不显示）：",
            "Choose a passphrase (at least 8 characters; nothing shows while you type): ",
        )?,
        false => ask(
            "密码（输入时不显示）：",
            "Passphrase (nothing shows while you type): ",
        )?,
    };
    if new && ask("再输入一次：", "Once more: ")? != first {
        return Err(CliError::new("vault.passphrases_differ", ""));
    }
    Ok(first)
}
