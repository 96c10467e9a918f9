//! The consortium's members, as the ledger holds them; each entry is proven against the genesis.

use super::policy::genesis;
use crate::args::Lang;
use crate::error::CliError;
use crate::output::{Output, padded, widest};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerClient, LedgerError, NodeAddress};
use medfolder_ledger::member::MemberRole;
use serde_json::json;
use std::path::Path;
use url::Url;

/// `medfolder member list`
pub(crate) async fn list(
    ledger: &str,
    genesis_file: &Path,
    output: Output,
) -> Result<(), CliError> {
    let failed = |error: LedgerError| match error.is_unproven() {
        true => CliError::verification(error.code().to_owned(), &error),
        false => CliError::new(error.code().to_owned(), &error),
    };
    let chain = genesis(genesis_file)?;
    let url = Url::parse(ledger).map_err(|error| CliError::new("ledger.address", error))?;
    let client = LedgerClient::new(chain, vec![NodeAddress::at(url)], None, Clock::system());
    let members = client.map_err(failed)?.members().await.map_err(failed)?;
    let columns = widest(members.iter().map(|(entry, _)| entry.member.name.as_str()));
    for (entry, proof) in members {
        let member = &entry.member;
        let line = json!({
            "member": member.id, "name": member.name, "role": member.role,
            "standing": member.standing, "node": member.endpoints.node,
            "edge": member.endpoints.edge, "voting": member.voting,
            "height": proof.checkpoint.header.height,
        });
        output.line(&line, || {
            let role = role(member.role, output);
            format!(
                "{}  {}  {}",
                padded(&member.name, columns),
                padded(role, 9),
                member.id
            )
        });
    }
    Ok(())
}

fn role(role: MemberRole, output: Output) -> &'static str {
    match (role, output.lang) {
        (MemberRole::Hospital, Lang::Zh) => "医院",
        (MemberRole::Insurer, Lang::Zh) => "保险机构",
        (MemberRole::Research, Lang::Zh) => "研究机构",
        (MemberRole::Regulator, Lang::Zh) => "监管机构",
        (MemberRole::Observer, Lang::Zh) => "观察节点",
        (role, Lang::En) => role.as_str(),
    }
}
