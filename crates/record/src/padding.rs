//! Padmé: lengths that say little.
//!
//! ```text
//! E = ⌊log₂ L⌋, S = ⌊log₂ E⌋ + 1; the lowest E − S bits of the padded length are zero
//! ```
//! A padded length keeps no more bits than its own exponent does: it leaks O(log log L) bits and
//! costs at most 12 %. Source: Nikitin, Barman, Lueks, Underwood, Hubaux, Ford, “Reducing
//! Metadata Leakage from Encrypted Files and Communication with PURBs”, PETS 2019, section 4.

use crate::limits::MIN_PADDED;

/// The smallest padded length that holds `length` bytes, at least 1 KiB.
#[must_use]
pub const fn padded_length(length: u64) -> u64 {
    if length <= MIN_PADDED as u64 {
        return MIN_PADDED as u64;
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2().saturating_add(1);
    let mask = (1_u64 << exponent.saturating_sub(kept)).saturating_sub(1);
    // Above 2⁶³ nothing fits; every caller limits lengths long before.
    length.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::padded_length;
    use proptest::prelude::*;

    #[test]
    fn lengths_round_as_in_the_paper() {
        assert_eq!(padded_length(0), 1024);
        assert_eq!(padded_length(1024), 1024);
        // E = 10, S = 4: six bits are cleared.
        assert_eq!(padded_length(1025), 1088);
        assert_eq!(padded_length(1088), 1088);
        // E = 16, S = 5: eleven bits are cleared.
        assert_eq!(padded_length(65_537), 67_584);
    }

    proptest! {
        #[test]
        fn padding_never_shortens_costs_at_most_an_eighth_and_is_stable(length in 1024_u64..1 << 40) {
            let padded = padded_length(length);
            prop_assert!(padded >= length && padded - length <= length / 8);
            prop_assert_eq!(padded_length(padded), padded);
        }
    }
}
