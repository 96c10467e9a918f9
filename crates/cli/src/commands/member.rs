//! The consortium's members, as the ledger holds them; each entry is proven against the genesis.

use super::policy::genesis;
use crate::error::CliError;
use crate::output::Output;
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerClient, LedgerError, NodeAddress};
use serde_json::json;
use std::path::Path;
use url::Url;

/// `medfolder member list`
pub(crate) async fn list(
    ledger: &str,
    genesis_file: &Path,
    output: Output,
) -> Result<(), CliError> {
    let failed = |error: LedgerError| CliError::new(error.code().to_owned(), &error);
    let chain = genesis(genesis_file)?;
    let url = Url::parse(ledger).map_err(|error| CliError::new("ledger.address", error))?;
    let client = LedgerClient::new(chain, vec![NodeAddress::at(url)], None, Clock::system());
    for (entry, proof) in client.map_err(failed)?.members().await.map_err(failed)? {
        let member = &entry.member;
        let line = json!({
            "member": member.id, "name": member.name, "role": member.role,
            "standing": member.standing, "node": member.endpoints.node,
            "edge": member.endpoints.edge, "voting": member.voting,
            "height": proof.checkpoint.header.height,
        });
        output.line(&line, || {
            format!("{}  {}  {}", member.id, member.role.as_str(), member.name)
        });
    }
    Ok(())
}
