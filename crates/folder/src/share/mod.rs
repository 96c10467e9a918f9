//! Lending records for a limited time by link or QR (door A), and seeing what came of it.
//!
//! ```text
//! make     grant seed, link and its key are in the vault before anything leaves the device
//! publish  ciphertext to the host, then the grant: the host co-signs and the ledger decides
//! proven   live is what the ledger has the grant of, ended what it has the end of
//! manage   state, revoke, shorten, extend: signed with the grant's own key; an end that nobody
//!          took yet is tried again by every sync
//! ```

mod log;
mod make;
mod manage;
mod proven;

pub use log::{AccessLog, LoggedAccess, Untold};
pub use make::{Code, MAX_DURATION, Made, ShareOptions};
pub use manage::{EndedBy, ShareInfo, Standing};
