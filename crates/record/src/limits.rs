//! Every limit of the record formats, in one place; the independent reader keeps them too.
//!
//! Lengths of text are bytes of UTF-8. A decoder refuses what is longer before it allocates.

/// Version that every format of this crate carries until its vectors were reviewed.
pub const FORMAT_VERSION: u8 = 0;
/// Longest text of a statement or of an attachment's name.
pub const MAX_TEXT: usize = 512;
/// Longest code, media type or patient number.
pub const MAX_CODE: usize = 128;
/// Longest encoded statement.
pub const MAX_STATEMENT: usize = 8 * 1024;
/// Times lie within the years −9999 to 9999: milliseconds before and after 1970.
pub const MAX_TIME: i64 = 253_402_300_799_999;
/// Longest body.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
pub use medfolder_crypto::MAX_UINT;
/// Deepest nesting of objects and arrays in a body; the outermost object is 1 deep.
pub const MAX_DEPTH: usize = 64;
/// Most entries that a body is cut into.
pub const MAX_ENTRIES: usize = 16 * 1024;
/// Most attachments of one record.
pub const MAX_ATTACHMENTS: usize = 256;
/// Largest attachment: 16 GiB, which is 262,144 chunks.
pub const MAX_ATTACHMENT: u64 = 16 * 1024 * 1024 * 1024;
/// Most signatures of one record.
pub const MAX_SIGNATURES: usize = 16;
/// Longest encoding of a record's signatures, with what carried ones bring along.
pub const MAX_SIGNATURES_LEN: usize = 4 * 1024 * 1024;
/// Most certificates, or revocation answers, beside one carried signature.
pub const MAX_PROOFS: usize = 16;
/// Most carried files of one record.
pub const MAX_FILES: usize = 8;
/// Longest carried file, and longest sum of them.
pub const MAX_FILES_LEN: usize = 16 * 1024 * 1024;
/// Longest plaintext of a sealed content: body, carried files, signatures and what stands around.
pub const MAX_CONTENT: usize = MAX_BODY + MAX_FILES_LEN + MAX_SIGNATURES_LEN + 512 * 1024;
/// Shortest padded plaintext.
pub const MIN_PADDED: usize = 1024;
/// Longest encrypted network-storage address.
pub const MAX_STORAGE_ADDRESS: usize = 512;
/// Longest encoded core.
pub const MAX_CORE: usize = 16 * 1024;
/// Longest envelope; padding adds at most an eighth to a content.
pub const MAX_ENVELOPE: usize = MAX_CONTENT + MAX_CONTENT / 8 + MAX_CORE + 256;
/// Longest wrapped seal key.
pub const MAX_WRAPPED: usize = 256;
/// Longest encoded key slot.
pub const MAX_SLOT: usize = 512;
/// A seal carries signatures that claim at most this much later than its block time (5 minutes).
pub const CLOCK_TOLERANCE_MS: u64 = 5 * 60 * 1000;
/// Seals of so many milliseconds after a key was ended still carry what it signed before (30 days).
pub const ENDED_KEY_GRACE_MS: u64 = 30 * 24 * 60 * 60 * 1000;
