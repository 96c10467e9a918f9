//! SM2 private key from a seed: the first of HKDF(seed, label ‖ counter) in [1, n−2]
//! (GB/T 32918.1, 6.1 asks for that range), counter one byte from 0.

use crate::{Label, Secret32, Suite};
use core::ops::Neg as _;
use sm2::{NonZeroScalar, Scalar, SecretKey};

/// Derives the private key; each step fails with probability below 2⁻³².
pub(crate) fn from_seed(seed: &Secret32) -> SecretKey {
    let mut counter = 0_u8;
    loop {
        let candidate = Suite::National.derive(seed, Label::SM2_SCALAR, &[&[counter]]);
        if let Some(key) = in_range(&candidate) {
            return key;
        }
        counter = counter.wrapping_add(1);
    }
}

/// `None` for 0, n−1 and anything not below n.
fn in_range(candidate: &Secret32) -> Option<SecretKey> {
    let scalar = NonZeroScalar::try_from(candidate.expose().as_slice()).ok()?;
    let minus_one = Scalar::ONE.neg();
    (*scalar != minus_one).then(|| SecretKey::from(scalar))
}
