//! Addresses inside links and manifests, judged before anybody connects to them.
//!
//! https everywhere; plain http only for a loopback address (the demo on one machine). A manifest
//! from somewhere else must not send the viewer to a loopback, private or link-local address: only
//! the host that the link itself names may be such an address. Addresses behind host names are
//! checked after resolution by whoever connects.
//!
//! Source: SMART Health Links requirements, “Links as input”.

use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

/// Why an address is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute URL with a host.
    #[error("the address cannot be read")]
    Unreadable,
    /// Neither https nor http to a loopback address.
    #[error("the address is not https")]
    NotSecure,
    /// User name or password inside the address.
    #[error("the address carries a login")]
    Login,
    /// A manifest pointed at an address inside the viewer's own network.
    #[error("the address lies inside the reader's own network")]
    Private,
}

impl AddressError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable => "address.unreadable",
            Self::NotSecure => "address.not_secure",
            Self::Login => "address.login",
            Self::Private => "address.private",
        }
    }
}

/// Reads the address that a link names: https, or http to a loopback address.
pub fn link_address(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::Unreadable)?;
    if url.host().is_none() {
        return Err(AddressError::Unreadable);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Login);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        _ => Err(AddressError::NotSecure),
    }
}

/// Reads an address that a manifest names; `link` is the address of the link it came from.
pub fn location_address(text: &str, link: &Url) -> Result<Url, AddressError> {
    let url = link_address(text)?;
    let same_host = url.host() == link.host();
    if !same_host && (is_loopback(&url) || is_private(&url)) {
        return Err(AddressError::Private);
    }
    if url.scheme() == "http" && link.scheme() == "https" {
        return Err(AddressError::NotSecure);
    }
    Ok(url)
}

/// Whether the host of this address is a loopback literal or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Whether an IP address is outside the public internet. Whoever connects asks this again for
/// every address that a name resolves to.
pub fn is_private_ip(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_private_ip(IpAddr::V4(v4)),
            None => is_private_v6(v6),
        },
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || (first & 0xfe00) == 0xfc00
        || (first & 0xffc0) == 0xfe80
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_private_ip(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_private_ip(IpAddr::V6(address)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_http_are_link_addresses() {
        for good in [
            "https://a.example/s/x",
            "http://127.0.0.1:8/x",
            "http://[::1]:8/x",
            "http://localhost/x",
        ] {
            assert!(link_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/x",
            "http://10.0.0.1/x",
            "ftp://a.example/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
        ] {
            assert!(link_address(bad).is_err(), "{bad}");
        }
        assert_eq!(
            link_address("https://u:p@a.example/"),
            Err(AddressError::Login)
        );
    }

    #[test]
    fn a_manifest_cannot_point_into_the_readers_network() {
        let link = link_address("https://a.example/s/x").unwrap();
        for bad in [
            "https://127.0.0.1/x",
            "https://10.1.2.3/",
            "https://[fd00::1]/",
            "https://169.254.169.254/",
            "https://100.64.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "http://127.0.0.1/",
            "https://localhost/",
        ] {
            assert_eq!(
                location_address(bad, &link),
                Err(AddressError::Private),
                "{bad}"
            );
        }
        assert!(location_address("https://b.example/f", &link).is_ok());
    }

    #[test]
    fn the_links_own_host_may_serve_its_files() {
        let link = link_address("http://127.0.0.1:80/s/x").unwrap();
        assert!(location_address("http://127.0.0.1:81/f", &link).is_ok());
        let inside = link_address("https://10.0.0.5/s/x").unwrap();
        assert!(location_address("https://10.0.0.5/f", &inside).is_ok());
        assert!(location_address("https://10.0.0.6/f", &inside).is_err());
    }
}
