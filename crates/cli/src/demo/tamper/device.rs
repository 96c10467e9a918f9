//! Tampering at the edges, seen by a second device of the owner.

use super::edge_store::{EdgeStore, Stored};
use super::{Finding, Untried};
use crate::commands::folder::sync::whole;
use crate::demo::stage::{Safe, Stage};
use crate::demo::steps::broken;
use crate::error::CliError;
use medfolder_crypto::words::WordList;
use medfolder_folder::Trust;
use medfolder_folder::records::{Filter, Listed};
use medfolder_folder::sync::Cancel;
use medfolder_folder::sync::Failure;
use medfolder_record::RecordId;
use std::collections::BTreeSet;

/// A tampering and the records that it hurts.
struct Trial {
    what: &'static str,
    hurt: Vec<RecordId>,
    names: &'static [&'static str],
}

/// Tampers, restores the folder elsewhere, and looks which checks failed.
pub(crate) async fn run(
    stage: &Stage,
    owner: usize,
) -> Result<(Vec<Finding>, Vec<Untried>), CliError> {
    let owner = stage
        .owners
        .get(owner)
        .ok_or_else(|| broken("tamper", "nobody"))?;
    let folder = stage.folder(owner)?;
    let listed = folder
        .list(&Filter {
            all_versions: true,
            ..Filter::default()
        })?
        .records;
    let (trials, untried) = tamper(stage, &listed)?;
    let safe = Safe::new(stage.world.directory.join("folders/second-device"))?;
    let words = folder.recovery_words(WordList::English)?.join(" ");
    let genesis = stage.world.chain.to_bytes();
    let ledger = [stage.world.ledger.clone()];
    let trust = Trust {
        genesis: &genesis,
        ledger: &ledger,
    };
    let name = &owner.person.name;
    let second = safe
        .vault()
        .restore_folder(name, &words, &trust, stage.clock.now())?;
    let report = whole(&second, &stage.clock, &|_| (), &Cancel::default()).await?;
    let findings: Vec<Finding> = trials
        .iter()
        .map(|trial| finding(trial, &report.failed))
        .collect();
    let hurt: BTreeSet<RecordId> = trials.iter().flat_map(|t| t.hurt.iter().copied()).collect();
    let all_else = listed.len() - hurt.len();
    if report.verified < all_else || report.failed.iter().any(|f| !hurt.contains(&f.record)) {
        return Err(broken(
            "tamper",
            format!("{:?} of {} failed", report.failed, listed.len()),
        ));
    }
    Ok((findings, untried))
}

/// Every record that was hurt must have failed, under one of the trial's names.
fn finding(trial: &Trial, failed: &[Failure]) -> Finding {
    let named = |record: &RecordId| {
        let failure = failed.iter().find(|failure| failure.record == *record)?;
        trial
            .names
            .contains(&failure.check.as_str())
            .then(|| failure.check.clone())
    };
    let caught: Option<Vec<String>> = trial.hurt.iter().map(named).collect();
    Finding {
        what: trial.what,
        caught_by: caught.and_then(|names| names.into_iter().next()),
    }
}

/// The owner's records at one edge, seal by seal.
struct Shelf {
    store: EdgeStore,
    seals: Vec<Vec<Stored>>,
}

/// Why a tampering was not tried, in the demonstration's own words.
const NO_ATTACHMENT: &str = "no_attachment";
const FEW_VISITS: &str = "few_visits";

