//! Files of a link as compact JWE: `dir` with A256GCM and nothing else.
//!
//! ```text
//! base64url(header) . (empty) . base64url(nonce 12) . base64url(ciphertext) . base64url(tag 16)
//! header = {"alg":"dir","enc":"A256GCM","cty":TYPE[,"zip":"DEF"]}      AAD = base64url(header)
//! zip: DEF = raw DEFLATE (RFC 1951) before encryption
//! ```
//!
//! Every encryption draws its own 96-bit nonce from the given generator, which must be the
//! operating system's: all files and updates of a link share one key. A reader pins `alg` and
//! `enc`, refuses `crit`, and stops inflating at a limit.
//!
//! Sources: RFC 7516, RFC 7518 §4.5 and §5.3, SMART Health Links; why it is written here:
//! docs/adr/0010-jwe.md.

use std::io::{Read as _, Write as _};

use flate2::Compression as Level;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use medfolder_crypto::{Wiped, aes256gcm_open, aes256gcm_seal};
use rand_core::CryptoRng;
use serde_json::{Map, Value};

use crate::encoding::{from_base64url, to_base64url};
use crate::json;
use crate::key::LinkKey;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const MAX_HEADER_BYTES: usize = 4096;

/// Whether the plaintext is deflated before encryption. Off by default: many readers cannot
/// inflate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Zip {
    /// As it is.
    #[default]
    None,
    /// Raw DEFLATE, header `zip: DEF`.
    Deflate,
}

/// How much a reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JweLimits {
    /// Longest JWE text in bytes.
    pub jwe_bytes: usize,
    /// Longest plaintext in bytes, after inflating.
    pub plaintext_bytes: usize,
}

impl Default for JweLimits {
    /// 32 MiB of text, 64 MiB of plaintext.
    fn default() -> Self {
        Self {
            jwe_bytes: 32 << 20,
            plaintext_bytes: 64 << 20,
        }
    }
}

/// Why a file is not made or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not five base64url parts with an empty second one, or no JSON header.
    #[error("the file is not a compact JWE")]
    Malformed,
    /// Another `alg`, `enc`, `zip`, or a `crit` header.
    #[error("the file uses an encryption that links do not use")]
    Algorithm,
    /// Wrong key, or altered.
    #[error("the file does not open with this link's key")]
    Opaque,
    /// Deflated data that is damaged.
    #[error("the file's compressed content is damaged")]
    Inflate,
    /// Above a limit.
    #[error("the file is larger than allowed")]
    TooLarge,
}

impl JweError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "jwe.malformed",
            Self::Algorithm => "jwe.algorithm",
            Self::Opaque => "jwe.opaque",
            Self::Inflate => "jwe.inflate",
            Self::TooLarge => "jwe.too_large",
        }
    }
}

/// A decrypted file.
pub struct OpenedFile {
    /// The header's `cty`; some issuers leave it out.
    pub content_type: Option<String>,
    /// The plaintext.
    pub content: Wiped,
}

impl std::fmt::Debug for OpenedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedFile")
            .field("content_type", &self.content_type)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// Encrypts one file. `content_type` goes into the header and, byte for byte, into the manifest.
