//! The consortium's members, as the genesis names them and the ledger holds them.

use super::policy::genesis;
use crate::error::CliError;
use crate::output::Output;
use serde_json::json;
use std::path::Path;

/// `medfolder member list`
pub(crate) async fn list(ledger: &str, genesis_file: &Path, output: Output) -> Result<(), CliError> {
    let chain = genesis(genesis_file)?;
    let _ = ledger;
    for member in &chain.genesis().members {
        let line = json!({
            "member": member.id, "name": member.name, "role": member.role,
            "standing": member.standing, "node": member.endpoints.node,
            "edge": member.endpoints.edge,
        });
        output.line(&line, || format!("{}  {}  {}", member.id, member.role.as_str(), member.name));
    }
    Ok(())
}