/// Tampers with the owner's records, each trial with records of seals of its own; what cannot be
/// tried with what there is, is named.
fn tamper(stage: &Stage, listed: &[Listed]) -> Result<(Vec<Trial>, Vec<Untried>), CliError> {
    let mut shelves = Vec::new();
    for hospital in &stage.world.hospitals {
        let store = EdgeStore::open(hospital)?;
        let here = listed
            .iter()
            .filter(|record| record.hospital == hospital.member);
        let mut seals: Vec<Vec<Stored>> = Vec::new();
        for record in here {
            if let Some(stored) = store.find(&record.record)? {
                match seals
                    .iter_mut()
                    .find(|seal| seal.iter().any(|one| one.seal == stored.seal))
                {
                    Some(seal) => seal.push(stored),
                    None => seals.push(vec![stored]),
                }
            }
        }
        shelves.push(Shelf { store, seals });
    }
    let kinds: [(&'static str, Try, &'static str); 6] = [
        ("attachment changed", change_attachment, NO_ATTACHMENT),
        ("record changed", change_record, FEW_VISITS),
        ("two records swapped", swap_records, FEW_VISITS),
        ("record deleted", delete_record, FEW_VISITS),
        ("key slot changed", change_slot, FEW_VISITS),
        ("key slot of another visit", swap_slots, FEW_VISITS),
    ];
    let (mut trials, mut untried) = (Vec::new(), Vec::new());
    for (what, attempt, why) in kinds {
        let mut hurt = None;
        for shelf in &mut shelves {
            if hurt.is_none() {
                hurt = attempt(shelf)?;
            }
        }
        match hurt {
            Some((hurt, names)) => trials.push(Trial { what, hurt, names }),
            None => untried.push(Untried { what, why }),
        }
    }
    Ok((trials, untried))
}

/// Which records it hurt and the codes that may name it; nothing when there is nothing to hurt.
type Hurt = Option<(Vec<RecordId>, &'static [&'static str])>;
type Try = fn(&mut Shelf) -> Result<Hurt, CliError>;

impl Shelf {
    /// So many seals that no other trial touches.
    fn take<const N: usize>(&mut self) -> Option<[Vec<Stored>; N]> {
        let rest = self.seals.split_off(N.min(self.seals.len()));
        let taken = std::mem::replace(&mut self.seals, rest);
        taken.try_into().map_err(|few| self.seals = few).ok()
    }
}

fn ids(seal: &[Stored]) -> Vec<RecordId> {
    seal.iter().map(|record| record.record).collect()
}

fn change_attachment(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    for at in 0..shelf.seals.len() {
        for record in shelf.seals.get(at).into_iter().flatten() {
            if shelf.store.change_attachment(record)? {
                let hurt = vec![record.record];
                shelf.seals.remove(at);
                return Ok(Some((hurt, &["record.attachment_blob"])));
            }
        }
    }
    Ok(None)
}

fn change_record(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    let Some([seal]) = shelf.take() else {
        return Ok(None);
    };
    let first = seal
        .first()
        .ok_or_else(|| broken("tamper", "an empty seal"))?;
    shelf.store.change_envelope(first)?;
    Ok(Some((vec![first.record], &["record.sealed_content"])))
}

fn swap_records(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    let Some([one, other]) = shelf.take() else {
        return Ok(None);
    };
    let (Some(one), Some(other)) = (one.last(), other.first()) else {
        return Ok(None);
    };
    shelf.store.swap_envelopes(one, other)?;
    Ok(Some((vec![one.record, other.record], &["record.leaf"])))
}

fn delete_record(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    let Some([seal]) = shelf.take() else {
        return Ok(None);
    };
    let first = seal
        .first()
        .ok_or_else(|| broken("tamper", "an empty seal"))?;
    shelf.store.delete_envelope(first)?;
    Ok(Some((vec![first.record], &["zone.missing"])))
}

fn change_slot(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    let Some([seal]) = shelf.take() else {
        return Ok(None);
    };
    let first = seal
        .first()
        .ok_or_else(|| broken("tamper", "an empty seal"))?;
    shelf.store.change_slot(first)?;
    Ok(Some((ids(&seal), &["record.slot"])))
}

fn swap_slots(shelf: &mut Shelf) -> Result<Hurt, CliError> {
    let Some([seal, other]) = shelf.take() else {
        return Ok(None);
    };
    let (Some(first), Some(strange)) = (seal.first(), other.first()) else {
        return Ok(None);
    };
    shelf.store.swap_slot(first, strange)?;
    Ok(Some((ids(&seal), &["record.slot"])))
}
