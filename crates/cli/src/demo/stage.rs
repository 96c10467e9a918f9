//! The stage that the story is told on: running services, delivered files, people with vaults.

use super::control::Control;
use super::narrate::sentence;
use super::plan::{self, Person, Plan};
use super::processes::Processes;
use super::steps::ingest;
use super::world::{self, HOSPITALS, Wishes, World};
use super::{deliver, sample};
use crate::args;
use crate::error::CliError;
use crate::output::Output;
use medfolder_client::clock::Clock;
use medfolder_crypto::{Secret32, Suite, os_rng};
use medfolder_folder::{Folder, Trust, Unlock, Vault};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Somebody with a folder in one of the vaults.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Who.
    pub(crate) person: Person,
    /// Which of the stage's vaults.
    pub(crate) vault: usize,
}

/// A vault as the demonstration made it.
#[derive(Debug)]
pub(crate) struct Safe {
    /// Where it lies.
    pub(crate) directory: PathBuf,
    /// What opens it.
    pub(crate) passphrase: String,
    vault: Vault,
}

/// Everything that the story needs.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Members, keys and configurations.
    pub(crate) world: World,
    /// What was read from the data directory.
    pub(crate) plan: Plan,
    /// The services.
    pub(crate) processes: Processes,
    /// Speaks with the inner zones.
    pub(crate) controls: Vec<Control>,
    /// Everybody with a folder, eldest first.
    pub(crate) owners: Vec<Owner>,
    /// Vaults; the sample family shares one.
    pub(crate) safes: Vec<Safe>,
    /// The time.
    pub(crate) clock: Clock,
    /// How this run speaks.
    pub(crate) output: Output,
    /// What is searched for; a word of the first record when nothing is named.
    pub(crate) searched: Option<String>,
    /// Begin of the demonstration.
    pub(crate) began: Instant,
}

impl Stage {
    /// Reads the data, makes a world, starts its services.
    pub(crate) async fn set(
        words: &args::Demo,
        directory: &Path,
        output: Output,
    ) -> Result<Self, CliError> {
        let began = Instant::now();
        let clock = Clock::system();
        let suite: Suite = words
            .suite
            .parse()
            .map_err(|_| CliError::new("demo.start", "unknown suite"))?;
        let data = match &words.data {
            Some(data) => data.clone(),
            None => {
                let data = directory.join("data");
                sample::unpack(&data)?;
                data
            }
        };
        output.progress(output.say("正在阅读病历文件 …", "Reading the files …"));
        let plan = plan::plan(&data, &HOSPITALS.map(str::to_owned))?;
        if plan.people.is_empty() {
            let line = ingest::nothing(&plan, began);
            output.line(&line, || sentence(&line, output));
            return Err(CliError::new("demo.no_patient", data.display()));
        }
        output.progress(output.say(
            "正在建立联盟：三家医院、一个账本节点，各有自己的进程和密钥 …",
            "Founding a consortium: three hospitals and a ledger node, each with processes and keys of its own …",
        ));
        let world = world::make(&Wishes {
            directory,
            suite,
            port: words.port,
            doctors: &plan.doctors,
            now: clock.now(),
        })?;
        let mut processes = Processes::new(&directory.join("logs"))?;
        let controls = start(&world, &mut processes).await?;
        let searched = match words.data {
            None => Some(sample::SEARCHED.to_owned()),
            Some(_) => None,
        };
        let (owners, safes) = people(&plan, words.data.is_none(), &world, &clock)?;
        Ok(Self {
            world,
            plan,
            processes,
            controls,
            owners,
            safes,
            clock,
            output,
            searched,
            began,
        })
    }

    /// The folder of one of the owners.
    pub(crate) fn folder(&self, owner: &Owner) -> Result<Folder<'_>, CliError> {
        let safe = self.safes.get(owner.vault);
        let safe = safe.ok_or_else(|| CliError::new("folder.unknown", &owner.person.name))?;
        Ok(safe.vault.folder(Some(&owner.person.name))?)
    }

    /// Puts every file into the watched folder of its hospital.
    pub(crate) fn deliver(&self) -> Result<(), CliError> {
        deliver::deliver(&self.plan, &self.world.hospitals)
    }

    /// Closes the vaults, so that other processes may open them.
    pub(crate) fn close_vaults(&mut self) -> Vec<(PathBuf, String)> {
        self.safes
            .drain(..)
            .map(|safe| (safe.directory, safe.passphrase))
            .collect()
    }
}

