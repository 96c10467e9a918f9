//! The patient's side: a vault of folders on her own device.
//!
//! What it is: the encrypted vault, the keys below each folder's root, linking of hospital cards,
//! sync with every check, search, sharing, the access log, export and restore.
//!
//! What it promises: a record counts as verified only by its bytes and a checkpoint that this
//! device trusts; a failed check is kept and named; what was fetched opens without a network.
//!
//! What it never does: show a window, send a root or a record's key in clear, believe a server.

mod cards;
mod connect;
pub mod error;
mod evidence;
mod files;
pub mod records;
pub mod search;
pub mod share;
pub mod sync;
pub mod vault;

pub use cards::{DeskInvitation, LinkedCard, PendingCard};
pub use connect::Card;
pub use error::FolderError;
pub use vault::{Folder, OpensWith, Trust, Unlock, Vault};
