//! The command line's words, as `cli.md`'s contract fixes them. What each means is told in both
//! languages by `messages/help.json`; `help.rs` joins the two.

use clap::{Args, Parser, Subcommand, ValueEnum};
use medfolder_share::rules::passcode::passcode_fits;
use std::path::PathBuf;
use std::str::FromStr;

/// `medfolder`
#[derive(Parser, Debug)]
#[command(name = "medfolder", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Lang>,
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    #[arg(long, global = true, hide = true)]
    pub(crate) exit_with_stdin: bool,
}

/// A language of messages.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    Zh,
    En,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Demo(Demo),
    Node(Service),
    #[command(subcommand)]
    Gateway(Gateway),
    Signer(Service),
    #[command(subcommand)]
    Desk(Desk),
    #[command(subcommand)]
    Member(Member),
    Folder(Folder),
    Open(Open),
    Verify {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
    #[command(subcommand)]
    Policy(Policy),
    Trace {
        file: PathBuf,
    },
    Bench {
        names: Vec<String>,
        #[arg(long)]
        small: bool,
    },
}

/// `medfolder demo`
#[derive(Args, Debug, Clone)]
pub(crate) struct Demo {
    #[arg(long, conflicts_with = "serve")]
    pub(crate) headless: bool,
    #[arg(long)]
    pub(crate) serve: bool,
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[arg(long, value_parser = port)]
    pub(crate) port: Option<u16>,
    #[arg(long, value_enum, default_value = "embedded")]
    pub(crate) engine: Engine,
    #[arg(long, default_value = "international", value_parser = ["international", "national"])]
    pub(crate) suite: String,
}

/// A ledger engine.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Embedded,
    Bft,
}

/// A service with a configuration file.
#[derive(Args, Debug)]
pub(crate) struct Service {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `medfolder gateway`
#[derive(Subcommand, Debug)]
pub(crate) enum Gateway {
    Inner(Service),
    Edge(Service),
}

/// `medfolder desk`
#[derive(Subcommand, Debug)]
pub(crate) enum Desk {
    Code {
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[arg(long)]
        patient: String,
        #[arg(long, value_name = "FILE")]
        qr: Option<PathBuf>,
    },
    Confirm {
        code: String,
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[arg(long, value_name = "XXXXXXXX")]
        card_end: String,
    },
}

/// `medfolder member`
#[derive(Subcommand, Debug)]
pub(crate) enum Member {
    List {
        #[arg(long)]
        ledger: String,
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
    },
    Propose(Later),
    Vote(Later),
    Remove(Later),
}

/// Words of a command that a later version brings.
#[derive(Args, Debug)]
pub(crate) struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub(crate) words: Vec<String>,
}

/// `medfolder policy`
#[derive(Subcommand, Debug)]
pub(crate) enum Policy {
    Explain {
        member: String,
        action: String,
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// `medfolder folder`
#[derive(Args, Debug)]
pub(crate) struct Folder {
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) folder: Option<String>,
    #[command(subcommand)]
    pub(crate) command: FolderCommand,
}

/// `medfolder folder …`
#[derive(Subcommand, Debug)]
pub(crate) enum FolderCommand {
    Create(Trust),
    Restore(Trust),
    Link {
        #[arg(value_name = "LINK|CODE")]
        code: String,
        #[arg(long)]
        member: Option<String>,
    },
    Sync {
        #[arg(long, value_name = "URL")]
        ledger: Vec<String>,
    },
    Cards,
    List(List),
    Search {
        #[arg(required = true, num_args = 1..)]
        text: Vec<String>,
        #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = count::<usize>, allow_negative_numbers = true)]
        limit: usize,
    },
    Show {
        record: String,
        #[arg(long)]
        fhir: bool,
        #[arg(long, conflicts_with = "fhir")]
        evidence: bool,
        #[arg(long, value_name = "NUMBER|NAME", conflicts_with_all = ["fhir", "evidence"])]
        attachment: Option<String>,
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    Share(Share),
    Shares,
    Revoke {
        share: String,
    },
    Shorten {
        share: String,
        #[arg(long = "for", value_name = "TIME", value_parser = window, allow_hyphen_values = true)]
        duration: u64,
    },
    Extend {
        share: String,
        #[arg(long = "for", value_name = "TIME", value_parser = window, allow_hyphen_values = true)]
        duration: u64,
    },
    AccessLog,
    Export {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    Backup {
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Which consortium a folder trusts.
#[derive(Args, Debug)]
pub(crate) struct Trust {
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: PathBuf,
    #[arg(long, required = true, value_name = "URL")]
    pub(crate) ledger: Vec<String>,
    #[arg(long)]
    pub(crate) key_store: bool,
}

/// A number of things that are wanted.
fn count<N: FromStr + Default + PartialEq>(text: &str) -> Result<N, &'static str> {
    let number = text.parse().ok();
    number
        .filter(|number| *number != N::default())
        .ok_or("usage.count")
}

/// How long a share may last.
fn window(text: &str) -> Result<u64, &'static str> {
    let duration = crate::time::duration(text)?;
    match duration > medfolder_folder::share::MAX_DURATION {
        true => Err("share.too_long"),
        false => Ok(duration),
    }
}

fn passcode(text: &str) -> Result<String, &'static str> {
    match passcode_fits(text) {
        true => Ok(text.to_owned()),
        false => Err("passcode.length"),
    }
}

fn label(text: &str) -> Result<String, &'static str> {
    let fits = medfolder_share::link::label_fits(text);
    fits.map(|()| text.to_owned()).map_err(|error| error.code())
}

fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "usage.port")
}

/// Filters of `folder list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[arg(long, value_name = "HOSPITAL")]
    pub(crate) hospital: Option<String>,
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    #[arg(long, value_name = "DAY", value_parser = crate::time::day)]
    pub(crate) from: Option<chrono::NaiveDate>,
    #[arg(long, value_name = "DAY", value_parser = crate::time::day)]
    pub(crate) to: Option<chrono::NaiveDate>,
    #[arg(long, value_name = "NUMBER", value_parser = count::<usize>, allow_negative_numbers = true)]
    pub(crate) limit: Option<usize>,
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// `medfolder folder share`
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
#[command(group = clap::ArgGroup::new("code"))]
pub(crate) struct Share {
    #[arg(long, group = "what", value_delimiter = ',', num_args = 1.., value_name = "RECORDS")]
    pub(crate) records: Vec<String>,
    #[arg(long, group = "what", value_name = "VISIT")]
    pub(crate) visit: Option<String>,
    #[arg(long, group = "what")]
    pub(crate) all: bool,
    #[arg(long, group = "code", value_name = "PHONE")]
    pub(crate) to_phone: Option<String>,
    #[arg(long, group = "code", value_name = "PASSCODE", value_parser = passcode)]
    pub(crate) passcode: Option<String>,
    #[arg(long, group = "code")]
    pub(crate) no_code: bool,
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = window, allow_hyphen_values = true)]
    pub(crate) duration: u64,
    #[arg(long, value_name = "NUMBER", value_parser = count::<u32>, allow_negative_numbers = true)]
    pub(crate) openings: Option<u32>,
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(crate) label: Option<String>,
    #[arg(long)]
    pub(crate) mask: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) qr: Option<PathBuf>,
}

/// `medfolder open`
#[derive(Args, Debug)]
pub(crate) struct Open {
    pub(crate) link: String,
    #[arg(long, value_name = "PASSCODE")]
    pub(crate) passcode: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(crate) recipient: Option<String>,
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
}
