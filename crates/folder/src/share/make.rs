//! Making a share: evidence for each record, a fresh link key, a grant.

use crate::evidence::EvidenceMaker;
use crate::records::Shown;
use crate::{Card, Folder, FolderError};
use medfolder_client::api::Blob;
use medfolder_client::api::share::{FileItem, PublishRequest};
use medfolder_client::card_consent;
use medfolder_client::clock::Clock;
use medfolder_client::http::origin;
use medfolder_client::share_host::ShareHost;
use medfolder_crypto::{Wiped, os_rng};
use medfolder_ledger::body::{Grant, Grantee};
use medfolder_ledger::transaction::Unsigned;
use medfolder_record::{GrantId, Record, RecordId};
use medfolder_share::jwe::Zip;
use medfolder_share::package::{SharedAttachment, SharedRecord, package, seal};
use medfolder_share::rules::passcode::passcode_fits;
use medfolder_share::rules::status;
use medfolder_share::{Flags, GrantSeed, Link, LinkDraft, LinkKey};
use rand_core::Rng as _;
use rusqlite::params;
use std::sync::Arc;
use url::Url;
use zeroize::Zeroizing;

/// Longest window of a share, in milliseconds: 90 days.
pub const MAX_DURATION: u64 = 90 * 24 * 60 * 60 * 1_000;
/// How long the host has to submit the grant, in milliseconds.
pub(super) const SUBMIT_WITHIN: u64 = 60 * 60 * 1_000;

/// What a reader must say to open a share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Code {
    /// Six digits drawn now, to be told by voice.
    #[default]
    Drawn,
    /// This passcode.
    Passcode(Zeroizing<String>),
    /// Nothing: whoever has the link reads.
    None,
}

/// What to share and how.
#[derive(Debug, Clone)]
pub struct ShareOptions {
    /// The records, in the order in which the reader sees them.
    pub records: Vec<RecordId>,
    /// What the reader must say.
    pub code: Code,
    /// How long, in milliseconds; at most 90 days.
    pub duration: u64,
    /// How often it may be opened; any number without one.
    pub openings: Option<u32>,
    /// A name that readers see.
    pub label: Option<String>,
}

/// A share that was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The share.
    pub grant: GrantId,
    /// Its number on this device.
    pub number: i64,
    /// The link; whoever has it (and the passcode) reads.
    pub link: Zeroizing<String>,
    /// The passcode, to be told another way than the link.
    pub passcode: Option<Zeroizing<String>>,
    /// When it ends, in milliseconds.
    pub ends: u64,
}

