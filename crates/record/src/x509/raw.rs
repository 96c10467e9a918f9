//! Values of DER (ITU-T X.690) as they stand: what is signed is compared and checked in its own bytes,
//! not in those that a library would write for it.

use super::CarriedError;
use der::Decode;

pub(super) const OCTETS: u8 = 0x04;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const ENUMERATED: u8 = 0x0A;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(super) const FIRST: u8 = 0xA0;

/// A value: its tag, its bytes with and without the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Raw<'a> {
    pub(super) whole: &'a [u8],
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

impl<'a> Raw<'a> {
    /// One value and nothing after it.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, CarriedError> {
        match take(der) {
            Some((value, [])) => Ok(value),
            _ => Err(CarriedError::Form),
        }
    }

    /// The values inside a value of this tag.
    pub(super) fn list(self, tag: u8) -> Result<Vec<Self>, CarriedError> {
        let (mut values, mut rest) = (Vec::new(), self.must(tag)?.content);
        while !rest.is_empty() {
            let (value, after) = take(rest).ok_or(CarriedError::Form)?;
            values.push(value);
            rest = after;
        }
        Ok(values)
    }

    pub(super) fn must(self, tag: u8) -> Result<Self, CarriedError> {
        (self.tag == tag).then_some(self).ok_or(CarriedError::Form)
    }

    /// As the library reads it.
    pub(super) fn decode<T: Decode<'a>>(self) -> Result<T, CarriedError> {
        T::from_der(self.whole).map_err(|_| CarriedError::Form)
    }
}

/// The first value and what follows it; lengths are the shortest, tags of one byte.
fn take(data: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (&[tag, first], rest) = data.split_first_chunk::<2>()?;
    let (length, rest) = if first < 128 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 127))?;
        if digits.len() > 4 || digits.first().is_none_or(|&digit| digit == 0) {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |n, &digit| n << 8 | usize::from(digit));
        (length, rest)
    };
    if tag & 31 == 31 || first >= 128 && length < 128 {
        return None;
    }
    let (content, after) = rest.split_at_checked(length)?;
    let whole = data.get(..data.len().checked_sub(after.len())?)?;
    Some((
        Raw {
            whole,
            tag,
            content,
        },
        after,
    ))
}

/// Whether the values of a SET OF stand in DER's order, none twice.
pub(super) fn is_ordered(values: &[Raw<'_>]) -> bool {
    values.is_sorted_by(|one, next| one.whole < next.whole)
}
