//! Integers stay where every program can hold them: a reader whose numbers are floating-point, as
//! in JavaScript, shows and compares what lies above 2⁵³ − 1 wrongly.

/// Largest unsigned integer of any structure: 2⁵³ − 1, which every program holds exactly.
pub const MAX_UINT: u64 = (1 << 53) - 1;

/// Whether no unsigned integer of some well-formed CBOR of definite lengths lies above [`MAX_UINT`].
#[must_use]
pub fn all_exact(mut bytes: &[u8]) -> bool {
    while let Some((&head, rest)) = bytes.split_first() {
        let Some((major, argument, rest)) = argument(head, rest) else {
            return false;
        };
        if major == 0 && argument > MAX_UINT {
            return false;
        }
        let content = if matches!(major, 2 | 3) { argument } else { 0 };
        let Some(rest) = usize::try_from(content).ok().and_then(|n| rest.get(n..)) else {
            return false;
        };
        bytes = rest;
    }
    true
}

/// Major type and argument of a head, and what follows it.
fn argument(head: u8, rest: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (major, info) = (head >> 5, head & 0x1f);
    let length = match info {
        0..24 => return Some((major, u64::from(info), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (bytes, rest) = rest.split_at_checked(length)?;
    let value = bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some((major, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_cbor;

    #[test]
    fn a_number_above_two_to_the_53rd_is_seen_wherever_it_stands() {
        assert!(all_exact(&to_cbor(&(
            MAX_UINT, 23u8, 24u8, 256u16, 70_000u32
        ))));
        assert!(!all_exact(&to_cbor(&(1u8, vec![MAX_UINT + 1]))));
        assert!(!all_exact(&to_cbor(&("text", u64::MAX))));
    }

    #[test]
    fn what_texts_byte_strings_and_negative_numbers_hold_is_no_unsigned_integer() {
        let opaque = minicbor::bytes::ByteVec::from(vec![0x1b; 300]);
        assert!(all_exact(&to_cbor(&(
            opaque,
            "\u{1b}\u{1b}",
            i64::MIN,
            true,
            None::<u8>
        ))));
        assert!(!all_exact(&[0x1b, 0]));
        assert!(!all_exact(&[0x58, 2, 0]));
    }
}
