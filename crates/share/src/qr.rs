//! QR codes of links: byte mode, error correction M, a quiet zone of four modules, nothing drawn
//! over the code.
//!
//! Source: SMART Health Links, “QR”; ISO/IEC 18004.

use std::fmt::Write as _;

use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};

const QUIET_ZONE: usize = 4;
const LARGEST_VERSION: i16 = 40;

/// The text does not fit a QR code of the largest size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is too long for a QR code")]
pub struct TooLongForQr;

impl TooLongForQr {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "link.qr_too_long"
    }
}

/// A QR code as a square of modules, quiet zone included.
#[derive(Clone, PartialEq, Eq)]
pub struct Qr {
    /// Modules per side.
    pub side: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// Encodes a link.
    pub fn of(text: &str) -> Result<Self, TooLongForQr> {
        let code = (1..=LARGEST_VERSION).find_map(|version| encode(text, version));
        let code = code.ok_or(TooLongForQr)?;
        let dark = code
            .to_colors()
            .into_iter()
            .map(|color| color == Color::Dark)
            .collect();
        Ok(Self {
            side: code.width(),
            dark,
        }
        .with_quiet_zone())
    }

    fn with_quiet_zone(self) -> Self {
        let side = self.side.saturating_add(2 * QUIET_ZONE);
        let inner = |at: usize| at.checked_sub(QUIET_ZONE);
        let module = |place: usize| {
            let (row, column) = (inner(place / side), inner(place % side));
            row.zip(column)
                .is_some_and(|(row, column)| self.is_dark(row, column))
        };
        Self {
            side,
            dark: (0..side.saturating_mul(side)).map(module).collect(),
        }
    }

    /// Whether the module in this row and column is dark.
    pub fn is_dark(&self, row: usize, column: usize) -> bool {
        column < self.side
            && self
                .dark
                .get(row.saturating_mul(self.side).saturating_add(column))
                == Some(&true)
    }

    /// An SVG document, one unit per module.
    pub fn to_svg(&self) -> String {
        let mut path = String::new();
        for row in 0..self.side {
            for column in (0..self.side).filter(|column| self.is_dark(row, *column)) {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{column} {row}h1v1h-1z");
            }
        }
        let side = self.side;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
             <path fill=\"#000\" d=\"{path}\"/></svg>\n"
        )
    }

    /// Half blocks for a terminal, dark on light.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for row in (0..self.side).step_by(2) {
            for column in 0..self.side {
                let lower = row.saturating_add(1);
                text.push(
                    match (self.is_dark(row, column), self.is_dark(lower, column)) {
                        (true, true) => ' ',
                        (true, false) => '▄',
                        (false, true) => '▀',
                        (false, false) => '█',
                    },
                );
            }
            text.push('\n');
        }
        text
    }
}

fn encode(text: &str, version: i16) -> Option<QrCode> {
    let mut bits = Bits::new(Version::Normal(version));
    bits.push_byte_data(text.as_bytes()).ok()?;
    bits.push_terminator(EcLevel::M).ok()?;
    QrCode::with_bits(bits, EcLevel::M).ok()
}
