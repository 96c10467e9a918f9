//! Whom a client trusts: a server's TLS key as its member's ledger entry names it, or the
//! machine's public certificate authorities.
//!
//! ```text
//! pin = SHA-256(SubjectPublicKeyInfo, DER)         as in RFC 7469, in either suite
//! ```
//! With a pin the chain, name and dates of the certificate say nothing: the ledger vouches for the
//! key. The handshake still proves that the server holds it. Both name their cryptography
//! themselves: nothing has to be installed for the process.

use core::fmt;
use std::sync::{Arc, OnceLock};

use medfolder_crypto::{Digest, Suite};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;

use super::HttpError;

/// SHA-256 of a server's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub Digest);

impl Pin {
    /// The pin of a certificate in DER; `None` when it cannot be read.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let certificate = CertificateDer::from(der);
        let parsed = ParsedCertificate::try_from(&certificate).ok()?;
        let key = parsed.subject_public_key_info();
        Some(Self(Suite::International.hash(&[key.as_ref()])))
    }
}

pub(super) fn config(pin: Option<Pin>) -> Result<ClientConfig, HttpError> {
    match pin {
        Some(pin) => pinned(pin),
        None => public_authorities(),
    }
}

fn pinned(pin: Pin) -> Result<ClientConfig, HttpError> {
    let provider = provider();
    let verifier = Arc::new(PinVerifier {
        pin,
        provider: Arc::clone(&provider),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| HttpError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Trust in the authorities that this machine trusts; read once per process.
///
/// # Errors
/// [`HttpError::Setup`].
pub fn public_authorities() -> Result<ClientConfig, HttpError> {
    static READ: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(config) = READ.get() {
        return Ok(config.clone());
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|_| HttpError::Setup)?
        .with_no_client_auth();
    Ok(READ.get_or_init(|| config).clone())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

struct PinVerifier {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinVerifier({:?})", self.pin)
    }
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if Pin::of_certificate(end_entity) == Some(self.pin) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