impl Folder<'_> {
    /// Shares records by link.
    ///
    /// # Errors
    /// `share.nothing`, `share.too_long`, `passcode.length`, `share.no_card`, a record's own error, what ledger or host
    /// answer, `share.elsewhere` and `share.not_confirmed` when the host's answer does not hold.
    pub async fn share(&self, options: &ShareOptions, clock: &Clock) -> Result<Made, FolderError> {
        if options.records.is_empty() {
            return Err(FolderError::NothingToShare);
        }
        let longest = self.consortium.policy().windows.grant.min(MAX_DURATION);
        if options.duration == 0 || options.duration > longest {
            return Err(FolderError::ShareTooLong);
        }
        if matches!(&options.code, Code::Passcode(text) if !passcode_fits(text)) {
            return Err(FolderError::PasscodeLength);
        }
        let card = self.hosting_card(&options.records)?;
        let host = ShareHost::new(self.edge_door(&card, clock)?);
        let draft = async { host.draft().await.map_err(FolderError::from) };
        let (draft, loaded) = tokio::try_join!(draft, self.load(options, clock))?;
        self.is_of_its_host(&draft.manifest_url, &card)?;
        let share = Prepared::new(self, &card, options, &draft.manifest_url, clock.now())?;
        let files = sealed_files(&share.id, &loaded, share.link.key())?;
        let number = self.keep(&card, options, &share, clock.now())?;
        let items = files.items;
        host.upload(draft.draft, files.jwes).await?;
        let published = host.publish(draft.draft, &share.request(items)?).await?;
        if published.grant != share.id {
            return Err(FolderError::ShareNotConfirmed);
        }
        self.until_granted(&share.id, &share.seed, clock).await?;
        self.set_share_state(&share.id, "active")?;
        Ok(Made {
            grant: share.id,
            number,
            link: share.link.to_uri(),
            passcode: share.passcode,
            ends: share.grant.until,
        })
    }

    /// A link leads nowhere but to its host, whoever answered in the host's name.
    fn is_of_its_host(&self, manifest_url: &str, card: &Card) -> Result<(), FolderError> {
        let (_, host) = self.edge(&card.member)?;
        match Url::parse(manifest_url) {
            Ok(url) if origin(&url) == origin(&host) => Ok(()),
            _ => Err(FolderError::ShareElsewhere),
        }
    }

    /// A registered card at the hospital of one of the records: its edge hosts the share.
    fn hosting_card(&self, records: &[RecordId]) -> Result<Card, FolderError> {
        let cards = self.cards()?;
        for record in records {
            let hospital = self.named(&record.to_string())?.hospital;
            if let Some(card) = cards.iter().rev().find(|card| card.member == hospital) {
                return Ok(card.clone());
            }
        }
        cards.into_iter().next().ok_or(FolderError::NoCard)
    }

    /// The share is in the vault, with all that manages it, before the grant is submitted. Gives its
    /// number.
    fn keep(
        &self,
        card: &Card,
        options: &ShareOptions,
        share: &Prepared,
        now: u64,
    ) -> Result<i64, FolderError> {
        let records =
            serde_json::to_string(&options.records).map_err(|_| FolderError::VaultDamaged)?;
        let database = self.vault.database()?;
        database.execute(
            "INSERT INTO share (folder, grant_id, grant_seed, host, link, label, passcode, openings,
                 created, ends, state, records, transaction_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'preparing', ?11, ?12)",
            params![
                self.id,
                share.id.to_string(),
                share.seed.expose(),
                card.member.to_string(),
                share.link.to_uri().as_str(),
                options.label.as_deref().unwrap_or_default(),
                share.passcode.as_deref(),
                options.openings,
                now,
                share.grant.until,
                records,
                share.transaction,
            ],
        )?;
        Ok(database.last_insert_rowid())
    }

    pub(super) fn set_share_state(&self, grant: &GrantId, state: &str) -> Result<(), FolderError> {
        self.vault.database()?.execute(
            "UPDATE share SET state = ?2 WHERE grant_id = ?1",
            params![grant.to_string(), state],
        )?;
        Ok(())
    }

    /// Every record with its attachments and its evidence.
    async fn load(
        &self,
        options: &ShareOptions,
        clock: &Clock,
    ) -> Result<Vec<Loaded>, FolderError> {
        let names = options.records.iter().map(ToString::to_string);
        let shown: Vec<Shown> = names
            .map(|name| self.open_record(&name))
            .collect::<Result<_, _>>()?;
        let packs = EvidenceMaker::new(self, clock)?.make(&shown, false).await?;
        let loaded = shown.into_iter().zip(packs).map(|(shown, pack)| {
            let attachments = self.shared_attachments(&shown.record);
            (shown.record, attachments, pack)
        });
        Ok(loaded.collect())
    }

    /// Plaintexts of the attachments that are on this device and small enough to travel.
    fn shared_attachments(&self, record: &Record) -> Vec<Option<Wiped>> {
        let limit = medfolder_share::package::MAX_ATTACHMENT_BYTES;
        let pieces = record.attachments().iter().enumerate();
        pieces
            .map(|(j, piece)| {
                let small = piece.size <= limit;
                small
                    .then(|| self.read_attachment(record, j as u32).ok())
                    .flatten()
            })
            .collect()
    }
}

struct Sealed {
    jwes: Vec<String>,
    items: Vec<FileItem>,
}

