//! Strict JSON: bytes to a tree that remembers where each value stood.
//!
//! FHIR bodies are signed as bytes, so a value that is passed on has to be the delivered text:
//! `0.10` stays `0.10`. Every [`Node`] holds its slice of the input; [`Node::write_compact`] copies
//! those slices and leaves out the white space between them.
//!
//! Refused, each with its code (see [`FhirError`]): not UTF-8, byte order mark, a member name twice in
//! one object (compared after escapes are resolved), more levels, bytes or values than the limits,
//! text that ends early, text after the value, lone surrogates, numbers outside binary64.
//!
//! Source: RFC 8259, RFC 7493 (I-JSON). A test holds it to what `serde_json` accepts.

mod reader;

use std::borrow::Cow;

use crate::FhirError;
use reader::Reader;

/// What a reader accepts before it looks at the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Levels of arrays and objects.
    pub depth: usize,
    /// Values of any type.
    pub values: usize,
}

impl Default for Limits {
    /// 64 MiB, 64 levels, two million values.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 64,
            values: 2_000_000,
        }
    }
}

/// A JSON value and the text it was read from.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    raw: &'a str,
    value: Value<'a>,
}

#[derive(Debug, Clone)]
enum Value<'a> {
    Scalar,
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

/// A member of an object.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    name: Cow<'a, str>,
    raw_name: &'a str,
    value: Node<'a>,
}

/// Reads one JSON value that fills `bytes`.
///
/// # Errors
/// The first of the refusals that the module names.
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Node<'a>, FhirError> {
    if bytes.len() > limits.bytes {
        return Err(FhirError::TooLarge {
            size: bytes.len(),
            limit: limits.bytes,
        });
    }
    if bytes.trim_ascii().is_empty() {
        return Err(FhirError::Empty);
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(FhirError::Bom);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| match e.error_len() {
        None => FhirError::Truncated,
        Some(_) => FhirError::NotUtf8 {
            offset: e.valid_up_to(),
        },
    })?;
    Reader::new(text, limits).whole()
}

impl<'a> Node<'a> {
    /// The text of the value as delivered.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The value of a member, when this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.members()
            .iter()
            .find(|m| m.name == name)
            .map(|m| &m.value)
    }

    /// Follows member names; through an array it takes the first item.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node<'a>> {
        path.iter()
            .try_fold(self, |node, name| node.first().get(name))
    }

    /// The first item of an array; the node itself when it is none.
    #[must_use]
    pub fn first(&self) -> &Node<'a> {
        self.items().first().unwrap_or(self)
    }

    /// The string, when it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The string at the end of a path, see [`Node::at`].
    #[must_use]
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).and_then(|n| n.first().text())
    }

    /// Text of a number or boolean as delivered, content of a string.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar if self.raw != "null" => Some(self.raw),
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// Items of an array; nothing for any other value.
    #[must_use]
    pub fn items(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// Items of the array at a member; a single object there counts as one item.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Node<'a>] {
        match self.get(name) {
            Some(node) if node.is_array() => node.items(),
            Some(node) => std::slice::from_ref(node),
            None => &[],
        }
    }

    /// Members of an object; nothing for any other value.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// True for an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// True for an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.value, Value::Array(_))
    }

    /// Calls `visit` with every object in this value, itself included, outermost first.
    pub fn for_each_object<'n>(&'n self, visit: &mut dyn FnMut(&'n Node<'a>)) {
        if self.is_object() {
            visit(self);
        }
        self.items()
            .iter()
            .for_each(|item| item.for_each_object(visit));
        self.members()
            .iter()
            .for_each(|m| m.value.for_each_object(visit));
    }

    /// Appends the value without white space between tokens: names, strings and numbers keep their
    /// delivered text and order. Strings at members called `reference` go through `rewrite` first.
    pub fn write_compact(&self, out: &mut String, rewrite: &dyn Fn(&str) -> Option<String>) {
        match &self.value {
            Value::Scalar | Value::String(_) => out.push_str(self.raw),
            Value::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_compact(out, rewrite);
                }
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                for (i, member) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    member.write_compact(out, rewrite);
                }
                out.push('}');
            }
        }
    }
}

