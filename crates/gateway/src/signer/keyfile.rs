//! A doctor's key in a file, under a PIN.
//!
//! ```text
//! {"version":0, "suite", "name", "signing", "encryption",      public: who, and both public keys (hex)
//!  "salt": 16 bytes, "sealed": 48 bytes}                        hex
//! file key  = Argon2id(PIN in NFKC, salt), 64 MiB
//! sealed    = AEAD(file key, nonce 0, AAD, seed)
//! AAD       = "medfolder/doctor-key-file" ‖ 0 ‖ version ‖ suite ‖ 0 ‖ name ‖ 0 ‖ both keys
//! signing key, encryption key  from HKDF(seed, "medfolder/signing-seed" | "medfolder/encryption-seed")
//! ```
//! Nobody counts the tries at a file, so its PIN has ten characters or more; only hardware that
//! counts may take a shorter one. Salt and file key are drawn anew when the PIN is changed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use medfolder_crypto::password::{SALT_LEN, derive_key};
use medfolder_crypto::{
    AeadKey, Digest, EncryptionSecret, Label, PublicKeyBytes, Secret32, Signature, SigningKey,
    Suite, typed,
};
use medfolder_ledger::body::prove_possession;
use medfolder_record::{KeyId, MemberId};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Fewest characters of the PIN of a key file.
pub const MIN_PIN: usize = 10;
const MAX_FILE: u64 = 16 << 10;
const VERSION: u8 = 0;

/// Why a key file cannot be made or opened.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The PIN is shorter than ten characters.
    #[error("the PIN of a key file needs ten characters or more")]
    PinTooShort,
    /// The PIN does not open the file, or the file was changed.
    #[error("the PIN does not open the key file")]
    PinWrong,
    /// Not a key file.
    #[error("this is not a doctor's key file")]
    Malformed,
    /// A newer version made it.
    #[error("a newer version made this key file")]
    Newer,
    /// The file exists already; a key is never overwritten.
    #[error("there is a key file already")]
    Exists,
    /// Readable by others than its owner.
    #[error("the key file must be readable by its owner only (mode 0600)")]
    Permissions,
    /// The file system refused.
    #[error("the key file cannot be read or written")]
    Io(#[source] std::io::Error),
}

impl KeyFileError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PinTooShort => "signer.pin_too_short",
            Self::PinWrong => "signer.pin_wrong",
            Self::Malformed => "signer.key_file",
            Self::Newer => "signer.key_version",
            Self::Exists => "signer.key_exists",
            Self::Permissions => "signer.key_permissions",
            Self::Io(_) => "signer.key_io",
        }
    }
}

/// The public part of a key file, for enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPart {
    /// The suite of both keys.
    pub suite: Suite,
    /// The doctor's name, as it stands in statements.
    pub name: String,
    /// The key that checks signatures.
    pub signing: PublicKeyBytes,
    /// The key that others wrap to.
    pub encryption: PublicKeyBytes,
}

impl PublicPart {
    /// The signing key's identifier on the ledger.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        KeyId::of(self.suite, &self.signing)
    }

    fn associated_data(&self) -> Vec<u8> {
        let mut bytes = Label::DOCTOR_KEY_FILE.as_bytes().to_vec();
        bytes.extend_from_slice(&[0, VERSION]);
        bytes.extend_from_slice(self.suite.to_string().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.signing.as_bytes());
        bytes.extend_from_slice(self.encryption.as_bytes());
        bytes
    }
}

/// What a doctor's member needs to enrol her: who she is, and her key's word that this member may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Name and both public keys.
    #[serde(flatten)]
    pub public: PublicPart,
    /// [`prove_possession`] of the signing key.
    pub proof: Signature,
}

/// What every version's file has.
#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u8,
    suite: Suite,
    name: String,
    signing: PublicKeyBytes,
    encryption: PublicKeyBytes,
    salt: String,
    sealed: String,
}

/// A doctor's keys, unlocked; wiped on drop.
pub struct DoctorKey {
    public: PublicPart,
    signing: SigningKey,
    encryption: EncryptionSecret,
}

impl DoctorKey {
    /// Keys of a doctor from a seed, as a token or a test holds it.
    #[must_use]
    pub fn from_seed(suite: Suite, name: &str, seed: &Secret32) -> Self {
        let part = |label| suite.derive(seed, label, &[]);
        let signing = SigningKey::from_seed(suite, &part(Label::SIGNING_SEED));
        let encryption = EncryptionSecret::from_seed(suite, &part(Label::ENCRYPTION_SEED));
        let public = PublicPart {
            suite,
            name: name.to_owned(),
            signing: signing.public(),
            encryption: encryption.public().to_bytes(),
        };
        Self {
            public,
            signing,
            encryption,
        }
    }

    /// What may be known of the keys.
    #[must_use]
    pub const fn public(&self) -> &PublicPart {
        &self.public
    }

    /// What this member of this chain needs to enrol the keys; no other member can with it.
    #[must_use]
    pub fn enrolment(&self, genesis: &Digest, member: &MemberId) -> Enrolment {
        let proof = prove_possession(&self.signing, genesis, member, &self.public.encryption);
        Enrolment {
            public: self.public.clone(),
            proof,
        }
    }

    /// The signing key.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// The key that opens what others wrapped for this doctor.
    #[must_use]
    pub const fn encryption(&self) -> &EncryptionSecret {
        &self.encryption
    }
}

impl core::fmt::Debug for DoctorKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DoctorKey({}, …)", self.public.key_id())
    }
}

