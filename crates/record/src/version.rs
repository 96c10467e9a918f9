//! The version byte: the first item of each stored structure.

use crate::limits::FORMAT_VERSION;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

/// Encodes as [`FORMAT_VERSION`]; decoding refuses every other version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version;

/// Whether `bytes` begin as an array of another version does, whatever follows. Then they are not
/// damaged: a newer program wrote them.
#[must_use]
pub fn is_other_version(bytes: &[u8]) -> bool {
    let mut d = Decoder::new(bytes);
    let version = d.array().and_then(|_| d.u64());
    version.is_ok_and(|version| version != u64::from(FORMAT_VERSION))
}

impl<C> Encode<C> for Version {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.u8(FORMAT_VERSION)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Version {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, Error> {
        match d.u8()? {
            FORMAT_VERSION => Ok(Self),
            _ => Err(Error::message("unknown version")),
        }
    }
}
