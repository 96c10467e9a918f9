//! Files beside the delivered one: every `Attachment` with a relative `url`.

use crate::{FhirError, bundle::percent_decode, json::Node, model::AttachmentRef};

/// Collects the attachments of a resource; `path` names it in the error. Absolute addresses and
/// references to a `Binary` of the file are no files beside it.
///
/// # Errors
/// `fhir.unsafe_attachment` when a relative address leaves the folder.
pub(crate) fn collect(
    resource: &Node<'_>,
    path: &str,
    out: &mut Vec<AttachmentRef>,
) -> Result<(), FhirError> {
    let mut unsafe_url = false;
    resource.for_each_object(&mut |object| match attachment(object) {
        Some(Ok(found)) if !out.iter().any(|a| a.path == found.path) => out.push(found),
        Some(Err(())) => unsafe_url = true,
        _ => {}
    });
    if unsafe_url {
        Err(FhirError::UnsafeAttachment {
            path: path.to_owned(),
        })
    } else {
        Ok(())
    }
}

fn attachment(object: &Node<'_>) -> Option<Result<AttachmentRef, ()>> {
    let url = object.text_at(&["url"])?;
    let described = ["contentType", "hash", "size", "title"]
        .iter()
        .any(|n| object.get(n).is_some());
    if !described || url.contains("://") || url.starts_with("urn:") || url.starts_with("data:") {
        return None;
    }
    let path = percent_decode(url);
    if !stays_inside(&path) {
        return Some(Err(()));
    }
    let file_name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let text = |name: &str| object.text_at(&[name]).map(str::to_owned);
    Some(Ok(AttachmentRef {
        url: url.to_owned(),
        title: text("title").unwrap_or(file_name),
        content_type: text("contentType").unwrap_or_else(|| "application/octet-stream".into()),
        size: object
            .get("size")
            .and_then(Node::scalar)
            .and_then(|s| s.parse().ok()),
        hash: text("hash"),
        path,
    }))
}

fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    let forbidden = |c: char| {
        c.is_control()
            || matches!(c, '\\' | ':' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    path.split('/').all(plain) && !path.contains(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn collected(url: &str) -> Result<Vec<AttachmentRef>, FhirError> {
        let text = format!("{{\"a\":[{{\"contentType\":\"image/png\",\"url\":\"{url}\"}}]}}");
        let node = parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = Vec::new();
        collect(&node, "entry[0]", &mut out).map(|()| out)
    }

    #[test]
    fn a_relative_file_is_taken_and_decoded() {
        let found = collected("attachments/a%20b.png").unwrap();
        assert_eq!(found[0].path, "attachments/a b.png");
        assert_eq!(found[0].title, "a b.png");
        assert!(collected("https://a.example/x.png").unwrap().is_empty());
    }

    #[test]
    fn an_address_that_leaves_the_folder_is_refused() {
        for url in [
            "../x",
            "/etc/passwd",
            "a/%2e%2e/%2e%2e/x",
            "a//b",
            "C:x",
            "a%5C..%5Cb",
            "a%00",
        ] {
            assert_eq!(
                collected(url).unwrap_err().code(),
                "fhir.unsafe_attachment",
                "{url}"
            );
        }
    }
}
