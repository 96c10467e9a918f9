//! A strict scanner of JSON (RFC 8259) that builds nothing: it checks and notes where entries lie.
//!
//! Recursion is bounded by the depth limit; duplicate names are found by sorting the names of one
//! object when it closes, so hostile objects cost O(n log n).

use crate::limits::MAX_DEPTH;
use crate::pieces::PiecesError;
use core::ops::Range;
use std::borrow::Cow;

type Scanned<T> = Result<T, PiecesError>;

/// Scans one text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Names of all objects that are open, innermost last.
    names: Vec<Cow<'a, str>>,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            names: Vec::new(),
        }
    }

    /// Scans the outermost object to the text's end; notes the objects of its array `entry`.
    pub(crate) fn document(mut self, entries: Option<&mut Vec<Range<usize>>>) -> Scanned<()> {
        self.space();
        if self.peek() != Some(b'{') {
            // Anything else that is JSON is told apart from what is not.
            self.value(1)?;
            self.end()?;
            return Err(PiecesError::NotObject);
        }
        self.object(1, entries)?;
        self.end()
    }

    fn end(&mut self) -> Scanned<()> {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.fail()
        }
    }

    fn fail<T>(&self) -> Scanned<T> {
        Err(PiecesError::NotJson(self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.step(usize::from(found));
        found
    }

    fn expect(&mut self, byte: u8) -> Scanned<()> {
        if self.take(byte) { Ok(()) } else { self.fail() }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.step(1);
        }
    }

    fn value(&mut self, depth: usize) -> Scanned<()> {
        match self.peek() {
            Some(b'{') => self.object(depth, None),
            Some(b'[') => self.array(depth, None),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.fail(),
        }
    }

    fn word(&mut self, word: &str) -> Scanned<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return self.fail();
        }
        self.step(word.len());
        Ok(())
    }

    fn descend(&self, depth: usize) -> Scanned<()> {
        if depth > MAX_DEPTH {
            Err(PiecesError::TooDeep(self.at))
        } else {
            Ok(())
        }
    }

    fn object(&mut self, depth: usize, mut entries: Option<&mut Vec<Range<usize>>>) -> Scanned<()> {
        self.descend(depth)?;
        let first_name = self.names.len();
        self.expect(b'{')?;
        self.space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let name = self.string()?;
            let is_entry = name == "entry";
            self.names.push(name);
            self.space();
            self.expect(b':')?;
            self.space();
            match &mut entries {
                Some(found) if is_entry && self.peek() == Some(b'[') => {
                    self.array(depth.saturating_add(1), Some(found))?;
                }
                _ => self.value(depth.saturating_add(1))?,
            }
            self.space();
            if !self.take(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        self.close_names(first_name)
    }

    /// Forgets the names of the object that closes, unless two of them are equal.
    fn close_names(&mut self, first: usize) -> Scanned<()> {
        let names = self.names.get_mut(first..).unwrap_or_default();
        names.sort_unstable();
        let twice = names
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b));
        self.names.truncate(first);
        if twice {
            Err(PiecesError::Duplicate(self.at))
        } else {
            Ok(())
        }
    }

    fn array(&mut self, depth: usize, mut entries: Option<&mut Vec<Range<usize>>>) -> Scanned<()> {
        self.descend(depth)?;
        self.expect(b'[')?;
        self.space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.space();
            let start = self.at;
            if entries.is_some() && self.peek() != Some(b'{') {
                self.value(depth.saturating_add(1))?;
                return Err(PiecesError::EntryNotObject(start));
            }
            self.value(depth.saturating_add(1))?;
            if let Some(found) = &mut entries {
                found.push(start..self.at);
            }
            self.space();
            if !self.take(b',') {
                break;
            }
        }
        self.expect(b']')
    }

    fn number(&mut self) -> Scanned<()> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.step(1);
            if let Some(b'+' | b'-') = self.peek() {
                self.step(1);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Scanned<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.step(count);
        if count == 0 { self.fail() } else { Ok(()) }
    }

    /// A string, its escapes resolved; without escapes nothing is copied.
    fn string(&mut self) -> Scanned<Cow<'a, str>> {
        self.expect(b'"')?;
        let plain = self.run()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut resolved = plain.to_owned();
        while !self.take(b'"') {
            resolved.push(self.escape()?);
            resolved.push_str(self.run()?);
        }
        Ok(Cow::Owned(resolved))
    }

    /// The characters up to the next quote or backslash.
    fn run(&mut self) -> Scanned<&'a str> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let stop = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
        self.step(rest.iter().position(stop).unwrap_or(rest.len()));
        match self.peek() {
            Some(b'"' | b'\\') => self
                .text
                .get(start..self.at)
                .ok_or(PiecesError::NotJson(start)),
            _ => self.fail(),
        }
    }

    fn escape(&mut self) -> Scanned<char> {
        self.expect(b'\\')?;
        let Some(kind) = self.peek() else {
            return self.fail();
        };
        self.step(1);
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.escaped_scalar(),
            _ => return self.fail(),
        })
    }

    fn escaped_scalar(&mut self) -> Scanned<char> {
        let first = self.hex()?;
        let scalar = match first {
            0xd800..=0xdbff => {
                self.expect(b'\\')?;
                self.expect(b'u')?;
                match self.hex()? {
                    second @ 0xdc00..=0xdfff => {
                        0x1_0000_u32.saturating_add((first & 0x3ff) << 10 | second & 0x3ff)
                    }
                    _ => return self.fail(),
                }
            }
            other => other,
        };
        char::from_u32(scalar).ok_or(PiecesError::NotJson(self.at))
    }

    fn hex(&mut self) -> Scanned<u32> {
        let digits = self
            .bytes
            .get(self.at..self.at.saturating_add(4))
            .unwrap_or_default();
        if digits.len() != 4 {
            return self.fail();
        }
        let mut value = 0;
        for digit in digits {
            let digit = char::from(*digit)
                .to_digit(16)
                .ok_or(PiecesError::NotJson(self.at))?;
            value = value << 4 | digit;
        }
        self.step(4);
        Ok(value)
    }
}
