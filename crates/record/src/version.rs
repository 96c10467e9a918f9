//! The version byte: the first item of each stored structure.

use crate::limits::FORMAT_VERSION;
use minicbor::decode::{Decoder, Error};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

/// Encodes as [`FORMAT_VERSION`]; decoding refuses every other version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version;

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
