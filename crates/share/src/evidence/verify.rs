//! Verifying a pack: bytes and a genesis in, a report out. No network, no clock.

use medfolder_crypto::{Digest, Suite};
use medfolder_ledger::body::{Mark, Seal, leaves_digest};
use medfolder_ledger::member::KeyRole;
use medfolder_ledger::proof::EntryProof;
use medfolder_ledger::state::{MemberEntry, RecordEntry, SealEntry, StaffEntry};
use medfolder_ledger::{Body, Chain, Checkpoint, StateKey, Transaction};
use medfolder_record::content::{PieceType, leaf as piece_leaf, root as content_root};
use medfolder_record::limits::MAX_ATTACHMENTS;
use medfolder_record::record_core::leaf;
use medfolder_record::{
    Attachment, Custody, Disclosure, DoctorSignature, RecordId, SealedAt, Signatures, Statement,
    pieces,
};

use super::carried::Carried;
use super::report::{EvidenceCheck as C, Outcome, Report, SealState, Signed, Standing, Trust};
use super::{Evidence, Shown, Whole, sentence};

/// A check failed; the report says which.
struct Failed(C);

type Checked<T> = Result<T, Failed>;

trait OrFail<T> {
    fn or_fail(self, check: C) -> Checked<T>;
}

impl<T> OrFail<T> for Option<T> {
    fn or_fail(self, check: C) -> Checked<T> {
        self.ok_or(Failed(check))
    }
}

impl<T, E> OrFail<T> for Result<T, E> {
    fn or_fail(self, check: C) -> Checked<T> {
        self.map_err(|_| Failed(check))
    }
}

fn must(holds: bool, check: C) -> Checked<()> {
    holds.then_some(()).or_fail(check)
}

impl Evidence {
    /// Checks everything that the pack shows. `known` is the genesis that the reader trusts; without
    /// one, the pack's own is taken and the report says so. `body` is the record's text where it
    /// travelled beside the pack.
    #[must_use]
    pub fn verify(&self, known: Option<&Chain>, body: Option<&[u8]>) -> Report {
        let mut report = Report::new(self.genesis);
        let own = self
            .genesis_file
            .as_ref()
            .and_then(|file| Chain::from_bytes(file).ok());
        let Some(chain) = known.or(own.as_ref()) else {
            report.note(C::Genesis, Outcome::NotChecked);
            return report;
        };
        report.trust = Some(if known.is_some() {
            Trust::Known
        } else {
            Trust::SelfDeclared
        });
        let mut run = Run {
            pack: self,
            chain,
            suite: chain.suite(),
            body,
            report,
        };
        if let Err(Failed(check)) = run.all() {
            run.report.note(check, Outcome::Fails);
            run.report.seal = SealState::Failed;
        }
        run.report
    }
}

struct Run<'a> {
    pack: &'a Evidence,
    chain: &'a Chain,
    suite: Suite,
    body: Option<&'a [u8]>,
    report: Report,
}

