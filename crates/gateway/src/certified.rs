//! Blocks with their certificates, as nodes serve them and as the spool carries them.
//!
//! ```text
//! spool    [block, certificate]                    one CBOR array each
//! node     the same one behind the other, or block ‖ certificate without the array around
//! ```

use medfolder_crypto::to_cbor;
use medfolder_ledger::block::{Block, BlockError, Certificate, Checkpoint, Header};
use medfolder_ledger::genesis::Chain;
use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decode, Decoder, Encode};

/// A block and why it is final; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Certified {
    /// The block.
    #[n(0)]
    pub block: Block,
    /// Its certificate.
    #[n(1)]
    pub certificate: Certificate,
}

impl Certified {
    /// The form in which the spool carries it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Reads all that stand one behind the other.
    ///
    /// # Errors
    /// [`Error`] at the first that is none.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, Error> {
        let (mut decoder, mut all) = (Decoder::new(bytes), Vec::new());
        while decoder.position() < bytes.len() {
            all.push(match is_bare(&decoder)? {
                true => Self {
                    block: decoder.decode()?,
                    certificate: decoder.decode()?,
                },
                false => decoder.decode()?,
            });
        }
        Ok(all)
    }

    /// Checks certificate, place behind `previous` (none before block 0) and transactions.
    ///
    /// # Errors
    /// [`BlockError`], by its first failing rule.
    pub fn verify(&self, chain: &Chain, previous: Option<&Header>) -> Result<(), BlockError> {
        let header = self.block.header.clone();
        Checkpoint {
            header,
            certificate: self.certificate.clone(),
        }
        .verify(chain)?;
        match previous {
            Some(previous) => self.block.check(chain, previous),
            None if self.block.header.height == 0 && self.block.transactions.is_empty() => Ok(()),
            None => Err(BlockError::Previous),
        }
    }
}

/// Whether a block stands here without an array around it and its certificate: its first item is
/// then the header, whose first item is a number.
fn is_bare(decoder: &Decoder<'_>) -> Result<bool, Error> {
    let mut ahead = decoder.clone();
    ahead.array()?;
    ahead.array()?;
    Ok(ahead.datatype()? != Type::Array)
}
