//! Policy: the values that a consortium chose, and the one table of who may do what.

mod table;
mod values;

pub use table::{Action, Decision, Party, Rule, UnknownName, allowed, explain, rules};
pub use values::{
    AlertThresholds, ConsentText, DAY, HOUR, MINUTE, Policy, ReleasePolicy, Threshold, Windows,
};
