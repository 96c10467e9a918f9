//! A byte string in JSON: base64url without padding (RFC 4648, section 5).

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes that travel in JSON as base64url without padding.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Vec<u8>);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl serde::Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> serde::Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
        URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Blob;

    #[test]
    fn bytes_travel_as_base64url_without_padding() {
        let json = serde_json::to_string(&Blob(vec![0xfb, 0xff])).unwrap();
        assert_eq!(json, "\"-_8\"");
        assert_eq!(
            serde_json::from_str::<Blob>(&json).unwrap(),
            Blob(vec![0xfb, 0xff])
        );
    }

    #[test]
    fn padding_and_the_other_alphabet_are_refused() {
        assert!(serde_json::from_str::<Blob>("\"-_8=\"").is_err());
        assert!(serde_json::from_str::<Blob>("\"+/8\"").is_err());
    }
}
