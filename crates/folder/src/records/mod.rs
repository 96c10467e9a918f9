//! The folder's records as the vault keeps them: lists, versions, one record opened, export.

mod carried;
mod export;
mod list;
mod open;

pub use export::{
    Exported, Language, Lent, LentRow, attachment_name, file_name, lent_index, lent_page, size,
};
pub(crate) use list::{COLUMNS, parsed, read};
pub use list::{Filter, Listed, Page, State};
pub use open::{Shown, Version};
pub(crate) use open::{reopen, sealed_at, staff_key};
