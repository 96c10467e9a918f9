//! The consortium's access rules, in words.

use super::folder::vault::Place;
use crate::args::Lang;
use crate::error::CliError;
use crate::output::Output;
use medfolder_ledger::Chain;
use medfolder_ledger::member::{Member, Standing};
use medfolder_ledger::policy::{self, Action, Decision, Party};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Reads a genesis file.
pub(crate) fn genesis(path: &Path) -> Result<Chain, CliError> {
    let bytes = std::fs::read(path)
        .map_err(|error| CliError::new("genesis.file", format!("{}: {error}", path.display())))?;
    Chain::from_bytes(&bytes).map_err(|error| CliError::new(error.code(), &error))
}

/// `medfolder policy explain MEMBER ACTION`: a member is one of `--genesis`, or of a consortium that
/// a folder of this device trusts.
pub(crate) fn explain(
    member: &str,
    action: &str,
    genesis_file: Option<&Path>,
    data_dir: Option<PathBuf>,
    output: Output,
) -> Result<(), CliError> {
    let unknown = |error: policy::UnknownName, known: Vec<&str>| {
        CliError::new(error.code(), known.join(output.say("、", "|")))
    };
    let actions = || Action::ALL.iter().map(|action| action.as_str()).collect();
    let roles = || Party::ALL.iter().map(|party| party.as_str()).collect();
    let action: Action = action.parse().map_err(|error| unknown(error, actions()))?;
    let (party, standing) = match member.parse::<Party>() {
        Ok(party) => (party, Standing::Good),
        Err(error) => {
            let chains = match genesis_file {
                Some(path) => vec![genesis(path)?],
                None => Place::new(data_dir, None)?.consortia().unwrap_or_default(),
            };
            if chains.is_empty() {
                return Err(unknown(error, roles()));
            }
            let found = chains.iter().find_map(|chain| find(chain, member));
            let found = found.ok_or_else(|| CliError::new("member.unknown", ""))?;
            (Party::Member(found.role), found.standing)
        }
    };
    let (decision, rule) = policy::explain(party, standing, action);
    let sentence = match output.lang {
        Lang::Zh => rule.zh,
        Lang::En => rule.en,
    };
    let line = json!({
        "party": party.as_str(), "action": action, "decision": decision, "rule": sentence,
        "while_suspended": rule.while_suspended(),
    });
    output.line(&line, || {
        format!(
            "{party} · {action} · {}\n{sentence}",
            word(output, decision)
        )
    });
    Ok(())
}

fn find<'a>(chain: &'a Chain, name: &str) -> Option<&'a Member> {
    chain
        .member_named(name)
        .or_else(|| chain.member(&name.parse().ok()?))
}

fn word(output: Output, decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => output.say("允许", "allowed"),
        Decision::Role => output.say("此角色不允许", "not for this role"),
        Decision::Suspended => output.say("成员被暂停期间不允许", "not while suspended"),
    }
}
