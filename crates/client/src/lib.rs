//! Medfolder's client: what every part uses to speak with ledger nodes, edges and share hosts.
//!
//! What it is: the wire types of every HTTP interface ([`api`]), and clients that check every
//! answer before they hand it on. A node or an edge can refuse to serve; it cannot make this crate
//! return a record, an entry or a checkpoint that the genesis does not vouch for.
//!
//! What it never does: serve, store, or decide. What is known (the newest checkpoint, the count and
//! digest of a list) is passed in and handed back; whoever calls keeps it.
//!
//! Interface: `docs/formats/http.md`.

pub mod api;
pub mod card_consent;
pub mod clock;
pub mod desk;
pub mod desk_code;
pub mod grant_request;
pub mod http;
pub mod keyfile;
pub mod ledger;
pub mod login;
pub mod share_host;
pub mod viewer;
pub mod zone;

#[cfg(test)]
#[allow(
    dead_code,
    reason = "a test world that two crates share; each uses a part"
)]
#[path = "../../share/src/evidence/world.rs"]
mod test_world;