impl<'a> Member<'a> {
    /// The name, escapes resolved.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Node<'a> {
        &self.value
    }

    fn write_compact(&self, out: &mut String, rewrite: &dyn Fn(&str) -> Option<String>) {
        out.push_str(self.raw_name);
        out.push(':');
        let target = self.value.text().filter(|_| self.name == "reference");
        match target.and_then(rewrite) {
            Some(new) => out.push_str(&quote(&new)),
            None => self.value.write_compact(out, rewrite),
        }
    }
}

/// A JSON string token.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(bytes: &[u8]) -> &'static str {
        parse(bytes, &Limits::default()).map_or_else(|e| e.code(), |_| "ok")
    }

    #[test]
    fn each_refusal_has_its_code() {
        assert_eq!(code(b"{\"a\":\"\xFF\"}"), "fhir.not_utf8");
        assert_eq!(code(b"\xEF\xBB\xBF{}"), "fhir.bom");
        assert_eq!(
            code(b"{\"a\":[{\"b\":1,\"c\":2,\"\\u0062\":3}]}"),
            "fhir.duplicate_member"
        );
        assert_eq!(code("[".repeat(65).as_bytes()), "fhir.too_deep");
        for cut in [
            "{", "{\"a", "[1,", "tru", "\"\\", "\"\\u12", "-", "{\"a\":", "1e",
        ] {
            assert_eq!(code(cut.as_bytes()), "fhir.truncated", "{cut}");
        }
        assert_eq!(code(&"\"王".as_bytes()[..3]), "fhir.truncated");
        for bad in [
            "{a:1}",
            "[1,]",
            "01",
            "{}{}",
            "\"\u{1}\"",
            "\"\\ud800\"",
            "1e999",
            "NaN",
            "'a'",
        ] {
            assert_eq!(code(bad.as_bytes()), "fhir.not_json", "{bad}");
        }
    }

    #[test]
    fn limits_hold_to_the_last_allowed_one() {
        assert_eq!(
            code(format!("{}{}", "[".repeat(64), "]".repeat(64)).as_bytes()),
            "ok"
        );
        let small = Limits {
            bytes: 8,
            depth: 1,
            values: 3,
        };
        assert!(parse(b"[1,2]", &small).is_ok());
        assert_eq!(
            parse(b"[1,2,3]", &small).unwrap_err().code(),
            "fhir.too_large"
        );
        assert_eq!(
            parse(b"[1,   2 ]", &small).unwrap_err().code(),
            "fhir.too_large"
        );
    }

    #[test]
    fn compact_text_keeps_every_token_and_rewrites_references_only() {
        let text =
            "{ \"v\" : 0.10 , \"s\":\"\\u738b\\/\", \"x\":{\"reference\": \"A/1\"}, \"e\":[ ] }";
        let node = parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = String::new();
        node.write_compact(&mut out, &|r| Some(format!("urn:{r}")));
        assert_eq!(
            out,
            "{\"v\":0.10,\"s\":\"\\u738b\\/\",\"x\":{\"reference\":\"urn:A/1\"},\"e\":[]}"
        );
        assert_eq!(node.text_at(&["s"]), Some("王/"));
    }

    fn is_duplicate_or_limit(error: &FhirError) -> bool {
        matches!(
            error,
            FhirError::DuplicateMember { .. } | FhirError::TooDeep { .. } | FhirError::Bom
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn accepts_exactly_what_serde_json_accepts(
            text in "[\\[\\]{}:,\"\\\\ ae1n0.+-]{0,14}|\"(\\\\(u[dD][89abcC][0-9a-f]{2}|u00[0-9]{2}|n|/|x)|a|王){0,4}\"|-?[0-9]{1,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,3})?"
        ) {
            let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
            match (parse(text.as_bytes(), &Limits::default()), theirs) {
                (Ok(node), Ok(value)) => {
                    let again: serde_json::Value = serde_json::from_str(node.raw()).unwrap();
                    prop_assert_eq!(&again, &value);
                    if let Some(string) = value.as_str() {
                        prop_assert_eq!(node.text(), Some(string));
                    }
                }
                (Err(error), Ok(_)) => prop_assert!(is_duplicate_or_limit(&error), "{error:?}"),
                (Ok(_), Err(error)) => prop_assert!(false, "only we accept {text:?}: {error}"),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
