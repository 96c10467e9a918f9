//! The certificate that a listener shows, and the cryptography it is used with.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Reads a certificate chain and its private key, both PEM. Nothing has to be installed for the
/// process. HTTP/1.1 alone is offered: [`crate::listen`] speaks nothing else.
///
/// # Errors
/// A file is missing or no PEM, or the two do not belong together.
pub fn certificate(chain: &Path, key: &Path) -> Result<RustlsConfig> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(unusable)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unusable)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}
