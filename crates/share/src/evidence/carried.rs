//! Signatures of the hospital's own system in a pack: each file is the one that its signature names,
//! and the signature holds as of the seal's block time.
//!
//! A whole record brings the files along, or is itself one of them. Single entries do not: a signed
//! file would show what was left out. An opened record has them all.

use medfolder_crypto::Digest;
use medfolder_ledger::Chain;
#[cfg(not(target_arch = "wasm32"))]
use medfolder_record::Record;
use medfolder_record::carried::files_match;
use medfolder_record::{CarriedSignature, SealedAt, Signatures};

use super::report::{CarriedSigned, Outcome};
use super::{Shown, Whole};

/// Code of a file that is missing, not signed, or another than the one signed.
const FILE: &str = "carried.file";

/// What a pack shows, and the body where it is at hand; its digest was compared.
pub(super) struct Carried<'a> {
    pub(super) chain: &'a Chain,
    pub(super) shown: &'a Shown,
    /// Media type of the body, as the statement says.
    pub(super) media_type: &'a str,
    pub(super) body: Option<&'a [u8]>,
    pub(super) sealed: &'a SealedAt,
}

/// What the signatures come to: an outcome, and those that hold.
pub(super) type Found = (Outcome, Vec<CarriedSigned>);

impl Carried<'_> {
    /// Checks every carried signature; a code when one does not hold.
    pub(super) fn check(&self, signatures: &Signatures) -> Result<Found, &'static str> {
        let Shown::Whole(whole) = self.shown else {
            let none = signatures.carried().next().is_none();
            let outcome = if none {
                Outcome::Holds
            } else {
                Outcome::NotChecked
            };
            return Ok((outcome, Vec::new()));
        };
        let beside = signatures.carried().filter(|one| !self.is_body(one, whole));
        if !files_match(self.chain.suite(), &whole.files, beside) {
            return Err(FILE);
        }
        let (mut outcome, mut hold) = (Outcome::Holds, Vec::new());
        for signature in signatures.carried() {
            match self.file(signature, whole) {
                Some(file) => match holds(self.chain, signature, file, self.sealed)? {
                    Some(signed) => hold.push(signed),
                    None => outcome = Outcome::NotChecked,
                },
                None => outcome = Outcome::NotChecked,
            }
        }
        Ok((outcome, hold))
    }

    fn is_body(&self, signature: &CarriedSignature, whole: &Whole) -> bool {
        signature.file == whole.body && signature.media_type == self.media_type
    }

    /// The file that a signature names, where it is at hand.
    fn file<'b>(&'b self, signature: &CarriedSignature, whole: &'b Whole) -> Option<&'b [u8]> {
        if self.is_body(signature, whole) {
            return self.body;
        }
        let digest = |bytes: &[u8]| -> Digest { self.chain.suite().hash(&[bytes]) };
        let mut files = whole.files.iter();
        let file = files.find(|file| {
            file.media_type == signature.media_type && digest(&file.bytes) == signature.file
        })?;
        Some(&file.bytes)
    }
}

/// The signatures of the hospital's own system in an opened record, in their order: who signed, or
/// the code of the rule that one breaks. The record was sealed at `sealed`.
#[cfg(not(target_arch = "wasm32"))]
#[must_use]
pub fn carried(
    chain: &Chain,
    record: &Record,
    sealed: &SealedAt,
) -> Vec<Result<CarriedSigned, &'static str>> {
    let named = |signature: &CarriedSignature| {
        let mut files = record.files().iter();
        files.find(|file| chain.suite().hash(&[&file.bytes]) == signature.file)
    };
    let signatures = record.signatures().carried();
    signatures
        .map(|signature| {
            let file = named(signature).ok_or(FILE)?;
            holds(chain, signature, &file.bytes, sealed)?.ok_or(FILE)
        })
        .collect()
}

/// `None` where this build cannot check it.
#[cfg(not(target_arch = "wasm32"))]
fn holds(
    chain: &Chain,
    signature: &CarriedSignature,
    file: &[u8],
    sealed: &SealedAt,
) -> Result<Option<CarriedSigned>, &'static str> {
    use medfolder_record::x509::{AsOf, CarriedPolicy, check};
    let policy = CarriedPolicy {
        ca_roots: &chain.policy().ca_roots,
        tsa_roots: &chain.policy().tsa_roots,
        revocation_required: false,
    };
    let sealed = AsOf::Block(sealed.time);
    let found = check(signature, file, &policy, sealed).map_err(|error| error.code())?;
    Ok(Some(CarriedSigned {
        signer: found.signer,
        media_type: signature.media_type.clone(),
        stamped: found.stamped,
        revocation_checked: found.revocation_checked,
    }))
}

/// `None` where this build cannot check it.
#[cfg(target_arch = "wasm32")]
#[expect(clippy::unnecessary_wraps, reason = "as in other builds")]
fn holds(
    _: &Chain,
    _: &CarriedSignature,
    _: &[u8],
    _: &SealedAt,
) -> Result<Option<CarriedSigned>, &'static str> {
    Ok(None)
}