async fn start(world: &World, processes: &mut Processes) -> Result<Vec<Control>, CliError> {
    processes.start("node", &["node"], &world.node_config)?;
    processes.wait_for(&world.ledger).await?;
    for (number, hospital) in world.hospitals.iter().enumerate() {
        let name = |part: &str| format!("hospital-{}-{part}", number + 1);
        processes.start(
            &name("inner"),
            &["gateway", "inner"],
            &hospital.file("inner.json"),
        )?;
        processes.start(
            &name("edge"),
            &["gateway", "edge"],
            &hospital.file("edge.json"),
        )?;
    }
    let mut controls = Vec::new();
    for (number, hospital) in world.hospitals.iter().enumerate() {
        processes.wait_for(&hospital.inner).await?;
        processes.wait_for(&hospital.edge).await?;
        // The signer needs the token that its inner zone made when it started.
        let name = format!("hospital-{}-signer", number + 1);
        processes.start(&name, &["signer"], &hospital.file("signer.json"))?;
        controls.push(Control::new(hospital)?);
    }
    Ok(controls)
}

/// A folder for everybody: the sample family in one vault, strangers in vaults of their own.
fn people(
    plan: &Plan,
    family: bool,
    world: &World,
    clock: &Clock,
) -> Result<(Vec<Owner>, Vec<Safe>), CliError> {
    let genesis = world.chain.to_bytes();
    let ledger = [world.ledger.clone()];
    let trust = Trust {
        genesis: &genesis,
        ledger: &ledger,
    };
    let names: Vec<String> = match family {
        true => vec!["family".to_owned()],
        false => (1..=plan.people.len())
            .map(|number| number.to_string())
            .collect(),
    };
    let safes = vaults(&world.directory.join("folders"), &names)?;
    let mut owners = Vec::new();
    for (number, person) in plan.people.iter().enumerate() {
        let vault = if family { 0 } else { number };
        if let Some(safe) = safes.get(vault) {
            safe.vault
                .create_folder(&person.name, &trust, clock.now())?;
        }
        owners.push(Owner {
            person: person.clone(),
            vault,
        });
    }
    Ok((owners, safes))
}

/// New vaults; making one takes a tenth of a second of memory-hard hashing, so every core makes
/// some.
fn vaults(folders: &Path, names: &[String]) -> Result<Vec<Safe>, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = names.len().div_ceil(cores).max(1);
    let make = |names: &[String]| -> Result<Vec<Safe>, CliError> {
        names
            .iter()
            .map(|name| Safe::new(folders.join(name)))
            .collect()
    };
    let made: Result<Vec<Vec<Safe>>, CliError> = std::thread::scope(|scope| {
        let makers: Vec<_> = names
            .chunks(share)
            .map(|names| scope.spawn(move || make(names)))
            .collect();
        let ended = |_| Err(CliError::new("demo.start", "a thread ended"));
        makers
            .into_iter()
            .map(|maker| maker.join().unwrap_or_else(ended))
            .collect()
    });
    Ok(made?.into_iter().flatten().collect())
}

impl Safe {
    /// A new vault with a random passphrase.
    pub(crate) fn new(directory: PathBuf) -> Result<Self, CliError> {
        let passphrase = hex::encode(Secret32::random(&mut os_rng()).expose());
        let passphrase = passphrase.get(..20).unwrap_or(&passphrase).to_owned();
        let vault = Vault::create(&directory, &Unlock::Passphrase(&passphrase))?;
        Ok(Self {
            directory,
            passphrase,
            vault,
        })
    }

    /// The vault.
    pub(crate) const fn vault(&self) -> &Vault {
        &self.vault
    }
}
