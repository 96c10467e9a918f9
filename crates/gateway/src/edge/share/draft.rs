//! Drafts: a place with an address for a share whose grant does not exist yet.
//!
//! ```text
//! POST /v1/shares/drafts {"direct":false}?     the link's address, chosen here: 256 random bits
//! PUT  /v1/shares/drafts/{draft}/files/{k}     one JWE, at most 24 MiB, k = 0, 1, …; again replaces
//! PUT  /v1/shares/drafts/{draft}/files?first=K several, one a line, at K, K + 1, …; all or none
//! ```
//! With a card's token. A draft lives an hour; nobody can open it. The host reads a file's JWE
//! header only: it has no key.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body::Body as _;
use medfolder_client::api::share::{Draft, DraftId, MAX_FILE, MAX_FILES};
use medfolder_crypto::{Digest, os_rng};
use medfolder_http::{Json, Problem};
use medfolder_record::CardNumber;
use medfolder_share::{ShareId, content_type, json};
use rand_core::Rng as _;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::purge;
use super::room::{NoRoom, Room};

use crate::edge::app::App;
use crate::edge::db::{digest, int, number};
use crate::edge::http::card::ActiveCard;

/// How long a draft is kept, in milliseconds.
pub(crate) const DRAFT_LIFETIME: u64 = 60 * 60 * 1_000;
/// Drafts that one card may have open.
const MAX_DRAFTS: u64 = 16;
const MAX_HEADER: usize = 4_096;
/// Files that are stored at the same time.
const AT_ONCE: usize = 16;

/// What may be said when a draft is opened; an empty body says nothing.
#[derive(Debug, Default, serde::Deserialize)]
struct DraftWish {
    /// One file without a manifest: the link's flag `U`.
    #[serde(default)]
    direct: bool,
}

/// POST …/drafts.
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
    body: Bytes,
) -> Result<Json<Draft>, Problem> {
    let wish: DraftWish = match body.as_ref() {
        [] => DraftWish::default(),
        bytes => json::read(bytes).map_err(|_| Problem::bad("body.malformed"))?,
    };
    let (card, mut id) = (holder.card, [0; 16]);
    os_rng().fill_bytes(&mut id);
    let segment = ShareId::generate(&mut os_rng());
    let (now, expires) = (app.now(), app.now().saturating_add(DRAFT_LIFETIME));
    let made =
        app.db.write(move |t| {
            if open_drafts(t, &card, now)? >= MAX_DRAFTS {
                return Ok(false);
            }
            t.execute(
            "INSERT INTO draft (id, card, segment, expires, direct) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![id, card.as_bytes(), segment.as_bytes(), int(expires), wish.direct],
        )?;
            Ok(true)
        });
    if !made.await? {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "draft.too_many",
        ));
    }
    Ok(Json(Draft {
        draft: DraftId(id),
        manifest_url: app.manifest_url(&segment),
        expires,
    }))
}

fn open_drafts(t: &Transaction<'_>, card: &CardNumber, now: u64) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM draft WHERE card = ?1 AND expires > ?2";
    t.query_row(sql, params![card.as_bytes(), int(now)], |row| {
        number(row, 0)
    })
}

/// PUT …/drafts/{draft}/files/{k}.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
    Path((draft, k)): Path<(String, u32)>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let place = Place::open(&app, &holder.card, &draft, k, length(&body)).await?;
    let jwe = whole(body).await?;
    place.fill(&app, vec![jwe]).await
}

/// Where the first of several files goes.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct First {
    first: u32,
}

/// PUT …/drafts/{draft}/files.
pub(crate) async fn upload_many(
    State(app): State<Arc<App>>,
    ActiveCard(holder): ActiveCard,
    Path(draft): Path<String>,
    Query(First { first }): Query<First>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let place = Place::open(&app, &holder.card, &draft, first, length(&body)).await?;
    let text = whole(body).await?;
    // One too many is enough to be refused.
    let lines = text
        .split(|byte| *byte == b'\n')
        .take(MAX_FILES.saturating_add(1));
    let jwes = lines.map(|line| text.slice_ref(line)).collect();
    place.fill(&app, jwes).await
}

/// How long a body is at most.
fn length(body: &Body) -> u64 {
    body.size_hint().upper().unwrap_or(MAX_FILE as u64)
}

/// Where files of a draft go, with room for them.
struct Place {
    draft: DraftId,
    first: u32,
    room: Room,
}

