//! A waiting attachment, read from its file and encrypted for the seal, chunk by chunk.

use std::io::{Error, Read, Result};

use medfolder_crypto::{Digest, Wiped};
use medfolder_record::{AttachmentSealer, Blob};

use crate::inner::vault_file::Plain;

const PART: usize = 64 << 10;

/// Ciphertext of an attachment as a stream; at its end, what the core says of it.
pub(super) struct Sealing {
    plain: Plain,
    sealer: Option<AttachmentSealer>,
    out: Vec<u8>,
    at: usize,
    done: Option<(Digest, Blob)>,
}

impl Sealing {
    pub(super) fn new(plain: Plain, sealer: AttachmentSealer) -> Self {
        Self {
            plain,
            sealer: Some(sealer),
            out: Vec::new(),
            at: 0,
            done: None,
        }
    }

    /// The attachment's digest and its blob, once everything was read.
    pub(super) const fn done(&self) -> Option<(Digest, Blob)> {
        self.done
    }

    fn fill(&mut self) -> Result<()> {
        self.out.clear();
        self.at = 0;
        let mut part = Wiped::new(vec![0; PART]);
        let count = self.plain.read(&mut part)?;
        let other_size = |_| Error::other("an attachment has another size than was signed");
        match part.get(..count) {
            Some(read) if count > 0 => {
                if let Some(sealer) = &mut self.sealer {
                    sealer.push(read, &mut self.out).map_err(other_size)?;
                }
            }
            _ => {
                if let Some(sealer) = self.sealer.take() {
                    self.done = Some(sealer.finish(&mut self.out).map_err(other_size)?);
                }
            }
        }
        Ok(())
    }
}

impl Read for Sealing {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.at >= self.out.len() && self.sealer.is_some() {
            self.fill()?;
        }
        let rest = self.out.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.at = self.at.saturating_add(count);
        Ok(count)
    }
}
