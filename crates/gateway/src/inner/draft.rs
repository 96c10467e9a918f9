//! A record between inlet and seal, as it waits encrypted in the database.
//!
//! ```text
//! draft      [ patient number, kind, title, author's name, licence, department, times, body, [attachment …], salt,
//!              carried signature | null ]
//! statement  made when author's key and replaced record are known; then the content root is fixed
//! ```

use medfolder_crypto::{Secret32, Wiped, from_cbor, to_cbor};
use medfolder_record::statement::breaks_line;
use medfolder_record::{
    Attachment, Author, ContentError, ContentRoot, ContentSalt, ContentTree, KeyId, Kind,
    Statement, StatementError, StatementFields, Times, VisitId,
};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::InnerError;
use super::carried::Delivered;
use super::zone::Zone;
use crate::signer::examine::BODY_MEDIA_TYPE;

const MAX_DRAFT: usize = 32 << 20;
const PURPOSE: &str = "draft";
const STATEMENT: &str = "statement";

/// What is known of a record before anybody signs it.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Draft {
    #[n(0)]
    pub(crate) patient_number: String,
    #[n(1)]
    pub(crate) kind: Kind,
    #[n(2)]
    pub(crate) title: String,
    #[n(3)]
    pub(crate) author: String,
    #[n(4)]
    pub(crate) licence: String,
    #[n(5)]
    pub(crate) department: String,
    #[n(6)]
    pub(crate) times: Times,
    #[n(7)]
    pub(crate) body: ByteVec,
    #[n(8)]
    pub(crate) attachments: Vec<Attachment>,
    #[cbor(n(9), with = "minicbor::bytes")]
    pub(crate) salt: [u8; 32],
    /// The hospital's own signature over the body.
    #[n(10)]
    pub(crate) carried: Option<Delivered>,
}

/// Who answers for a record.
pub(crate) struct Responsible {
    pub(crate) key: KeyId,
    pub(crate) name: String,
}

impl Draft {
    pub(crate) fn salt(&self) -> ContentSalt {
        ContentSalt::new(Secret32::new(self.salt))
    }

    pub(crate) fn sealed(&self, zone: &Zone) -> Vec<u8> {
        zone.key.seal(PURPOSE, &Wiped::new(to_cbor(self)))
    }

    pub(crate) fn open(zone: &Zone, sealed: &[u8]) -> Result<Self, InnerError> {
        Ok(from_cbor(&zone.key.open(PURPOSE, sealed)?, MAX_DRAFT)?)
    }

    pub(crate) fn statement(
        &self,
        zone: &Zone,
        visit: VisitId,
        author: Author,
        replaces: Option<ContentRoot>,
    ) -> Result<Statement, StatementError> {
        Statement::new(StatementFields {
            member: zone.member(),
            visit,
            patient_number: self.patient_number.clone(),
            kind: self.kind.clone(),
            title: self.title.clone(),
            author,
            department: self.department.clone(),
            times: self.times,
            replaces,
            media_type: BODY_MEDIA_TYPE.to_owned(),
            attachments: u32::try_from(self.attachments.len()).unwrap_or(u32::MAX),
        })
    }

    /// The record as a signer sees it.
    pub(crate) fn record(
        &self,
        zone: &Zone,
        statement: Statement,
    ) -> Result<medfolder_record::Draft<'_>, ContentError> {
        let attachments = self.attachments.clone();
        medfolder_record::Draft::new(
            zone.suite(),
            self.salt(),
            statement,
            &self.body,
            attachments,
        )
    }

    /// Refuses what could never be signed, before it is taken in. What is hashed here is hashed
    /// once: a statement that is made later changes the first leaf only.
    pub(crate) fn check(&self, zone: &Zone) -> Result<ContentTree, ContentError> {
        let nobody = Author {
            key: None,
            name: "-".to_owned(),
        };
        let statement = self.statement(zone, VisitId([0; 16]), nobody, None)?;
        Ok(self.record(zone, statement)?.into_tree())
    }
}

pub(crate) fn seal_statement(zone: &Zone, statement: &Statement) -> Vec<u8> {
    zone.key.seal(STATEMENT, &statement.to_bytes())
}

pub(crate) fn open_statement(zone: &Zone, sealed: &[u8]) -> Result<Wiped, InnerError> {
    Ok(zone.key.open(STATEMENT, sealed)?)
}

/// Text as a statement takes it: one line of at most `limit` bytes.
pub(crate) fn line(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| breaks_line(c) || c.is_whitespace()) {
        let gap = usize::from(!out.is_empty());
        if word.is_empty() {
            continue;
        }
        if out.len() + gap + word.len() > limit {
            if out.is_empty() {
                out.extend(
                    word.char_indices()
                        .take_while(|(i, c)| i + c.len_utf8() <= limit)
                        .map(|(_, c)| c),
                );
            }
            break;
        }
        if gap == 1 {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_holds_no_control_character_and_ends_at_a_whole_one() {
        assert_eq!(line(" 门诊\n病历\u{7} x ", 100), "门诊 病历 x");
        assert_eq!(line("门诊病历", 7), "门诊");
        assert_eq!(line("one two", 5), "one");
        assert_eq!(line("\n", 5), "");
    }
}
