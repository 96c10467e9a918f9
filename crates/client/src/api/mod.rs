//! Wire types of every HTTP interface: what travels as JSON between the parts.
//!
//! Identifiers, digests, keys and signatures are lower-case hexadecimal (card and folder numbers
//! Base58Check), longer byte strings base64url without padding ([`Blob`]), times milliseconds since
//! the Unix epoch in UTC. Unknown members are ignored, so that a newer peer may say more. Whatever is
//! signed or hashed travels as the canonical CBOR of its own format inside a [`Blob`].

mod blob;
pub(crate) mod codes;
pub mod desk;
pub mod ledger;
pub mod problem;
pub mod session;
pub mod share;
pub mod zone;

pub use blob::Blob;
pub use codes::Peer;
pub use problem::Problem;
