//! Blocks with their certificates, each the continuation of the one before.

use medfolder_ledger::block::{BlockError, MAX_LEN};
use medfolder_ledger::{Block, Certificate, Checkpoint, Header};
use minicbor::Decoder;

use super::{LedgerClient, LedgerError};
use crate::api::ledger::MAX_BLOCKS;
use crate::http::HttpError;

/// Longest answer with blocks.
const MAX_ANSWER: usize = 2 * MAX_LEN;

/// A block that the chain's engine certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// Why it is final.
    pub certificate: Certificate,
}

impl CertifiedBlock {
    /// Its checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            header: self.block.header.clone(),
            certificate: self.certificate.clone(),
        }
    }
}

impl LedgerClient {
    /// Blocks after `previous` (from block 0 without), at most `limit`; none when there is no newer
    /// one. Each is certified and continues the one before.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn blocks(
        &self,
        previous: Option<&Header>,
        limit: u64,
    ) -> Result<Vec<CertifiedBlock>, LedgerError> {
        let from = previous.map_or(0, |header| header.height.saturating_add(1));
        let path = format!("v1/blocks?from={from}&limit={}", limit.min(MAX_BLOCKS));
        self.ask(&path, MAX_ANSWER, |bytes| {
            let blocks = read_sequence(bytes)?;
            self.check_row(previous, &blocks)?;
            Ok((blocks, None))
        })
        .await
    }

    fn check_row(
        &self,
        previous: Option<&Header>,
        blocks: &[CertifiedBlock],
    ) -> Result<(), LedgerError> {
        let mut last = previous;
        for certified in blocks {
            certified.checkpoint().verify(self.chain())?;
            let block = &certified.block;
            match last {
                Some(last) => block.check(self.chain(), last)?,
                None if block.header.height == 0 && block.transactions.is_empty() => {}
                None => return Err(BlockError::Previous.into()),
            }
            last = Some(&block.header);
        }
        Ok(())
    }
}

fn read_sequence(bytes: &[u8]) -> Result<Vec<CertifiedBlock>, LedgerError> {
    let mut decoder = Decoder::new(bytes);
    let mut blocks = Vec::new();
    while decoder.position() < bytes.len() {
        blocks.push(read_one(&mut decoder).map_err(|_| HttpError::Malformed)?);
    }
    Ok(blocks)
}

fn read_one(decoder: &mut Decoder<'_>) -> Result<CertifiedBlock, minicbor::decode::Error> {
    if decoder.array()? != Some(2) {
        return Err(minicbor::decode::Error::message(
            "a block and its certificate",
        ));
    }
    Ok(CertifiedBlock {
        block: decoder.decode()?,
        certificate: decoder.decode()?,
    })
}
