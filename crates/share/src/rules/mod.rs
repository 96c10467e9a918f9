//! What a share host decides, apart from HTTP and storage.
//!
//! Each decision is a pure function of a share's stored state and the time; [`host`] says which
//! steps a host runs inside one durable transaction each.

pub mod answer;
pub mod host;
pub mod id;
pub mod location;
pub mod opening;
pub mod passcode;
pub mod rate;
pub mod status;
