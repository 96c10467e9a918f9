//! Blocks with their certificates, as nodes serve them and as the spool carries them.
//!
//! ```text
//! [block, certificate]        one CBOR array each in the spool, one behind the other from a node
//! ```

use medfolder_crypto::{CborError, from_cbor, to_cbor};
use medfolder_ledger::block::{Block, BlockError, Certificate, Checkpoint, Header, MAX_LEN};
use medfolder_ledger::genesis::Chain;
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

    /// Reads strictly all that stand one behind the other.
    ///
    /// # Errors
    /// [`CborError`] at the first that is none.
    pub fn read_all(mut bytes: &[u8]) -> Result<Vec<Self>, CborError> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let mut decoder = Decoder::new(bytes);
            decoder.skip().map_err(|_| CborError::Malformed)?;
            let (one, rest) = bytes
                .split_at_checked(decoder.position())
                .ok_or(CborError::Malformed)?;
            all.push(from_cbor(one, MAX_LEN)?);
            bytes = rest;
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

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::{Digest, Signature};

    fn one(height: u64) -> Certified {
        let header = Header {
            version: 0,
            genesis: Digest([1; 32]),
            height,
            epoch: 0,
            previous: Digest([2; 32]),
            transactions: Digest([3; 32]),
            log_size: 0,
            log_root: Digest([4; 32]),
            state_root: Digest([5; 32]),
            time: 6,
        };
        Certified {
            block: Block {
                header,
                transactions: Vec::new(),
            },
            certificate: Certificate::Embedded {
                ed25519: Signature([7; 64]),
                sm2: None,
            },
        }
    }

    #[test]
    fn blocks_are_read_one_behind_the_other_and_in_one_form_only() {
        let blocks = [one(1), one(2)];
        let bytes: Vec<u8> = blocks.iter().flat_map(Certified::to_bytes).collect();
        assert_eq!(Certified::read_all(&bytes).unwrap(), blocks);
        let (block, certificate) = (to_cbor(&blocks[0].block), to_cbor(&blocks[0].certificate));
        let bare = [&block[..], &certificate].concat();
        let longer = [&[0x98, 2], &bytes[1..]].concat();
        for other in [&bare, &longer, &[&bytes[..], &[0]].concat()] {
            assert!(Certified::read_all(other).is_err());
        }
    }
}
