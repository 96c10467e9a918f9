//! Sends a blob, or a range of it (RFC 9110, section 14), without holding it in memory.

use std::io::{Read as _, SeekFrom};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use medfolder_http::Problem;

use crate::edge::blob::{BlobReader, OpenBlob};

const CHUNK: usize = 64 * 1024;

/// The whole blob, or with a `range` header of one range that part.
pub(crate) fn ranged(blob: OpenBlob, headers: &HeaderMap, kind: &'static str) -> Response {
    let wanted = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    match wanted.map_or(Wanted::Whole, |text| range(text, blob.length)) {
        Wanted::Whole => part(blob, None, kind),
        Wanted::Part(first, last) => part(blob, Some((first, last)), kind),
        Wanted::Nothing => {
            let mut response =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range.unsatisfiable")
                    .into_response();
            if let Ok(value) = format!("bytes */{}", blob.length).parse() {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            response
        }
    }
}

fn part(mut blob: OpenBlob, range: Option<(u64, u64)>, kind: &'static str) -> Response {
    let (first, last) = range.unwrap_or((0, blob.length.saturating_sub(1)));
    let length = if blob.length == 0 {
        0
    } else {
        last.saturating_sub(first).saturating_add(1)
    };
    if blob.reader.seek(SeekFrom::Start(first)).is_err() {
        return Problem::internal().into_response();
    }
    let builder = Response::builder()
        .status(if range.is_some() {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        })
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_LENGTH, length)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CACHE_CONTROL, "no-store");
    let builder = match range {
        Some(_) => builder.header(
            header::CONTENT_RANGE,
            format!("bytes {first}-{last}/{}", blob.length),
        ),
        None => builder,
    };
    builder
        .body(body(blob.reader, length))
        .unwrap_or_else(|_| Problem::internal().into_response())
}

fn body(reader: Box<dyn BlobReader>, length: u64) -> Body {
    Body::from_stream(futures_util::stream::try_unfold(
        (reader, length),
        |(mut reader, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let task = tokio::task::spawn_blocking(move || {
                let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
                reader.read_exact(&mut chunk).map(|()| (chunk, reader))
            });
            let (chunk, reader) = task.await.map_err(std::io::Error::other)??;
            let left = left.saturating_sub(chunk.len() as u64);
            Ok::<_, std::io::Error>(Some((Bytes::from(chunk), (reader, left))))
        },
    ))
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(u64, u64),
    Nothing,
}

/// One range; several, or what is not understood, mean the whole, as the RFC allows.
fn range(text: &str, length: u64) -> Wanted {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let end = length.saturating_sub(1);
    let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(end)),
        (Ok(first), Err(_)) if last.is_empty() => (first, end),
        (Err(_), Ok(suffix)) if first.is_empty() => match suffix {
            0 => return Wanted::Nothing,
            _ => (length.saturating_sub(suffix), end),
        },
        _ => return Wanted::Whole,
    };
    if first >= length {
        Wanted::Nothing
    } else {
        Wanted::Part(first, last)
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, range};

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        assert_eq!(range("bytes=0-0", 10), Wanted::Part(0, 0));
        assert_eq!(range("bytes=5-", 10), Wanted::Part(5, 9));
        assert_eq!(range("bytes=-3", 10), Wanted::Part(7, 9));
        assert_eq!(range("bytes=-30", 10), Wanted::Part(0, 9));
        assert_eq!(range("bytes=2-99", 10), Wanted::Part(2, 9));
        assert_eq!(range("bytes=10-", 10), Wanted::Nothing);
        assert_eq!(range("bytes=-0", 10), Wanted::Nothing);
        assert_eq!(range("bytes=0-1,4-5", 10), Wanted::Whole);
        assert_eq!(range("lines=0-1", 10), Wanted::Whole);
        assert_eq!(range("bytes=0-", 0), Wanted::Nothing);
    }
}