impl Place {
    async fn open(
        app: &Arc<App>,
        card: &CardNumber,
        draft: &str,
        first: u32,
        announced: u64,
    ) -> Result<Self, Problem> {
        let draft: DraftId = draft.parse().map_err(|_| Problem::absent("draft.absent"))?;
        if announced > MAX_FILE as u64 {
            return Err(Problem::too_large());
        }
        let now = app.now();
        let (place, sizes) = ((*card, draft), (announced, app.tuning.draft_bytes));
        let rooms = app.rooms.clone();
        let reserve = move |c: &Connection| rooms.reserve(c, place, sizes, now);
        let room = app.db.read(reserve).await?;
        let room = room.map_err(|none| match none {
            NoRoom::Absent => Problem::absent("draft.absent"),
            NoRoom::Full => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "draft.too_large"),
        })?;
        Ok(Self { draft, first, room })
    }

    /// Stores the files durably, all or none.
    async fn fill(self, app: &Arc<App>, jwes: Vec<Bytes>) -> Result<StatusCode, Problem> {
        let Self { draft, first, room } = self;
        let count = usize::try_from(first).unwrap_or(usize::MAX);
        if count.saturating_add(jwes.len()) > MAX_FILES {
            return Err(Problem::bad("draft.too_many_files"));
        }
        let kinds: Option<Vec<String>> = jwes.iter().map(|jwe| content_type_of(jwe)).collect();
        let kinds = kinds.ok_or(Problem::bad("draft.not_a_jwe"))?;
        let kept = keep_all(app, jwes).await?;
        let stored = kept.iter().map(|(blob, _)| *blob).collect();
        let write = move |t: &Transaction<'_>| {
            let files = (first..).zip(kept).zip(kinds);
            let replaced = put_files(t, &draft, files)?;
            // From here on the rows count.
            drop(room);
            Ok(replaced)
        };
        let (unused, done) = match app.db.write(write).await {
            Ok(replaced) => (replaced, Ok(StatusCode::NO_CONTENT)),
            Err(error) => (stored, Err(error.into())),
        };
        purge::drop_unused(app, unused).await?;
        done
    }
}

/// Notes the files of a draft; says which blobs they replace.
fn put_files(
    t: &Transaction<'_>,
    draft: &DraftId,
    files: impl Iterator<Item = ((u32, (Digest, u64)), String)>,
) -> rusqlite::Result<Vec<Digest>> {
    let mut old = t.prepare_cached("SELECT blob FROM draft_file WHERE draft = ?1 AND k = ?2")?;
    let mut insert = t.prepare_cached(
        "INSERT OR REPLACE INTO draft_file (draft, k, blob, size, kind)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut replaced = Vec::new();
    for ((k, (blob, size)), kind) in files {
        let known = old.query_row(params![draft.0, k], |row| digest(row, 0));
        replaced.extend(known.optional()?);
        insert.execute(params![draft.0, k, blob.0, int(size), kind])?;
    }
    Ok(replaced)
}

/// A JWE from a request, with the content type that its header names.
pub(crate) async fn read_file(body: Body) -> Result<(Bytes, String), Problem> {
    let jwe = whole(body).await?;
    let kind = content_type_of(&jwe).ok_or(Problem::bad("draft.not_a_jwe"))?;
    Ok((jwe, kind))
}

async fn whole(body: Body) -> Result<Bytes, Problem> {
    to_bytes(body, MAX_FILE)
        .await
        .map_err(|_| Problem::too_large())
}

/// Stores files durably, in their order; several at a time, as waiting for the disk is most of it.
pub(crate) async fn keep_all(
    app: &Arc<App>,
    jwes: Vec<Bytes>,
) -> Result<Vec<(Digest, u64)>, Problem> {
    let blobs = app.blobs.clone();
    let put_all = move || {
        let put = |jwe: &Bytes| blobs.put(&mut jwe.as_ref(), MAX_FILE as u64);
        let mut kept = Vec::with_capacity(jwes.len());
        for some in jwes.chunks(AT_ONCE) {
            let done: Vec<Result<_, Problem>> = std::thread::scope(|scope| {
                let running: Vec<_> = some.iter().map(|jwe| scope.spawn(|| put(jwe))).collect();
                let ended = running.into_iter().map(|one| one.join());
                ended
                    .map(|one| one.map_err(|_| Problem::internal())?.map_err(Problem::from))
                    .collect()
            });
            for one in done {
                kept.push(one?);
            }
        }
        Ok(kept)
    };
    tokio::task::spawn_blocking(put_all)
        .await
        .map_err(|_| Problem::internal())?
}

/// `cty` of a compact JWE with five parts, `dir` and A256GCM; `None` for anything else.
fn content_type_of(jwe: &[u8]) -> Option<String> {
    let mut parts = jwe.splitn(6, |byte| *byte == b'.');
    let header = parts.next().filter(|header| header.len() <= MAX_HEADER)?;
    let rest: Vec<&[u8]> = parts.collect();
    let base64url = |part: &&[u8]| {
        part.iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_')
    };
    let [key, nonce, text, tag] = rest.as_slice() else {
        return None;
    };
    if !key.is_empty() || nonce.len() != 16 || tag.len() != 22 || !base64url(text) {
        return None;
    }
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: serde_json::Value = json::read(&header).ok()?;
    let is =
        |name: &str, value| header.get(name).and_then(serde_json::Value::as_str) == Some(value);
    let kind = header.get("cty")?.as_str()?.to_owned();
    let ours = is("alg", "dir") && is("enc", "A256GCM") && content_type::is_known(&kind);
    ours.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::content_type_of;

    #[test]
    fn only_a_jwe_of_a_links_kind_is_taken() {
        let header =
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vZmhpcitqc29uIn0";
        let good = format!("{header}..AAAAAAAAAAAAAAAA.YQ.AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(
            content_type_of(good.as_bytes()).as_deref(),
            Some("application/fhir+json")
        );
        assert_eq!(content_type_of(good.replace("..", ".YQ.").as_bytes()), None);
        assert_eq!(
            content_type_of(good.replace(".YQ.", ".Y Q.").as_bytes()),
            None
        );
        assert_eq!(content_type_of(b"{\"resourceType\":\"Bundle\"}"), None);
    }
}
