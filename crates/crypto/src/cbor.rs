//! Deterministic CBOR (RFC 8949, section 4.2.1) for everything that is signed or hashed.
//!
//! The rule is checked, not assumed: what was decoded is encoded again and must give the same
//! bytes, with nothing left over, and no unsigned integer above 2⁵³ − 1. Structures are arrays in field order; absent options are null
//! inside an array and left out at its end, as `minicbor`'s derive writes them.

use minicbor::{Decode, Encode};

use crate::uint::all_exact;

/// Why bytes were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Longer than this structure may be.
    #[error("longer than the format allows")]
    TooLong,
    /// Not this structure, cut short, or beyond a limit inside.
    #[error("not a well-formed structure of this kind")]
    Malformed,
    /// Bytes follow the structure.
    #[error("bytes follow the end of the structure")]
    Trailing,
    /// The same value has another, shorter or ordered, encoding.
    #[error("not the canonical encoding")]
    NotCanonical,
}

impl CborError {
    /// Stable code of the error.
    pub const fn code(self) -> &'static str {
        match self {
            CborError::TooLong => "cbor.too_long",
            CborError::Malformed => "cbor.malformed",
            CborError::Trailing => "cbor.trailing",
            CborError::NotCanonical => "cbor.not_canonical",
        }
    }
}

/// The canonical encoding of `value`.
pub fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    // Writing to a vector cannot fail.
    let done = minicbor::encode(value, &mut out);
    debug_assert!(done.is_ok());
    out
}

/// Decodes `bytes` strictly: at most `max_len` long, nothing left over, canonical.
///
/// # Errors
/// [`CborError`], by its first failing rule.
pub fn from_cbor<T: for<'b> Decode<'b, ()> + Encode<()>>(
    bytes: &[u8],
    max_len: usize,
) -> Result<T, CborError> {
    if bytes.len() > max_len {
        return Err(CborError::TooLong);
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let value: T = decoder.decode().map_err(|_| CborError::Malformed)?;
    if decoder.position() != bytes.len() {
        return Err(CborError::Trailing);
    }
    if to_cbor(&value) != bytes {
        return Err(CborError::NotCanonical);
    }
    if !all_exact(bytes) {
        return Err(CborError::Malformed);
    }
    Ok(value)
}

/// Gives a newtype over `[u8; N]` its encodings: a CBOR byte string, hexadecimal text, serde.
#[macro_export]
macro_rules! bytes_newtype_impl {
    ($name:ident, $len:literal) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let bytes = d.bytes()?;
                <[u8; $len]>::try_from(bytes)
                    .map(Self)
                    .map_err(|_| minicbor::decode::Error::message("wrong length"))
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::cbor::NotHex;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut out = [0; $len];
                hex::decode_to_slice(text, &mut out).map_err(|_| $crate::cbor::NotHex)?;
                Ok(Self(out))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
    };
}
pub use crate::bytes_newtype_impl as bytes_newtype;

/// Text that is not hexadecimal of the right length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not hexadecimal of the right length")]
pub struct NotHex;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_UINT;
    use minicbor::{Decode, Encode};

    #[derive(Debug, PartialEq, Encode, Decode)]
    #[cbor(array)]
    struct Pair {
        #[n(0)]
        number: u64,
        #[n(1)]
        text: Option<String>,
    }

    const LIMIT: usize = 64;

    #[test]
    fn a_number_in_a_longer_form_than_needed_is_refused() {
        let long_one = [0x82, 0x18, 0x01, 0x61, b'a'];
        assert_eq!(
            from_cbor::<Pair>(&long_one, LIMIT),
            Err(CborError::NotCanonical)
        );
    }

    #[test]
    fn an_indefinite_array_is_refused() {
        let indefinite = [0x9f, 0x01, 0x61, b'a', 0xff];
        assert_eq!(
            from_cbor::<Pair>(&indefinite, LIMIT),
            Err(CborError::NotCanonical)
        );
    }

    #[test]
    fn a_number_that_not_every_program_holds_exactly_is_refused() {
        let of = |number| from_cbor::<Pair>(&to_cbor(&Pair { number, text: None }), LIMIT);
        assert!(of(MAX_UINT).is_ok());
        assert_eq!(of(MAX_UINT + 1), Err(CborError::Malformed));
    }

    #[test]
    fn bytes_after_the_end_are_refused() {
        let mut bytes = to_cbor(&Pair {
            number: 1,
            text: None,
        });
        bytes.push(0);
        assert_eq!(from_cbor::<Pair>(&bytes, LIMIT), Err(CborError::Trailing));
    }

    #[test]
    fn an_unknown_extra_field_is_refused() {
        let three = [0x83, 0x01, 0x61, b'a', 0x05];
        assert_eq!(
            from_cbor::<Pair>(&three, LIMIT),
            Err(CborError::NotCanonical)
        );
    }

    #[test]
    fn more_bytes_than_the_limit_are_refused_before_decoding() {
        let bytes = to_cbor(&Pair {
            number: 1,
            text: Some("x".repeat(80)),
        });
        assert_eq!(from_cbor::<Pair>(&bytes, LIMIT), Err(CborError::TooLong));
    }
}
