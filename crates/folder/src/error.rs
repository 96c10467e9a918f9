//! What can go wrong on the patient's side, each with a stable code.

use medfolder_client::api::Peer;
use medfolder_client::http::HttpError;
use medfolder_client::login::LoginFailure;
use medfolder_client::zone::ZoneError;

/// An error of the folder crate.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is no vault in the directory.
    #[error("there is no vault here")]
    VaultMissing,
    /// There is one already.
    #[error("there is a vault here already")]
    VaultExists,
    /// Another process has the vault open.
    #[error("the vault is open in another window or program")]
    VaultInUse,
    /// The passphrase, or the key from the OS key store, does not open the vault.
    #[error("the passphrase does not open this vault")]
    WrongPassphrase,
    /// The vault locked itself, or was locked.
    #[error("the vault is locked")]
    Locked,
    /// No key store of the operating system runs here, or it does not let us in.
    #[error("this computer's key store does not answer: {0}")]
    KeyStoreUnavailable(String),
    /// The key store has no key of this vault.
    #[error("this computer's key store holds no key of this vault")]
    KeyStoreMissing,
    /// Fewer characters than a passphrase needs.
    #[error("a passphrase has at least {0} characters")]
    WeakPassphrase(usize),
    /// The vault's files are not what was written.
    #[error("the vault's files are damaged")]
    VaultDamaged,
    /// A newer program wrote this vault.
    #[error("a newer version of Medfolder wrote this vault")]
    VaultNewer,
    /// A program of before version 1 wrote this vault.
    #[error("an early version of Medfolder wrote this vault")]
    VaultVersion,
    /// The disk or file system failed.
    #[error("this device's storage failed: {0}")]
    Storage(#[source] std::io::Error),
    /// The device's disk is full.
    #[error("this device's storage is full")]
    StorageFull,
    /// The vault's database failed.
    #[error("the vault's database failed: {0}")]
    Database(#[source] rusqlite::Error),
    /// The bytes are no genesis file that this version knows.
    #[error("this is no genesis file that this version knows")]
    Genesis,
    /// The vault holds a folder of this name already.
    #[error("there is a folder named {0} already")]
    FolderExists(String),
    /// The vault holds no folder of this name; the names it holds.
    #[error("there is no folder named {0}; there are: {1}")]
    FolderUnknown(String, String),
    /// The vault holds no folder yet.
    #[error("there is no folder here yet")]
    NoFolder,
    /// The vault holds several folders and none was named.
    #[error("there are several folders here: {0}")]
    WhichFolder(String),
    /// The recovery words give no root.
    #[error("{0}")]
    Words(medfolder_crypto::words::WordsError),
    /// No record of the folder has an id that begins so.
    #[error("there is no record {0} in this folder")]
    RecordUnknown(String),
    /// Several records have ids that begin so.
    #[error("several records begin with {0}: write more of it")]
    RecordAmbiguous(String),
    /// The ledger names the record; its bytes were not fetched yet.
    #[error("this record was not fetched yet")]
    RecordWaiting,
    /// The record failed a check when it was fetched; the code names which.
    #[error("this record did not pass the check {0}")]
    FailedRecord(String),
    /// A check failed just now.
    #[error("{0}")]
    Check(#[from] medfolder_record::Check),
    /// A cursor that no list gave out.
    #[error("not a cursor of this list")]
    Cursor,
    /// The consortium has no such member; the names of those it has.
    #[error("the consortium has no such member; it has: {0}")]
    MemberUnknown(String),
    /// The folder has no record of such a hospital; the names of those that it has records of.
    #[error("this folder has no record of such a hospital; it has of: {0}")]
    HospitalUnknown(String),
    /// Several members have names that hold this.
    #[error("several members have such a name: {0}")]
    MemberAmbiguous(String),
    /// The member has no edge on the ledger.
    #[error("this member has no address on the ledger")]
    MemberWithoutEdge,
    /// A code or link of a front desk that is none.
    #[error("not a code or link of a front desk, or mistyped")]
    DeskCode,
    /// A typed code without a hospital.
    #[error("a typed code needs the hospital's name")]
    DeskMember,
    /// The link belongs to another consortium than the folder trusts.
    #[error("this link belongs to another consortium")]
    OtherConsortium,
    /// The folder has a card at this hospital.
    #[error("this folder has a card at this hospital already")]
    CardLinked,
    /// The desk refused, with its code.
    #[error("the front desk refused: {0}")]
    Desk(String),
    /// The edge says that the desk confirmed the card, and the ledger does not know it.
    #[error("the ledger does not know the card that the hospital says it confirmed")]
    DeskUnproven,
    /// Nobody at the desk confirmed in time.
    #[error("nobody at the front desk confirmed the card yet")]
    DeskWaiting,
    /// The record has no such attachment.
    #[error("the record has no such attachment")]
    AttachmentUnknown,
    /// The attachment was not fetched yet.
    #[error("this attachment was not fetched yet")]
    AttachmentWaiting,
    /// The file to export to exists.
    #[error("a file of this name exists already")]
    ExportExists,
    /// The folder on disk where an export should lie does not exist.
    #[error("the folder for this file does not exist")]
    ExportPlace,
    /// The hospital's exchange zone could not be asked, or refused.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// An address of a ledger node that is none.
    #[error("not an address of a ledger node")]
    LedgerAddress,
    /// The ledger could not be asked, or its answer does not hold.
    #[error(transparent)]
    Ledger(#[from] medfolder_client::ledger::LedgerError),
    /// Whoever started it asked it to stop.
    #[error("stopped; the next sync goes on from here")]
    Cancelled,
    /// A share of no record.
    #[error("there is nothing to share")]
    NothingToShare,
    /// A share of no time, or of more than 90 days.
    #[error("a share lasts at most 90 days")]
    ShareTooLong,
    /// The folder has no card, so that no hospital hosts a share.
    #[error("link a hospital's card first")]
    NoCard,
    /// The folder has no share whose id begins so.
    #[error("there is no such share")]
    ShareUnknown,
    /// Several shares have ids that begin so.
    #[error("several shares begin so: write more of it")]
    ShareAmbiguous,
    /// Several visits have ids that begin so.
    #[error("several visits begin so: write more of it")]
    VisitAmbiguous,
    /// The folder has no visit whose id begins so.
    #[error("there is no such visit in this folder")]
    VisitUnknown,
    /// The share is over, so that it can have no other end.
    #[error("this share is over: make a new one")]
    ShareOver,
    /// It was opened as often as it may be: another end changes nothing.
    #[error("this share was opened as often as it may be: make a new one")]
    ShareSpent,
    /// An address for a share that is not its hospital's: the link would lead elsewhere.
    #[error("the address for the share is not the hospital's")]
    ShareElsewhere,
    /// The host says that the share is made, and the ledger does not have its grant.
    #[error("the ledger does not have the share that the host says is made")]
    ShareNotConfirmed,
    /// A passcode that no host takes.
    #[error("a passcode has 4 to 64 characters")]
    PasscodeLength,
    /// The new end is not before the present one.
    #[error("the share ends before that already")]
    NotShorter,
    /// The new end is not after the present one.
    #[error("the share ends after that already")]
    NotLonger,
    /// The list of records cannot be granted.
    #[error(transparent)]
    Items(#[from] medfolder_share::grant::ItemsError),
    /// The evidence cannot be made.
    #[error(transparent)]
    Evidence(#[from] medfolder_share::evidence::MakeError),
    /// The link cannot be made.
    #[error(transparent)]
    Link(#[from] medfolder_share::link::IssueError),
    /// A file of the share cannot be made.
    #[error(transparent)]
    Jwe(#[from] medfolder_share::jwe::JweError),
    /// No session with a hospital or share host.
    #[error(transparent)]
    Login(#[from] LoginFailure),
    /// The newest block that this device has verified is of a later time than its clock shows.
    #[error("this device's clock is behind the ledger's")]
    DeviceClock,
    /// A hospital's clock is ahead of the ledger's and this device's.
    #[error("the hospital's clock is ahead of the ledger's and this device's")]
    EdgeClock,
    /// A server could not be asked, or refused.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A search text without a word in it.
    #[error("there is no word to search for")]
    EmptySearch,
}

impl FolderError {
    /// Stable code; the user interface and scripts branch on it.
    pub fn code(&self) -> &str {
        match self {
            Self::VaultMissing => "vault.missing",
            Self::VaultExists => "vault.exists",
            Self::VaultInUse => "vault.in_use",
            Self::WrongPassphrase => "vault.wrong_passphrase",
            Self::Locked => "vault.locked",
            Self::KeyStoreUnavailable(_) => "keystore.unavailable",
            Self::KeyStoreMissing => "keystore.missing",
            Self::WeakPassphrase(_) => "vault.weak_passphrase",
            Self::VaultDamaged => "vault.damaged",
            Self::VaultNewer => "vault.newer",
            Self::VaultVersion => "vault.version",
            Self::Storage(_) | Self::Database(_) => "vault.storage",
            Self::StorageFull => "vault.storage_full",
            Self::Genesis => "folder.genesis",
            Self::FolderExists(_) => "folder.exists",
            Self::FolderUnknown(..) | Self::NoFolder => "folder.unknown",
            Self::WhichFolder(_) => "folder.which",
            Self::Words(error) => error.code(),
            Self::RecordUnknown(_) => "record.unknown",
            Self::RecordAmbiguous(_) => "record.ambiguous",
            Self::RecordWaiting => "record.waiting",
            Self::FailedRecord(_) => "record.failed",
            Self::Check(check) => check.code(),
            Self::Cursor => "list.cursor",
            Self::MemberUnknown(_) | Self::HospitalUnknown(_) => "member.unknown",
            Self::MemberAmbiguous(_) => "member.ambiguous",
            Self::MemberWithoutEdge => "member.without_edge",
            Self::DeskCode => "desk.code_malformed",
            Self::DeskMember => "desk.which_member",
            Self::OtherConsortium => "desk.other_consortium",
            Self::CardLinked => "card.linked",
            Self::Desk(code) => Peer::Desk.code(code),
            Self::DeskUnproven => "desk.unproven",
            Self::DeskWaiting => "desk.waiting",
            Self::AttachmentUnknown => "attachment.unknown",
            Self::AttachmentWaiting => "attachment.waiting",
            Self::ExportExists => "export.exists",
            Self::ExportPlace => "file.no_folder",
            Self::Zone(error) => error.code(),
            Self::LedgerAddress => "ledger.address",
            Self::Ledger(error) => error.code(),
            Self::Cancelled => "sync.cancelled",
            Self::NothingToShare => "share.nothing",
            Self::ShareTooLong => "share.too_long",
            Self::NoCard => "share.no_card",
            Self::ShareUnknown => "share.unknown",
            Self::ShareAmbiguous => "share.ambiguous",
            Self::VisitAmbiguous => "visit.ambiguous",
            Self::VisitUnknown => "share.visit",
            Self::ShareOver => "share.over",
            Self::ShareSpent => "share.spent",
            Self::ShareElsewhere => "share.elsewhere",
            Self::ShareNotConfirmed => "share.not_confirmed",
            Self::PasscodeLength => "passcode.length",
            Self::NotShorter => "share.not_shorter",
            Self::NotLonger => "share.not_longer",
            Self::Items(error) => error.code(),
            Self::Evidence(error) => error.code(),
            Self::Link(error) => error.code(),
            Self::Jwe(error) => error.code(),
            Self::Login(error) => error.code_from(Peer::Edge),
            Self::DeviceClock => "sync.device_clock",
            Self::EdgeClock => "sync.hospital_clock",
            Self::Http(error) => error.code_from(Peer::Edge),
            Self::EmptySearch => "search.empty",
        }
    }

    /// Whether it is about one hospital's edge and not about ledger or vault.
    pub(crate) const fn is_of_an_edge(&self) -> bool {
        matches!(
            self,
            Self::Zone(_)
                | Self::Login(_)
                | Self::Http(_)
                | Self::MemberWithoutEdge
                | Self::EdgeClock
        )
    }

    /// Whether the ledger said nothing at all.
    pub(crate) fn is_silence(&self) -> bool {
        self.code() == "ledger.unreachable"
    }

    /// Whether an edge's answer broke off.
    pub(crate) const fn is_interrupted(&self) -> bool {
        matches!(
            self,
            Self::Zone(ZoneError::Login(LoginFailure::Http(HttpError::Interrupted)))
        )
    }

    pub(crate) fn storage(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::StorageFull
            }
            _ => Self::Storage(error),
        }
    }
}

impl From<rusqlite::Error> for FolderError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::StorageFull,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::VaultDamaged
            }
            _ => Self::Database(error),
        }
    }
}
