//! The command line's words, as `cli.md`'s contract fixes them.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Hold, verify and lend your own medical records.
#[derive(Parser, Debug)]
#[command(
    name = "medfolder",
    version,
    about,
    max_term_width = 100,
    after_help = "\
Examples:
  medfolder demo --headless                     tell the whole story on this machine
  medfolder folder create --genesis genesis.cbor --ledger https://node.example
  medfolder folder search 青霉素过敏
  medfolder open 'shlink:/…' --passcode 493817

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 verification failed."
)]
pub(crate) struct Cli {
    /// What is common to all commands.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct Global {
    /// One JSON object per line on standard output, and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where vault and settings lie (default: the platform's data folder).
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Language of messages (default: the locale).
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Lang>,
    /// No progress and no log on standard error.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Stop when standard input closes: how a service notices that whoever started it is gone.
    #[arg(long, global = true, hide = true)]
    pub(crate) exit_with_stdin: bool,
}

/// A language of messages.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    /// 中文
    Zh,
    /// English
    En,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Start hospitals, a ledger and a family on this machine, and tell the story.
    Demo(Demo),
    /// Run a ledger node.
    Node(Service),
    /// Run a part of a hospital's gateway.
    #[command(subcommand)]
    Gateway(Gateway),
    /// Run a doctor's signer.
    Signer(Service),
    /// A hospital's front desk: codes that link a patient's card.
    #[command(subcommand)]
    Desk(Desk),
    /// Consortium members.
    #[command(subcommand)]
    Member(Member),
    /// A patient's folder.
    Folder(Folder),
    /// Open a SMART Health Link, ours or anyone's.
    Open(Open),
    /// Check an evidence file offline and say what it proves.
    Verify {
        /// The evidence file.
        file: PathBuf,
        /// The genesis to trust (default: the one inside the file, and the result says so).
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
    /// The consortium's access rules.
    #[command(subcommand)]
    Policy(Policy),
    /// The access that a leaked copy came from (not available yet).
    Trace {
        /// The leaked copy.
        file: PathBuf,
    },
    /// Measure, as ratios against a peer in the same run.
    Bench {
        /// Which figures, by name or by what their names begin with (default: all).
        names: Vec<String>,
        /// A few records only: that everything works, not how fast.
        #[arg(long)]
        small: bool,
    },
}

/// `medfolder demo`
#[derive(Args, Debug, Clone)]
pub(crate) struct Demo {
    /// Tell the story in the terminal and stop.
    #[arg(long, conflicts_with = "serve")]
    pub(crate) headless: bool,
    /// Keep everything running until stopped.
    #[arg(long)]
    pub(crate) serve: bool,
    /// Any FHIR R4 JSON files, at any depth (default: the sample family).
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// First port of the services (default: free ports).
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// The ledger's engine.
    #[arg(long, value_enum, default_value = "embedded")]
    pub(crate) engine: Engine,
    /// The consortium's cryptography.
    #[arg(long, default_value = "international", value_parser = ["international", "national"])]
    pub(crate) suite: String,
}

/// A ledger engine.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// One process, one key.
    Embedded,
    /// Byzantine fault tolerant, run by members together.
    Bft,
}

/// A service with a configuration file.
#[derive(Args, Debug)]
pub(crate) struct Service {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `medfolder gateway`
#[derive(Subcommand, Debug)]
pub(crate) enum Gateway {
    /// The inner zone: hospital systems, signing, sealing.
    Inner(Service),
    /// The edge: exchange zone and share host, ciphertext only.
    Edge(Service),
}

/// `medfolder desk`
#[derive(Subcommand, Debug)]
pub(crate) enum Desk {
    /// Make a linking code for a patient, one use, ten minutes.
    Code {
        /// The hospital's inner configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The hospital's own patient number.
        #[arg(long)]
        patient: String,
    },
    /// Confirm that the card on the patient's screen is the one that claims the code.
    Confirm {
        /// The code.
        code: String,
        /// The hospital's inner configuration.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Last eight characters of the card number on the patient's screen.
        #[arg(long, value_name = "XXXXXXXX")]
        card_end: String,
    },
}

/// `medfolder member`
#[derive(Subcommand, Debug)]
pub(crate) enum Member {
    /// The consortium's members.
    List {
        /// A node's address.
        #[arg(long)]
        ledger: String,
        /// The genesis to trust.
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
    },
    /// Propose a member (comes with the consortium's own version).
    Propose(Later),
    /// Vote on a proposal (comes with the consortium's own version).
    Vote(Later),
    /// Remove a member (comes with the consortium's own version).
    Remove(Later),
}

/// Words of a command that a later version brings.
#[derive(Args, Debug)]
pub(crate) struct Later {
    /// Whatever follows.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub(crate) words: Vec<String>,
}

/// `medfolder policy`
#[derive(Subcommand, Debug)]
pub(crate) enum Policy {
    /// The rule that allows or denies a member an action.
    Explain {
        /// Member id or name, or a role such as hospital, staff or card.
        member: String,
        /// The action, such as record.seal.
        action: String,
        /// The genesis that lists the members (needed when MEMBER is a member, not a role).
        #[arg(long, value_name = "FILE")]
        genesis: Option<PathBuf>,
    },
}

/// `medfolder folder`
#[derive(Args, Debug)]
#[command(
    after_help = "The passphrase is read from MEDFOLDER_PASSPHRASE or asked for; a vault whose key \
                  lies in this computer's key store needs none."
)]
pub(crate) struct Folder {
    /// Which folder, where the vault holds several.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) folder: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: FolderCommand,
}