impl Run<'_> {
    fn all(&mut self) -> Checked<()> {
        must(self.pack.genesis == self.chain.digest(), C::Genesis)?;
        self.holds(C::Genesis);
        self.checkpoints()?;
        let position = self
            .pack
            .receipt
            .verify(self.chain, &self.pack.seal)
            .or_fail(C::Inclusion)?;
        self.holds(C::Inclusion);
        let (seal, sealed) = self.seal(position)?;
        self.report.existed_before = Some(sealed.time);
        let record = self.leaf(&seal)?;
        self.statement(&seal, &record)?;
        let shown = self.content()?;
        self.signatures(&seal, &sealed)?;
        self.status(&seal, &record)?;
        self.report.seal = shown;
        Ok(())
    }

    fn holds(&mut self, check: C) {
        self.report.note(check, Outcome::Holds);
    }

    fn checkpoints(&mut self) -> Checked<()> {
        let pack = self.pack;
        let staff = pack.staff.iter().map(|one| &one.proof.checkpoint);
        let all = [
            &pack.receipt.checkpoint,
            &pack.sealed.checkpoint,
            &pack.status.checkpoint,
            &pack.member.checkpoint,
        ];
        let certified = |checkpoint: &Checkpoint| checkpoint.verify(self.chain).is_ok();
        must(all.into_iter().chain(staff).all(certified), C::Checkpoint)?;
        self.holds(C::Checkpoint);
        Ok(())
    }

    /// The hospital's entry, its signature over the seal by the key it had then, and the seal's
    /// entry, which says where and when it was accepted.
    fn seal(&mut self, position: u64) -> Checked<(Seal, SealedAt)> {
        let stored = Transaction::from_bytes(&self.pack.seal).or_fail(C::Seal)?;
        let Transaction {
            valid_until,
            body,
            signatures,
            ..
        } = stored;
        let Body::Seal(seal) = body.clone() else {
            return Err(Failed(C::Seal));
        };
        let key = StateKey::member(self.suite, &seal.member);
        let entry: MemberEntry =
            entry(&self.pack.member, self.chain, &key, C::Member)?.or_fail(C::Member)?;
        let as_of = self.pack.member.checkpoint.header.log_size;
        must(as_of > position, C::Member)?;
        self.report.hospital = Some(entry.member.name.clone());
        self.holds(C::Member);
        let key = entry.key_at(KeyRole::Seal, position).or_fail(C::Seal)?;
        let [signature] = signatures.as_slice() else {
            return Err(Failed(C::Seal));
        };
        let unsigned = medfolder_ledger::Unsigned::new(body, valid_until);
        must(unsigned.verify(self.chain, key, signature), C::Seal)?;
        let sealed = self.sealed(&seal, position)?;
        self.holds(C::Seal);
        Ok((seal, sealed))
    }

    fn sealed(&self, seal: &Seal, position: u64) -> Checked<SealedAt> {
        let key = StateKey::seal(self.suite, &seal.member, &seal.visit, seal.seq);
        let own = SealEntry {
            card: seal.card,
            position,
            time: 0,
            leaves: leaves_digest(self.suite, &seal.leaf_ids()),
        };
        let proven: SealEntry =
            entry(&self.pack.sealed, self.chain, &key, C::Seal)?.or_fail(C::Seal)?;
        must(SealEntry { time: 0, ..proven } == own, C::Seal)?;
        Ok(proven.sealed_at())
    }

    fn leaf(&mut self, seal: &Seal) -> Checked<RecordId> {
        let signatures = Signatures::digest(self.suite, &self.pack.signatures);
        let record = leaf(self.suite, &self.pack.core, &self.pack.content, &signatures);
        must(
            seal.leaves.iter().any(|sealed| sealed.leaf == record),
            C::Leaf,
        )?;
        self.report.record = Some(record);
        self.holds(C::Leaf);
        Ok(record)
    }

    fn statement(&mut self, seal: &Seal, record: &RecordId) -> Checked<()> {
        let piece = &self.pack.statement;
        piece
            .verify(self.suite, &self.pack.content)
            .or_fail(C::Statement)?;
        must(piece.kind == PieceType::Statement, C::Statement)?;
        let statement = Statement::from_bytes(&piece.bytes).or_fail(C::Statement)?;
        let own = statement.member == seal.member && statement.visit == seal.visit;
        must(own, C::Statement)?;
        // The same signed record again, in the place of the first: its statement is the first one's.
        if seal.mark != Mark::DeliveredAgain {
            let mut leaves = seal.leaves.iter();
            let place = leaves.find(|sealed| sealed.leaf == *record);
            let replaces = place.is_some_and(|sealed| sealed.replaces.is_some());
            must(statement.replaces.is_some() == replaces, C::Statement)?;
        }
        self.report.statement = Some(statement);
        self.holds(C::Statement);
        Ok(())
    }

    fn content(&mut self) -> Checked<SealState> {
        let state = match &self.pack.shown {
            Shown::Pieces(shown) => self.pieces(shown)?,
            Shown::Whole(whole) => self.whole(whole)?,
        };
        let outcome = match state {
            SealState::SealOnly => Outcome::NotChecked,
            _ => Outcome::Holds,
        };
        self.report.note(C::Content, outcome);
        Ok(state)
    }

    fn pieces(&mut self, shown: &[Disclosure]) -> Checked<SealState> {
        for piece in shown {
            piece
                .verify(self.suite, &self.pack.content)
                .or_fail(C::Content)?;
            must(piece.count == self.pack.statement.count, C::Content)?;
            if piece.kind == PieceType::Attachment {
                let attachment = Attachment::from_bytes(&piece.bytes).or_fail(C::Content)?;
                self.report.attachments.push(attachment);
            }
        }
        // The statement, and what stands between entries, is no part of what the record says.
        let shows =
            |piece: &Disclosure| matches!(piece.kind, PieceType::Entry | PieceType::Attachment);
        Ok(match shown.iter().any(shows) {
            true => SealState::VerifiedInPart,
            false => SealState::SealOnly,
        })
    }

    /// Cuts the body anew and computes the content root from the salts.
    fn whole(&mut self, whole: &Whole) -> Checked<SealState> {
        must(whole.attachments.len() <= MAX_ATTACHMENTS, C::Content)?;
        let Some(body) = self.body_at_hand() else {
            return Ok(SealState::SealOnly);
        };
        must(self.suite.hash(&[body]) == whole.body, C::Content)?;
        let leaves = self.leaves(whole, body).or_fail(C::Content)?;
        must(
            content_root(self.suite, &leaves) == self.pack.content,
            C::Content,
        )?;
        for bytes in &whole.attachments {
            let attachment = Attachment::from_bytes(bytes).or_fail(C::Content)?;
            self.report.attachments.push(attachment);
        }
        let named = self
            .report
            .statement
            .as_ref()
            .map(|statement| statement.attachments as usize);
        must(named == Some(whole.attachments.len()), C::Content)?;
        Ok(SealState::Verified)
    }

    fn leaves(&self, whole: &Whole, body: &[u8]) -> Option<Vec<Digest>> {
        let statement = &self.pack.statement;
        let cut = pieces::cut(body).ok()?;
        let frames = cut.iter().map(|piece| {
            let kind = if piece.is_entry {
                PieceType::Entry
            } else {
                PieceType::Frame
            };
            (kind, body.get(piece.range).unwrap_or_default())
        });
        let attachments = whole
            .attachments
            .iter()
            .map(|a| (PieceType::Attachment, a.as_slice()));
        let rest: Vec<_> = frames.chain(attachments).collect();
        if rest.len() != whole.salts.len() {
            return None;
        }
        let first = piece_leaf(
            self.suite,
            PieceType::Statement,
            0,
            &statement.salt,
            &statement.bytes,
        );
        let mut leaves = vec![first];
        for ((kind, bytes), salt) in rest.into_iter().zip(&whole.salts) {
            let k = u32::try_from(leaves.len()).ok()?;
            leaves.push(piece_leaf(self.suite, kind, k, salt, bytes));
        }
        Some(leaves)
    }

    fn signatures(&mut self, seal: &Seal, sealed: &SealedAt) -> Checked<()> {
        let signatures = Signatures::from_bytes(&self.pack.signatures).or_fail(C::Signature)?;
        must(!signatures.0.is_empty(), C::Signature)?;
        let author = self
            .report
            .statement
            .as_ref()
            .and_then(|statement| statement.author.key);
        let signed = author.is_none_or(|key| signatures.native().any(|s| s.key == key));
        must(signed, C::Author)?;
        self.holds(C::Author);
        for signature in signatures.native() {
            let by = self
                .signature(signature, seal, sealed)
                .or_fail(C::Signature)?;
            self.report.signers.push(by);
        }
        self.holds(C::Signature);
        self.carried(&signatures, sealed)
    }

    fn carried(&mut self, signatures: &Signatures, sealed: &SealedAt) -> Checked<()> {
        let statement = self.report.statement.as_ref().or_fail(C::Statement)?;
        let found = Carried {
            chain: self.chain,
            shown: &self.pack.shown,
            media_type: &statement.media_type,
            body: self.body_at_hand(),
            sealed,
        }
        .check(signatures);
        let (outcome, hold) = match found {
            Ok(found) => found,
            Err(code) => {
                self.report.carried_failure = Some(code);
                return Err(Failed(C::Carried));
            }
        };
        match outcome {
            Outcome::Holds if !hold.is_empty() => {
                self.report
                    .note_as(C::Carried, outcome, sentence::CARRIED_HOLD);
            }
            _ => self.report.note(C::Carried, outcome),
        }
        self.report.carried = hold;
        Ok(())
    }

    /// The body, beside the pack or inside.
    fn body_at_hand(&self) -> Option<&[u8]> {
        let inside = match &self.pack.shown {
            Shown::Whole(whole) => whole.bytes.as_ref().map(|bytes| bytes.as_slice()),
            Shown::Pieces(_) => None,
        };
        self.body.or(inside)
    }

    fn signature(
        &self,
        signature: &DoctorSignature,
        seal: &Seal,
        sealed: &SealedAt,
    ) -> Option<Signed> {
        let proof = &self
            .pack
            .staff
            .iter()
            .find(|one| one.key == signature.key)?
            .proof;
        let key = StateKey::staff(self.suite, &signature.key);
        let entry: StaffEntry = proof.verify(self.chain, &key).ok()??;
        // An older state does not know what ended the key before the seal.
        (proof.checkpoint.header.log_size > sealed.position).then_some(())?;
        let staff = entry.staff_key(self.suite, sealed.position).ok()?;
        signature
            .verify(&staff.key, &self.pack.genesis, &self.pack.content)
            .ok()?;
        staff.counts(signature, &seal.member, sealed).ok()?;
        let hardware = signature.custody == Custody::HardwareToken;
        Some(Signed {
            key: signature.key,
            role: entry.role,
            time: signature.time,
            hardware,
        })
    }

    fn status(&mut self, seal: &Seal, record: &RecordId) -> Checked<()> {
        let key = StateKey::record(self.suite, &seal.member, record);
        let entry: Option<RecordEntry> = entry(&self.pack.status, self.chain, &key, C::Status)?;
        self.report.standing = Some(match entry {
            None => Standing::InForce,
            Some(RecordEntry::Replaced { by, .. }) => Standing::Replaced { by },
            Some(RecordEntry::Withdrawn { .. }) => Standing::Withdrawn,
        });
        self.report.standing_as_of = Some(self.pack.status.checkpoint.header.time);
        // An older state than the seal's own says nothing about the sealed record.
        let (own, seal) = (&self.pack.status.checkpoint, &self.pack.receipt.checkpoint);
        must(own.header.height >= seal.header.height, C::Status)?;
        self.holds(C::Status);
        Ok(())
    }
}

fn entry<T>(proof: &EntryProof, chain: &Chain, key: &StateKey, check: C) -> Checked<Option<T>>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    proof.verify(chain, key).or_fail(check)
}
