//! Tampering at the edges, seen by a second device of the owner.

use super::Finding;
use super::edge_store::{EdgeStore, Stored};
use crate::commands::folder::sync::whole;
use crate::demo::stage::{Safe, Stage};
use crate::demo::steps::broken;
use crate::error::CliError;
use medfolder_crypto::words::WordList;
use medfolder_folder::Trust;
use medfolder_folder::records::{Filter, Listed};
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
pub(crate) async fn run(stage: &Stage, owner: usize) -> Result<Vec<Finding>, CliError> {
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
    let trials = tamper(stage, &listed)?;
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
    let report = whole(&second, &stage.clock, &|_| ()).await?;
    let mut findings: Vec<Finding> = trials
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
    findings.retain(|finding| !finding.what.is_empty());
    Ok(findings)
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

/// Tampers with records of the hospital that has most of them, each trial with records of a seal
/// of its own.
fn tamper(stage: &Stage, listed: &[Listed]) -> Result<Vec<Trial>, CliError> {
    let mut trials = Vec::new();
    for hospital in &stage.world.hospitals {
        let store = EdgeStore::open(hospital)?;
        let mut stored = Vec::new();
        for record in listed
            .iter()
            .filter(|record| record.hospital == hospital.member)
        {
            stored.extend(store.find(&record.record)?);
        }
        if trials.is_empty() && stored.len() > 6 {
            trials = at_one(&store, stored)?;
        }
    }
    Ok(trials)
}

fn at_one(store: &EdgeStore, mut stored: Vec<Stored>) -> Result<Vec<Trial>, CliError> {
    let mut trials = Vec::new();
    for at in 0..stored.len() {
        let Some(record) = stored.get(at) else { break };
        if store.change_attachment(record)? {
            let names = &["record.attachment_blob", "record.attachment"];
            trials.push(Trial {
                what: "attachment changed",
                hurt: vec![record.record],
                names,
            });
            stored.remove(at);
            break;
        }
    }
    let whole_seals = |stored: &mut Vec<Stored>| {
        let seal = stored.first().map(|record| record.seal.clone())?;
        let (taken, rest) = stored.drain(..).partition(|record| record.seal == seal);
        *stored = rest;
        Some(taken)
    };
    let mut next = || -> Option<Vec<Stored>> { whole_seals(&mut stored) };
    let (Some(a), Some(b), Some(c), Some(d)) = (next(), next(), next(), next()) else {
        return Ok(trials);
    };
    let ids = |seal: &[Stored]| seal.iter().map(|record| record.record).collect::<Vec<_>>();
    if let [first, ..] = a.as_slice() {
        store.change_envelope(first)?;
        let names = &["record.sealed_content", "record.envelope", "record.leaf"];
        trials.push(Trial {
            what: "record changed",
            hurt: vec![first.record],
            names,
        });
    }
    if let ([.., last], [first, ..]) = (b.as_slice(), c.as_slice()) {
        store.swap_envelopes(last, first)?;
        let names = &["record.leaf"];
        let hurt = vec![last.record, first.record];
        trials.push(Trial {
            what: "two records swapped",
            hurt,
            names,
        });
    }
    if let [first, ..] = d.as_slice() {
        store.delete_envelope(first)?;
        let names = &["zone.missing"];
        trials.push(Trial {
            what: "record deleted",
            hurt: vec![first.record],
            names,
        });
    }
    let names = &["record.slot"];
    if let (Some(e), Some(f)) = (next(), next())
        && let ([first, ..], [other, ..]) = (e.as_slice(), f.as_slice())
    {
        store.change_slot(first)?;
        trials.push(Trial {
            what: "key slot changed",
            hurt: ids(&e),
            names,
        });
        store.swap_slot(other, first)?;
        trials.push(Trial {
            what: "key slot of another visit",
            hurt: ids(&f),
            names,
        });
    }
    Ok(trials)
}
