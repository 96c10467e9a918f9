//! The edge's HTTP: routes, limits, logs.

pub(crate) mod card;
pub(crate) mod login;
pub(crate) mod routes;
pub(crate) mod stream;
