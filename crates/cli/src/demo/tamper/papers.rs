//! Tampering with what lies outside the edges' records: a share's file, a link, a vault, a genesis.

use super::Finding;
use super::edge_store::{EdgeStore, flipped};
use crate::demo::stage::{Safe, Stage};
use crate::demo::steps::broken;
use crate::demo::steps::open::read;
use crate::error::CliError;
use medfolder_folder::records::Filter;
use medfolder_folder::share::{Code, ShareOptions};
use medfolder_folder::{Trust, Unlock, Vault};
use std::fs;

const HOUR: u64 = 60 * 60 * 1_000;

/// Tries each.
pub(crate) async fn run(stage: &Stage, owner: usize) -> Result<Vec<Finding>, CliError> {
    let mut findings = share(stage, owner).await?;
    findings.push(vault(stage)?);
    findings.push(genesis(stage, owner).await?);
    Ok(findings)
}

/// A share whose link is cut or mistyped, and whose ciphertext its host changes.
async fn share(stage: &Stage, owner: usize) -> Result<Vec<Finding>, CliError> {
    let owner = stage
        .owners
        .get(owner)
        .ok_or_else(|| broken("tamper", "nobody"))?;
    let folder = stage.folder(owner)?;
    let one = folder
        .list(&Filter {
            limit: 1,
            ..Filter::default()
        })?
        .records;
    let options = ShareOptions {
        records: one.iter().map(|record| record.record).collect(),
        code: Code::None,
        duration: HOUR,
        openings: None,
        label: None,
    };
    let made = folder.share(&options, &stage.clock).await?;
    let directory = &stage.world.directory;
    let cut = made
        .link
        .get(..made.link.len().saturating_sub(8))
        .unwrap_or_default();
    let cut = read(directory, cut, None).await?;
    let host = folder
        .find_share(&made.grant.to_string(), stage.clock.now())?
        .host;
    let hospital = stage
        .world
        .hospitals
        .iter()
        .find(|hospital| hospital.member == host);
    let hospital = hospital.ok_or_else(|| broken("tamper", "no host"))?;
    EdgeStore::open(hospital)?.change_share_file(made.grant.as_bytes())?;
    let changed = read(directory, &made.link, None).await?;
    let code = |line: &serde_json::Value| line.as_str().map(str::to_owned);
    Ok(vec![
        Finding {
            what: "link cut short",
            caught_by: code(&cut.line["error"]["code"]),
        },
        Finding {
            what: "shared file changed",
            caught_by: code(&changed.line["error"]["code"]),
        },
    ])
}

/// A vault whose database was changed on the disk.
fn vault(stage: &Stage) -> Result<Finding, CliError> {
    let failed = |error| broken("tamper", error);
    let directory = stage.world.directory.join("folders/changed-on-disk");
    let safe = Safe::new(directory.clone())?;
    let passphrase = safe.passphrase.clone();
    drop(safe);
    let file = directory.join("vault.db");
    let bytes = fs::read(&file).map_err(failed)?;
    // The first page; every page carries a check of its own and is checked when it is read.
    let (page, rest) = bytes.split_at(4_096.min(bytes.len()));
    let changed = [flipped(page.to_vec()), rest.to_vec()].concat();
    fs::write(&file, changed).map_err(failed)?;
    let opened = Vault::open(&directory, &Unlock::Passphrase(&passphrase));
    let caught_by = opened.and_then(|vault| vault.folder_names()).err();
    Ok(Finding {
        what: "vault changed on disk",
        caught_by: caught_by.map(|error| error.code().to_owned()),
    })
}

/// A genesis whose first bit was changed is none, and one of another consortium's takes no link of
/// a front desk here.
async fn genesis(stage: &Stage, owner: usize) -> Result<Finding, CliError> {
    let safe = Safe::new(stage.world.directory.join("folders/other-genesis"))?;
    let mut genesis = stage.world.chain.to_bytes();
    if let Some(first) = genesis.first_mut() {
        *first ^= 1;
    }
    let ledger = [stage.world.ledger.clone()];
    let trust = Trust {
        genesis: &genesis,
        ledger: &ledger,
    };
    let caught_by = match safe
        .vault()
        .create_folder("folder", &trust, stage.clock.now())
    {
        Err(error) => Some(error.code().to_owned()),
        Ok(folder) => {
            let link = desk_link(stage, owner).await?;
            let read = folder.read_invitation(&link, None);
            read.err().map(|error| error.code().to_owned())
        }
    };
    Ok(Finding {
        what: "genesis changed",
        caught_by,
    })
}

/// A fresh link of the front desk at one of the owner's hospitals.
async fn desk_link(stage: &Stage, owner: usize) -> Result<String, CliError> {
    let owner = stage
        .owners
        .get(owner)
        .ok_or_else(|| broken("tamper", "nobody"))?;
    let first = owner.person.numbers.iter().next();
    let (hospital, number) = first.ok_or_else(|| broken("tamper", "no patient number"))?;
    let desk = stage
        .controls
        .get(*hospital)
        .ok_or_else(|| broken("tamper", "no hospital"))?;
    Ok(desk.code(number).await?.link)
}
