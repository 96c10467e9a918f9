//! Which addresses a host name may resolve to: a link from a stranger must not reach into the
//! reader's own network.
//!
//! The addresses are judged after resolution and are the ones that are then connected to, so a
//! name that changes its mind between two look-ups gains nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use medfolder_share::address::is_private_ip;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Refuses host names that resolve to private, loopback or link-local addresses.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    excepted: Option<Arc<str>>,
}

impl Guard {
    /// Only public addresses.
    #[must_use]
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Only public addresses, except for the host of this name, which the user chose herself.
    #[must_use]
    pub fn except(host: &str) -> Self {
        Self {
            excepted: Some(host.to_ascii_lowercase().into()),
        }
    }
}

/// All addresses of a host name are private.
#[derive(Debug, thiserror::Error)]
#[error("the host lies inside the reader's own network")]
pub(super) struct Guarded;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let trusted = self.excepted.as_deref() == Some(host.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // One private address among public ones is as suspicious as private ones alone.
            if !trusted && found.iter().any(|address| is_private_ip(address.ip())) {
                return Err(Guarded.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
