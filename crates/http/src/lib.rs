//! What every listener of ours does alike.
//!
//! ```text
//! listen   HTTP/1.1, with TLS or without; a request's head may take so long and no longer
//! pace     a body may take as long, and a second more for each 32 KiB of it
//! json     JSON in which no member comes twice, of the type that the route takes
//! flood    who counts as one caller; challenges of a log-in, which nobody can use up for others
//! problem  every refusal is RFC 9457 with a stable code, the framework's own too
//! ```
//! Whoever opens connections and then hardly speaks holds each for a bounded time, whatever she
//! asks for.

mod flood;
mod json;
mod listen;
mod pace;
mod problem;
mod tls;

pub use flood::{Challenges, network};
pub use json::Json;
pub use listen::listen;
pub use pace::{Pace, Patience, paced};
pub use problem::{Problem, alike};
pub use tls::certificate;