pub fn encrypt(
    key: &LinkKey,
    content_type: &str,
    plaintext: &[u8],
    zip: Zip,
    rng: &mut impl CryptoRng,
) -> Result<String, JweError> {
    let mut nonce = [0u8; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let header = to_base64url(header_json(content_type, zip)?.as_bytes());
    let sealed = match zip {
        Zip::None => aes256gcm_seal(key.secret(), &nonce, header.as_bytes(), plaintext),
        Zip::Deflate => {
            let deflated = deflate(plaintext)?;
            aes256gcm_seal(key.secret(), &nonce, header.as_bytes(), &deflated)
        }
    };
    let split = sealed
        .len()
        .checked_sub(TAG_BYTES)
        .ok_or(JweError::Malformed)?;
    let (ciphertext, tag) = sealed.split_at(split);
    let (nonce, tag) = (to_base64url(&nonce), to_base64url(tag));
    Ok(format!(
        "{header}..{nonce}.{}.{tag}",
        to_base64url(ciphertext)
    ))
}

/// Decrypts one file.
pub fn decrypt(key: &LinkKey, jwe: &str, limits: &JweLimits) -> Result<OpenedFile, JweError> {
    if jwe.len() > limits.jwe_bytes {
        return Err(JweError::TooLarge);
    }
    // One more than there are: a hostile host's text of dots is not collected.
    let parts: Vec<&str> = jwe.trim().splitn(6, '.').collect();
    let [header, "", nonce, ciphertext, tag] = parts.as_slice() else {
        return Err(JweError::Malformed);
    };
    let fields = Header::read(header)?;
    let nonce: [u8; NONCE_BYTES] = part(nonce)?.try_into().map_err(|_| JweError::Malformed)?;
    let tag: [u8; TAG_BYTES] = part(tag)?.try_into().map_err(|_| JweError::Malformed)?;
    let mut sealed = part(ciphertext)?;
    sealed.extend_from_slice(&tag);
    let plaintext = aes256gcm_open(key.secret(), &nonce, header.as_bytes(), &sealed)
        .map_err(|_| JweError::Opaque)?;
    let content = match fields.zip {
        Zip::None if plaintext.len() > limits.plaintext_bytes => return Err(JweError::TooLarge),
        Zip::None => plaintext,
        Zip::Deflate => inflate(&plaintext, limits.plaintext_bytes)?,
    };
    Ok(OpenedFile {
        content_type: fields.content_type,
        content,
    })
}

struct Header {
    content_type: Option<String>,
    zip: Zip,
}

impl Header {
    fn read(encoded: &str) -> Result<Self, JweError> {
        if encoded.len() > MAX_HEADER_BYTES {
            return Err(JweError::TooLarge);
        }
        let members: Map<String, Value> =
            json::read(&part(encoded)?).map_err(|_| JweError::Malformed)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if text("alg") != Some("dir") || text("enc") != Some("A256GCM") {
            return Err(JweError::Algorithm);
        }
        if members.contains_key("crit") {
            return Err(JweError::Algorithm);
        }
        let zip = match members.get("zip").map(|zip| zip.as_str()) {
            None => Zip::None,
            Some(Some("DEF")) => Zip::Deflate,
            Some(_) => return Err(JweError::Algorithm),
        };
        Ok(Self {
            content_type: text("cty").map(str::to_owned),
            zip,
        })
    }
}

fn header_json(content_type: &str, zip: Zip) -> Result<String, JweError> {
    let mut members = Map::new();
    members.insert("alg".into(), Value::from("dir"));
    members.insert("enc".into(), Value::from("A256GCM"));
    members.insert("cty".into(), Value::from(content_type));
    if zip == Zip::Deflate {
        members.insert("zip".into(), Value::from("DEF"));
    }
    serde_json::to_string(&members).map_err(|_| JweError::Malformed)
}

fn part(text: &str) -> Result<Vec<u8>, JweError> {
    from_base64url(text).ok_or(JweError::Malformed)
}

fn deflate(plaintext: &[u8]) -> Result<Wiped, JweError> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Level::default());
    encoder
        .write_all(plaintext)
        .map_err(|_| JweError::Inflate)?;
    encoder
        .finish()
        .map(Wiped::new)
        .map_err(|_| JweError::Inflate)
}

fn inflate(deflated: &[u8], limit: usize) -> Result<Wiped, JweError> {
    let mut plaintext = Wiped::new(Vec::new());
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    DeflateDecoder::new(deflated)
        .take(ceiling)
        .read_to_end(&mut plaintext)
        .map_err(|_| JweError::Inflate)?;
    if plaintext.len() > limit {
        return Err(JweError::TooLarge);
    }
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: JweLimits = JweLimits {
        jwe_bytes: 4_096,
        plaintext_bytes: 64,
    };

    fn sealed(header: &str, content: &[u8]) -> String {
        let (header, nonce) = (to_base64url(header.as_bytes()), [7; NONCE_BYTES]);
        let key = LinkKey::from_bytes([1; 32]);
        let sealed = aes256gcm_seal(key.secret(), &nonce, header.as_bytes(), content);
        let (text, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
        let [nonce, text, tag] = [&nonce[..], text, tag].map(to_base64url);
        format!("{header}..{nonce}.{text}.{tag}")
    }

    fn code(jwe: &str) -> Result<Vec<u8>, &'static str> {
        let opened = decrypt(&LinkKey::from_bytes([1; 32]), jwe, &LIMITS);
        opened
            .map(|file| file.content.to_vec())
            .map_err(|e| e.code())
    }

    #[test]
    fn only_the_encryption_of_links_is_opened() {
        let good = r#"{"alg":"dir","enc":"A256GCM"}"#;
        assert_eq!(code(&sealed(good, b"text")), Ok(b"text".to_vec()));
        for other in [
            r#"{"alg":"A256KW","enc":"A256GCM"}"#,
            r#"{"alg":"dir","enc":"A128GCM"}"#,
            r#"{"enc":"A256GCM"}"#,
            r#"{"alg":"dir","enc":"A256GCM","zip":"BR"}"#,
            r#"{"alg":"dir","enc":"A256GCM","crit":["exp"]}"#,
        ] {
            assert_eq!(
                code(&sealed(other, b"text")),
                Err("jwe.algorithm"),
                "{other}"
            );
        }
    }

    #[test]
    fn what_was_changed_cut_or_grows_beyond_its_limit_is_refused() {
        let good = sealed(r#"{"alg":"dir","enc":"A256GCM"}"#, b"text");
        let swapped = good.replacen("..", "..A", 1);
        for broken in [&good[..good.len() - 30], &good[1..], &swapped, "", "...."] {
            assert!(code(broken).is_err(), "{broken}");
        }
        let other = decrypt(&LinkKey::from_bytes([2; 32]), &good, &LIMITS).err();
        assert_eq!(
            other.map(|error| error.code()),
            Some(JweError::Opaque.code())
        );
        let long = sealed(r#"{"alg":"dir","enc":"A256GCM"}"#, &[0; 65]);
        assert_eq!(code(&long), Err(JweError::TooLarge.code()));
        let bomb = deflate(&[0; 1_000]).unwrap();
        let bomb = sealed(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#, &bomb);
        assert_eq!(code(&bomb), Err(JweError::TooLarge.code()));
    }
}
