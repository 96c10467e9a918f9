//! Recursive descent over one JSON text; the depth limit bounds the stack.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Limits, Member, Node, Value};
use crate::FhirError;

/// Names of so many members are compared one by one.
const FEW: usize = 16;

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
    limits: Limits,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, limits: &Limits) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            values: 0,
            limits: *limits,
        }
    }

    /// One value that fills the text.
    pub(super) fn whole(mut self) -> Result<Node<'a>, FhirError> {
        let node = self.value()?;
        self.space();
        if self.at < self.text.len() {
            Err(self.not_json())
        } else {
            Ok(node)
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn not_json(&self) -> FhirError {
        FhirError::NotJson { offset: self.at }
    }

    /// Not JSON here, or cut short when nothing is left.
    fn unexpected(&self) -> FhirError {
        if self.at >= self.text.len() {
            FhirError::Truncated
        } else {
            self.not_json()
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), FhirError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn value(&mut self) -> Result<Node<'a>, FhirError> {
        self.space();
        self.values += 1;
        if self.values > self.limits.values {
            return Err(FhirError::TooLarge {
                size: self.text.len(),
                limit: self.limits.bytes,
            });
        }
        let from = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.unexpected()),
        };
        Ok(Node {
            raw: self.slice(from),
            value,
        })
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'a>, FhirError>,
    ) -> Result<Value<'a>, FhirError> {
        if self.depth >= self.limits.depth {
            return Err(FhirError::TooDeep {
                limit: self.limits.depth,
            });
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// After an item: true when another one follows.
    fn more(&mut self, close: u8) -> Result<bool, FhirError> {
        self.space();
        match self.peek() {
            Some(b',') => self.at += 1,
            Some(byte) if byte == close => {
                self.at += 1;
                return Ok(false);
            }
            _ => return Err(self.unexpected()),
        }
        Ok(true)
    }

    fn closes(&mut self, close: u8) -> bool {
        self.space();
        let closes = self.peek() == Some(close);
        self.at += usize::from(closes);
        closes
    }

    fn array(&mut self) -> Result<Value<'a>, FhirError> {
        let mut items = Vec::new();
        if self.closes(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Value<'a>, FhirError> {
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut names = BTreeSet::new();
        if self.closes(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.space();
            let from = self.at;
            let name = self.string()?;
            let raw_name = self.slice(from);
            // Most objects have few members; many of them are looked up in a tree.
            let known = if members.len() < FEW {
                members.iter().any(|member| member.name == name)
            } else {
                names.extend(members.iter().skip(names.len()).map(|m| m.name.clone()));
                names.contains(&name)
            };
            if known {
                return Err(FhirError::DuplicateMember { offset: from });
            }
            self.space();
            self.expect(b':')?;
            let value = self.value()?;
            members.push(Member {
                name,
                raw_name,
                value,
            });
            if !self.more(b'}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<Value<'a>, FhirError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(Value::Scalar);
        }
        Err(if word.starts_with(rest) {
            FhirError::Truncated
        } else {
            self.not_json()
        })
    }

    fn digits(&mut self) -> Result<(), FhirError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected());
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value<'a>, FhirError> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        match self.slice(from).parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Scalar),
            _ => Err(FhirError::NotJson { offset: from }),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, FhirError> {
        self.expect(b'"')?;
        let from = self.at;
        let mut owned: Option<String> = None;
        let mut run = from;
        loop {
            match self.peek() {
                None => return Err(FhirError::Truncated),
                Some(b'"') => break,
                Some(b'\\') => {
                    let mut text = owned.take().unwrap_or_default();
                    text.push_str(self.slice(run));
                    text.push(self.escape()?);
                    owned = Some(text);
                    run = self.at;
                }
                Some(0..=0x1F) => return Err(self.not_json()),
                Some(_) => self.at += 1,
            }
        }
        let tail = self.slice(run);
        self.at += 1;
        Ok(match owned {
            None => Cow::Borrowed(tail),
            Some(text) => Cow::Owned(text + tail),
        })
    }

    fn escape(&mut self) -> Result<char, FhirError> {
        self.at += 1;
        let short = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(short)
    }

    fn unicode_escape(&mut self) -> Result<char, FhirError> {
        let first = self.code_unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.not_json());
        }
        self.expect(b'\\')?;
        let second = self.code_unit()?;
        let pair = [first, second].map(|unit| u16::try_from(unit).unwrap_or_default());
        let mut decoded = char::decode_utf16(pair);
        decoded
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| self.not_json())
    }

    /// `uXXXX`, the backslash already read.
    fn code_unit(&mut self) -> Result<u32, FhirError> {
        self.expect(b'u')?;
        (0..4).try_fold(0, |unit, _| {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16));
            let digit = digit.ok_or_else(|| self.unexpected())?;
            self.at += 1;
            Ok(unit * 16 + digit)
        })
    }
}
