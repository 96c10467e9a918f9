//! What `medfolder bench` measures of the embedded engine (`ledger.md`, “Figures”).

pub mod fixture;
