//! The code that a front desk hands to a patient, and the link that carries it.
//!
//! ```text
//! code   80 random bits, one use, ten minutes; typed as 16 characters of Crockford's Base32,
//!        most significant bit first: 0123456789ABCDEFGHJKMNPQRSTVWXYZ
//! link   medfolder:link/<first 8 bytes of the genesis digest, hex>/<member id, hex>/<code>
//! mac    HMAC(code (10), "medfolder/desk-code" ‖ 0 ‖ genesis digest (32) ‖ CBOR of T_R's body)
//! ```
//! The link is never an https address: no browser may send the code anywhere. Reading a typed code
//! takes small letters, spaces and hyphens, `O` for 0 and `I` or `L` for 1, as Crockford asks:
//! <https://www.crockford.com/base32.html>.

use core::fmt;
use core::str::FromStr;

use medfolder_crypto::{Digest, Label, Suite};
use medfolder_record::MemberId;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SCHEME: &str = "medfolder:link/";
/// Bytes of a code.
pub const CODE_LEN: usize = 10;
/// Characters of a code.
pub const CODE_CHARS: usize = 16;

/// A code of the front desk; wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct DeskCode([u8; CODE_LEN]);

/// Text that is no desk code, or no link of a front desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code or link of a front desk, or mistyped")]
pub struct NotADeskCode;

impl NotADeskCode {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "desk.code_malformed"
    }
}

impl DeskCode {
    /// Draws a fresh code.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; CODE_LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes over these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; CODE_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that stores them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; CODE_LEN] {
        &self.0
    }

    /// The 16 characters, for the screen and the link.
    #[must_use]
    pub fn text(&self) -> String {
        let mut bits = self.bits();
        let mut text = [0; CODE_CHARS];
        for place in text.iter_mut().rev() {
            let digit = (bits & 31) as usize;
            *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        text.iter().map(|byte| char::from(*byte)).collect()
    }

    /// Proves to the inner zone that T_R comes from whoever read this code. `body` is the CBOR of
    /// its `RegisterCard`.
    #[must_use]
    pub fn mac(&self, suite: Suite, genesis: &Digest, body: &[u8]) -> Digest {
        let label = Label::DESK_CODE.as_bytes();
        suite.hmac(&self.0, &[label, &[0], &genesis.0, body])
    }

    fn bits(&self) -> u128 {
        self.0
            .iter()
            .fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }
}

impl FromStr for DeskCode {
    type Err = NotADeskCode;

    fn from_str(text: &str) -> Result<Self, NotADeskCode> {
        let (mut bits, mut count) = (0_u128, 0_usize);
        for character in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
            let digit = digit(character).ok_or(NotADeskCode)?;
            count += 1;
            if count > CODE_CHARS {
                return Err(NotADeskCode);
            }
            bits = (bits << 5) | u128::from(digit);
        }
        if count != CODE_CHARS {
            return Err(NotADeskCode);
        }
        let [_, _, _, _, _, _, code @ ..] = bits.to_be_bytes();
        Ok(Self(code))
    }
}

fn digit(character: char) -> Option<u8> {
    let plain = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let found = ALPHABET
        .iter()
        .position(|letter| char::from(*letter) == plain)?;
    u8::try_from(found).ok()
}

impl fmt::Debug for DeskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeskCode(…)")
    }
}

/// What the QR at the front desk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskLink {
    /// First eight bytes of the genesis digest: which consortium.
    pub genesis: [u8; 8],
    /// Which hospital.
    pub member: MemberId,
    /// The code.
    pub code: DeskCode,
}

impl DeskLink {
    /// The link of a code.
    #[must_use]
    pub fn new(genesis: &Digest, member: MemberId, code: DeskCode) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = genesis.0;
        Self {
            genesis: [a, b, c, d, e, f, g, h],
            member,
            code,
        }
    }

    /// The link as text; it holds the code and belongs on no disk and in no log.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{SCHEME}{}/{}/{}",
            hex::encode(self.genesis),
            self.member,
            self.code.text()
        )
    }

    /// Whether the link is for the consortium with this genesis.
    #[must_use]
    pub fn is_for(&self, genesis: &Digest) -> bool {
        genesis.0.starts_with(&self.genesis)
    }
}

impl FromStr for DeskLink {
    type Err = NotADeskCode;

    fn from_str(text: &str) -> Result<Self, NotADeskCode> {
        let rest = text.trim().strip_prefix(SCHEME).ok_or(NotADeskCode)?;
        let mut parts = rest.split('/');
        let (Some(prefix), Some(member), Some(code), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotADeskCode);
        };
        let mut genesis = [0; 8];
        hex::decode_to_slice(prefix, &mut genesis).map_err(|_| NotADeskCode)?;
        let member = member.parse().map_err(|_| NotADeskCode)?;
        Ok(Self {
            genesis,
            member,
            code: code.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_as_people_type_it() {
        let code = DeskCode::new([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
        assert_eq!(code.text(), "0123456789ABCDEF");
        assert_eq!("o1 23-4567 89ab cdef".parse(), Ok(code.clone()));
        assert_eq!("OI23456789ABCDEF".parse(), Ok(code));
        for wrong in [
            "",
            "0123456789ABCDE",
            "0123456789ABCDEFG",
            "U123456789ABCDEF",
        ] {
            assert_eq!(wrong.parse::<DeskCode>(), Err(NotADeskCode));
        }
    }

    #[test]
    fn a_link_is_read_back_and_names_its_consortium() {
        let genesis = Digest([0xab; 32]);
        let code = DeskCode::new([9; CODE_LEN]);
        let link = DeskLink::new(&genesis, MemberId([7; 16]), code);
        let text = link.text();
        assert!(text.starts_with("medfolder:link/abababababababab/0707"));
        assert_eq!(text.parse(), Ok(link.clone()));
        assert!(link.is_for(&genesis) && !link.is_for(&Digest([0; 32])));
        assert_eq!(format!("{text}/x").parse::<DeskLink>(), Err(NotADeskCode));
        assert_eq!("https://a.example/x".parse::<DeskLink>(), Err(NotADeskCode));
    }

    #[test]
    fn debug_hides_the_code() {
        assert_eq!(format!("{:?}", DeskCode::new([9; CODE_LEN])), "DeskCode(…)");
    }
}
