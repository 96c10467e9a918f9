//! Medfolder's records.

pub mod id;

pub use id::{AreaId, CardNumber, FolderNumber, GrantId, KeyId, MemberId, RecordId, VisitId};