/// The files of a share, encrypted under its link's key.
fn sealed_files(grant: &GrantId, loaded: &[Loaded], key: &LinkKey) -> Result<Sealed, FolderError> {
    let records: Vec<SharedRecord<'_>> = loaded.iter().map(shared_record).collect();
    let files = seal(&package(grant, &records), key, Zip::None, &mut os_rng())?;
    let items = files.iter().map(|file| FileItem {
        record: file.part.record().and_then(|k| u32::try_from(k).ok()),
    });
    Ok(Sealed {
        items: items.collect(),
        jwes: files.into_iter().map(|file| file.jwe).collect(),
    })
}

type Loaded = (Record, Vec<Option<Wiped>>, Vec<u8>);

fn shared_record((record, attachments, evidence): &Loaded) -> SharedRecord<'_> {
    let pieces = record.attachments().iter().zip(attachments);
    SharedRecord {
        body: record.body(),
        attachments: pieces
            .map(|(piece, bytes)| SharedAttachment {
                digest: piece.digest.to_string(),
                size: piece.size,
                name: &piece.name,
                media_type: &piece.media_type,
                bytes: bytes.as_ref().map(|bytes| bytes.as_slice()),
            })
            .collect(),
        evidence,
    }
}

/// A share's keys, link and grant, before anything is sent.
struct Prepared {
    seed: GrantSeed,
    link: Link,
    passcode: Option<Zeroizing<String>>,
    grant: Grant,
    id: GrantId,
    transaction: Vec<u8>,
    consent: medfolder_crypto::Signature,
    openings: Option<u32>,
}

impl Prepared {
    fn new(
        folder: &Folder<'_>,
        card: &Card,
        options: &ShareOptions,
        manifest_url: &str,
        now: u64,
    ) -> Result<Self, FolderError> {
        let chain = &folder.consortium;
        let suite = chain.suite();
        let seed = GrantSeed::generate(&mut os_rng());
        let key = seed.signing_key(suite);
        let grant = Grant {
            key: key.public(),
            host: card.member,
            grantee: Grantee::Bearer,
            scope: seed.scope(suite, &options.records)?,
            from: now,
            until: now + options.duration,
            late: false,
            consent: folder.consent(now),
            uses: options.openings,
        };
        let passcode = passcode(&options.code);
        let link = Link::issue(LinkDraft {
            url: manifest_url.to_owned(),
            key: LinkKey::generate(&mut os_rng()),
            flags: Flags {
                passcode: passcode.is_some(),
                ..Flags::default()
            },
            label: options.label.clone(),
            exp: None,
        })?;
        let unsigned = Unsigned::new(grant.clone(), now + SUBMIT_WITHIN);
        let signature = unsigned.sign(chain, &key);
        let card_key = Arc::new(folder.card_keys(card)?.signing);
        Ok(Self {
            consent: card_consent::sign(&chain.digest(), &card_key, &grant),
            id: grant.id(suite),
            transaction: unsigned.with_signatures(vec![signature]).to_bytes(),
            seed,
            link,
            passcode,
            grant,
            openings: options.openings,
        })
    }

    fn request(&self, files: Vec<FileItem>) -> Result<PublishRequest, FolderError> {
        Ok(PublishRequest {
            transaction: Blob(self.transaction.clone()),
            consent: self.consent,
            passcode: self.passcode.as_ref().map(|code| code.to_string()),
            openings: self.openings,
            status_digest: status::status_digest(self.link.key()),
            files,
        })
    }
}

/// Six digits without bias, or what the patient chose.
fn passcode(code: &Code) -> Option<Zeroizing<String>> {
    match code {
        Code::None => None,
        Code::Passcode(passcode) => Some(passcode.clone()),
        Code::Drawn => {
            let mut rng = os_rng();
            // The largest multiple of a million below 2³²; above it, draw again.
            let drawn = loop {
                let number = rng.next_u32();
                if number < 4_294_000_000 {
                    break number % 1_000_000;
                }
            };
            Some(Zeroizing::new(format!("{drawn:06}")))
        }
    }
}
