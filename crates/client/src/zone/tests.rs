//! Against a small zone that sends in awkward pieces.

use super::*;
use crate::clock::Clock;
use crate::http::HttpOptions;
use crate::login::Identity;
use axum::Json;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use medfolder_crypto::{Digest, Secret32, SigningKey, Suite, to_cbor};
use medfolder_ledger::login::LoginSubject;
use medfolder_record::{CardNumber, MemberId};
use std::sync::Arc;

use crate::api::session::{Challenge, Session};

fn record(n: u8) -> RecordId {
    RecordId(Digest([n; 32]))
}

fn envelope(record: RecordId) -> Vec<u8> {
    record.as_bytes().repeat(40)
}

/// What the zone makes of a request.
type Zone = fn(FetchRequest) -> Vec<FetchItem>;

fn honest(request: FetchRequest) -> Vec<FetchItem> {
    let slot = |seal: SealName| FetchItem::Slot {
        visit: seal.visit,
        seq: seal.seq,
        slot: vec![7],
    };
    let record = |record: RecordId| {
        if record.as_bytes()[0] == 9 {
            FetchItem::MissingRecord { record }
        } else {
            FetchItem::Envelope {
                record,
                envelope: envelope(record),
            }
        }
    };
    request
        .seals
        .into_iter()
        .map(slot)
        .chain(request.records.into_iter().map(record))
        .collect()
}

async fn serve(zone: Zone) -> ZoneClient {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let fetch = move |Json(request): Json<FetchRequest>| async move {
        let bytes: Vec<u8> = zone(request).iter().flat_map(to_cbor).collect();
        // Pieces that never end where an item ends.
        let pieces: Vec<Vec<u8>> = bytes.chunks(97).map(<[u8]>::to_vec).collect();
        Body::from_stream(Pieces(pieces.into_iter()))
    };
    let challenge = || async {
        let expires = Clock::system().now() + 60_000;
        Json(Challenge {
            challenge: Digest([1; 32]),
            expires,
            member: MemberId([2; 16]),
        })
    };
    let session = || async {
        Json(Session {
            token: "t".to_owned(),
            expires: Clock::system().now() + 900_000,
        })
    };
    let attachment = |headers: HeaderMap| async move {
        let all: Vec<u8> = (0..200).collect();
        match headers
            .get("range")
            .map(|value| value.to_str().unwrap().to_owned())
        {
            Some(range) if range == "bytes=150-" => {
                (StatusCode::PARTIAL_CONTENT, all[150..].to_vec())
            }
            _ => (StatusCode::OK, all),
        }
    };
    let routes = axum::Router::new()
        .route("/v1/sessions/challenge", post(challenge))
        .route("/v1/sessions", post(session))
        .route("/v1/zone/fetch", post(fetch))
        .route("/v1/zone/records/{record}/attachments/{j}", get(attachment));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let key = SigningKey::from_seed(Suite::International, &Secret32::new([1; 32]));
    let subject = LoginSubject::Card(CardNumber(Digest([1; 32])));
    let identity = Identity {
        subject,
        keys: None,
        key: Arc::new(key),
    };
    let http = Http::new(HttpOptions::default()).unwrap();
    ZoneClient::new(Door::new(
        http,
        base,
        Digest([3; 32]),
        None,
        identity,
        Clock::system(),
    ))
}

struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl futures_core::Stream for Pieces {
    type Item = Result<Vec<u8>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(Ok))
    }
}

async fn collect(client: &ZoneClient, records: &[RecordId]) -> Result<Vec<FetchItem>, ZoneError> {
    let seals = [SealName {
        visit: VisitId([4; 16]),
        seq: 0,
    }];
    let mut items = client.fetch(&seals, records, 3);
    let mut got = Vec::new();
    while let Some(item) = items.recv().await {
        got.push(item?);
    }
    Ok(got)
}

#[tokio::test]
async fn every_record_and_slot_comes_once_in_however_many_pieces() {
    let client = serve(honest).await;
    // More than one request's worth, over several connections.
    let records: Vec<_> = (0..=255u8).map(record).collect();
    let got = collect(&client, &records).await.unwrap();
    assert_eq!(got.len(), records.len() + 1);
    assert!(got.contains(&FetchItem::MissingRecord { record: record(9) }));
    let other = FetchItem::Envelope {
        record: record(8),
        envelope: envelope(record(8)),
    };
    assert!(got.contains(&other));
}

#[tokio::test]
async fn what_nobody_asked_for_is_refused() {
    let client = serve(|_| vec![FetchItem::MissingRecord { record: record(77) }]).await;
    assert_eq!(
        collect(&client, &[record(1)]).await.unwrap_err().code(),
        "zone.unasked"
    );
}

#[tokio::test]
async fn the_same_record_twice_is_refused() {
    let client = serve(|request| {
        let once = honest(request);
        once.iter().cloned().chain(once.iter().cloned()).collect()
    })
    .await;
    assert_eq!(
        collect(&client, &[record(1)]).await.unwrap_err().code(),
        "zone.unasked"
    );
}

#[tokio::test]
async fn an_answer_that_leaves_records_out_is_incomplete() {
    let client = serve(|request| honest(request).into_iter().skip(1).collect()).await;
    assert_eq!(
        collect(&client, &[record(1)]).await.unwrap_err().code(),
        "zone.incomplete"
    );
}

#[tokio::test]
async fn an_attachment_goes_on_from_where_it_broke_off() {
    let client = serve(honest).await;
    for from in [150u8, 151] {
        let mut stream = client
            .attachment(record(1), 0, u64::from(from))
            .await
            .unwrap();
        let mut got = Vec::new();
        while let Some(piece) = stream.next().await.unwrap() {
            got.extend(piece);
        }
        assert_eq!(got, (from..200).collect::<Vec<u8>>());
    }
}
