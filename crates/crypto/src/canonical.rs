//! One encoding per public key.
//!
//! Numbers, key ids and "never used before" compare bytes, so a key that could be written twice
//! could come back under another name. Curve libraries read more than they write: RFC 8032 and
//! RFC 7748 decoders reduce coordinates modulo p = 2²⁵⁵ − 19, RFC 7748 ignores bit 255, and SEC 1
//! has a compact form (tag 5) as long as the compressed one.

use crate::Suite;

/// Bit 255 of a little-endian number.
const TOP: u8 = 0x80;

/// Whether an Ed25519 key's y is below p; its bit 255 is the sign of x.
pub(crate) fn is_edwards(key: &[u8; 32]) -> bool {
    let mut y = *key;
    if let Some(last) = y.last_mut() {
        *last &= !TOP;
    }
    is_below_p(&y)
}

/// Whether an X25519 key's u is below p and its bit 255 is clear.
pub(crate) fn is_montgomery(key: &[u8; 32]) -> bool {
    is_below_p(key)
}

/// Whether an SM2 key is 0x02 or 0x03 ‖ x.
pub(crate) fn is_compressed(key: &[u8]) -> bool {
    key.len() == Suite::National.public_key_len() && matches!(key.first(), Some(2 | 3))
}

/// p = ed ff … ff 7f, little-endian; public, so in variable time.
fn is_below_p(number: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = number;
    *high < 0x7f || (*high == 0x7f && (*low < 0xed || middle.iter().any(|byte| *byte != 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p_plus(difference: i8) -> [u8; 32] {
        let mut number = [0xff; 32];
        number[0] = 0xed_u8.wrapping_add_signed(difference);
        number[31] = 0x7f;
        number
    }

    #[test]
    fn only_numbers_below_p_are_coordinates() {
        for (number, below) in [
            ([0; 32], true),
            (p_plus(-1), true),
            (p_plus(0), false),
            (p_plus(1), false),
            (p_plus(18), false),
            ([0xff; 32], false),
        ] {
            assert_eq!(is_montgomery(&number), below);
        }
        let mut signed = p_plus(-1);
        signed[31] |= TOP;
        assert!(is_edwards(&signed));
        assert!(!is_montgomery(&signed));
        assert!(!is_edwards(&[0xff; 32]));
    }
}