/// Draws a doctor's keys and writes them to a new file of mode 0600, durable on return.
///
/// # Errors
/// [`KeyFileError`]; no file is left behind, and none is overwritten.
pub fn create(
    path: &Path,
    pin: &str,
    suite: Suite,
    name: &str,
    rng: &mut impl CryptoRng,
) -> Result<DoctorKey, KeyFileError> {
    if typed::phrase(pin).chars().count() < MIN_PIN {
        return Err(KeyFileError::PinTooShort);
    }
    let seed = Secret32::random(rng);
    let key = DoctorKey::from_seed(suite, name, &seed);
    let mut salt = [0; SALT_LEN];
    rng.fill_bytes(&mut salt);
    let file_key = AeadKey::new(suite, derive_key(pin, &salt));
    let sealed = file_key.seal_once(&key.public.associated_data(), seed.expose());
    let PublicPart {
        suite,
        name,
        signing,
        encryption,
    } = key.public.clone();
    let (salt, sealed) = (hex::encode(salt), hex::encode(sealed));
    let stored = Stored {
        version: VERSION,
        suite,
        name,
        signing,
        encryption,
        salt,
        sealed,
    };
    write_new(path, &stored)?;
    Ok(key)
}

fn write_new(path: &Path, stored: &Stored) -> Result<(), KeyFileError> {
    let bytes = serde_json::to_vec_pretty(stored).map_err(|_| KeyFileError::Malformed)?;
    let opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => KeyFileError::Exists,
        _ => KeyFileError::Io(error),
    })?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        let _ = fs::remove_file(path);
        KeyFileError::Io(error)
    })
}

/// Reads who a key file belongs to, without a PIN. The PIN proves later that nobody changed it.
///
/// # Errors
/// [`KeyFileError::Malformed`], [`KeyFileError::Permissions`] or [`KeyFileError::Io`].
pub fn public_part(path: &Path) -> Result<PublicPart, KeyFileError> {
    read(path).map(|(_, public)| public)
}

/// Opens a key file.
///
/// # Errors
/// [`KeyFileError`].
pub fn open(path: &Path, pin: &str) -> Result<DoctorKey, KeyFileError> {
    let (stored, public) = read(path)?;
    let salt = bytes::<SALT_LEN>(&stored.salt)?;
    let sealed = bytes::<48>(&stored.sealed)?;
    let file_key = AeadKey::new(public.suite, derive_key(pin, &salt));
    let seed = file_key
        .open_once(&public.associated_data(), &sealed)
        .map_err(|_| KeyFileError::PinWrong)?;
    let seed = Secret32::try_from(seed.as_slice()).map_err(|_| KeyFileError::Malformed)?;
    let key = DoctorKey::from_seed(public.suite, &public.name, &seed);
    if key.public != public {
        return Err(KeyFileError::Malformed);
    }
    Ok(key)
}

fn read(path: &Path) -> Result<(Stored, PublicPart), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let meta = fs::metadata(path).map_err(KeyFileError::Io)?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::Permissions);
    }
    if meta.len() > MAX_FILE {
        return Err(KeyFileError::Malformed);
    }
    let text = fs::read(path).map_err(KeyFileError::Io)?;
    let Versioned { version } =
        serde_json::from_slice(&text).map_err(|_| KeyFileError::Malformed)?;
    if version != VERSION {
        return Err(KeyFileError::Newer);
    }
    let stored: Stored = serde_json::from_slice(&text).map_err(|_| KeyFileError::Malformed)?;
    let public = PublicPart {
        suite: stored.suite,
        name: stored.name.clone(),
        signing: stored.signing,
        encryption: stored.encryption,
    };
    Ok((stored, public))
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], KeyFileError> {
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).map_err(|_| KeyFileError::Malformed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::os_rng;

    #[test]
    fn a_key_file_opens_with_its_pin_only() {
        let dir = tempfile::tempdir().unwrap();
        for suite in Suite::ALL {
            let path = dir.path().join(suite.to_string());
            let public = create(
                &path,
                "正确的密码一二三四五",
                suite,
                "林静怡",
                &mut os_rng(),
            )
            .unwrap();
            let public = public.public();
            assert_eq!(public_part(&path).unwrap(), *public);
            let key = open(&path, "正确的密码一二三四五").unwrap();
            assert_eq!(key.signing().public(), public.signing);
            let wrong = open(&path, "正确的密码一二三四六").unwrap_err();
            assert_eq!(wrong.code(), "signer.pin_wrong");
        }
    }

    #[test]
    fn a_pin_of_nine_characters_is_refused_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let refused = create(&path, "123456789", Suite::International, "A", &mut os_rng());
        assert_eq!(refused.unwrap_err().code(), "signer.pin_too_short");
        assert!(!path.exists());
    }

    #[test]
    fn a_key_is_never_overwritten_and_never_read_when_others_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let make = || {
            create(
                &path,
                "1234567890",
                Suite::International,
                "A",
                &mut os_rng(),
            )
        };
        make().unwrap();
        assert_eq!(make().unwrap_err().code(), "signer.key_exists");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            open(&path, "1234567890").unwrap_err().code(),
            "signer.key_permissions"
        );
    }

    #[test]
    fn another_name_written_into_the_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(
            &path,
            "1234567890",
            Suite::International,
            "Dr. Li",
            &mut os_rng(),
        )
        .unwrap();
        let changed = fs::read_to_string(&path)
            .unwrap()
            .replace("Dr. Li", "Dr. Wu");
        fs::write(&path, changed).unwrap();
        assert_eq!(
            open(&path, "1234567890").unwrap_err().code(),
            "signer.pin_wrong"
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = DoctorKey::from_seed(Suite::International, "A", &Secret32::new([7; 32]));
        assert!(!format!("{key:?}").contains("0707"));
    }
}