/// `medfolder folder …`
#[derive(Subcommand, Debug)]
pub(crate) enum FolderCommand {
    /// Make a folder; prints its 24 recovery words once.
    Create(Trust),
    /// Bring a folder back from its 24 words (asked for, or from standard input).
    Restore(Trust),
    /// Link a hospital's card with the code from its front desk.
    Link {
        /// The link from the QR, or the 16 characters.
        code: String,
        /// The hospital's name or a part of it, with a typed code.
        #[arg(long)]
        member: Option<String>,
    },
    /// Fetch what the ledger says is yours; verify and decrypt it here.
    Sync {
        /// The ledger is reached there from now on; give it again for more nodes.
        #[arg(long, value_name = "URL")]
        ledger: Vec<String>,
    },
    /// List records, newest first.
    List(List),
    /// Search in all records, offline.
    Search {
        /// Words, Chinese or English, or codes.
        #[arg(required = true, num_args = 1..)]
        text: Vec<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = at_least_one)]
        limit: usize,
    },
    /// Show a record and what was checked.
    Show {
        /// The record.
        record: String,
        /// The FHIR document as it was signed.
        #[arg(long)]
        fhir: bool,
        /// An evidence pack that verifies offline.
        #[arg(long, conflicts_with = "fhir")]
        evidence: bool,
        /// Write there instead of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Share records for a limited time.
    Share(Share),
    /// Shares with their state.
    Shares,
    /// End a share now.
    Revoke {
        /// The share.
        share: String,
    },
    /// Let a share end earlier.
    Shorten {
        /// The share.
        share: String,
        /// From now on, such as 30m, 2h, 7d.
        #[arg(long = "for", value_name = "T", value_parser = crate::time::duration)]
        duration: u64,
    },
    /// Let a share end later.
    Extend {
        /// The share.
        share: String,
        /// From now on, such as 30m, 2h, 7d.
        #[arg(long = "for", value_name = "T", value_parser = crate::time::duration)]
        duration: u64,
    },
    /// Who looked: every access that hospitals reported.
    AccessLog,
    /// All records and attachments, readable, in one ZIP file.
    Export {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// An encrypted backup of the folder.
    Backup {
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Which consortium a folder trusts.
#[derive(Args, Debug)]
pub(crate) struct Trust {
    /// The genesis file to trust, and no other.
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: PathBuf,
    /// A node's address; give it again for more nodes.
    #[arg(long, required = true, value_name = "URL")]
    pub(crate) ledger: Vec<String>,
    /// Keep a new vault's key in this computer's key store instead of under a passphrase.
    #[arg(long)]
    pub(crate) key_store: bool,
}

/// A number of things that are wanted.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a number, 1 or more".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Filters of `folder list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Records of this hospital: its name or a part of it.
    #[arg(long, value_name = "H")]
    pub(crate) hospital: Option<String>,
    /// Records of this kind: a LOINC code or a name such as lab-report or 检验报告.
    #[arg(long, value_name = "LOINC|NAME")]
    pub(crate) kind: Option<String>,
    /// Not before this day.
    #[arg(long, value_name = "D")]
    pub(crate) from: Option<chrono::NaiveDate>,
    /// Not after this day.
    #[arg(long, value_name = "D")]
    pub(crate) to: Option<chrono::NaiveDate>,
    /// At most so many.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) limit: Option<usize>,
    /// Go on after the cursor that the page before ended with.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// `medfolder folder share`
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true))]
#[command(group = clap::ArgGroup::new("code"))]
pub(crate) struct Share {
    /// These records, separated by commas.
    #[arg(long, group = "what", value_delimiter = ',', value_name = "R")]
    pub(crate) records: Vec<String>,
    /// All records of a visit: its id or the beginning of it.
    #[arg(long, group = "what", value_name = "V")]
    pub(crate) visit: Option<String>,
    /// All records.
    #[arg(long, group = "what")]
    pub(crate) all: bool,
    /// The reader gets a code by SMS at this number.
    #[arg(long, group = "code", value_name = "N")]
    pub(crate) to_phone: Option<String>,
    /// The reader must say this passcode (default: six digits drawn now).
    #[arg(long, group = "code", value_name = "P")]
    pub(crate) passcode: Option<String>,
    /// No code: whoever has the link reads.
    #[arg(long, group = "code")]
    pub(crate) no_code: bool,
    /// How long, such as 30m, 2h, 7d; at most 90d.
    #[arg(long = "for", value_name = "T", default_value = "24h", value_parser = crate::time::duration)]
    pub(crate) duration: u64,
    /// How often it may be opened.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) openings: Option<u32>,
    /// A name for the share, at most 80 characters; readers see it.
    #[arg(long, value_name = "L")]
    pub(crate) label: Option<String>,
    /// Mask names and numbers.
    #[arg(long)]
    pub(crate) mask: bool,
    /// Write the link as a QR code (SVG).
    #[arg(long, value_name = "FILE")]
    pub(crate) qr: Option<PathBuf>,
}

/// `medfolder open`
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// The link: shlink:/…, or a viewer's address with it behind #.
    pub(crate) link: String,
    /// The passcode that the sender told.
    #[arg(long, value_name = "P")]
    pub(crate) passcode: Option<String>,
    /// Who is reading; the sender sees it.
    #[arg(long, default_value = "medfolder", value_name = "NAME")]
    pub(crate) recipient: String,
    /// Write the opened files there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The genesis to trust (default: the one that comes with each record, and the result says so).
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
}
