//! Links as QR codes: an SVG file, or half blocks in a terminal (ISO/IEC 18004, level M).

use crate::error::CliError;
use qrcode::render::{svg, unicode::Dense1x2};
use qrcode::{EcLevel, QrCode};
use std::io::{IsTerminal as _, Write as _};

/// Side of the picture at least, in pixels.
const PIXELS: u32 = 320;
/// Black on white, whatever the terminal's own colours are.
const COLOURS: [&str; 2] = ["\x1b[38;5;16;48;5;231m", "\x1b[0m"];

fn code(link: &str) -> Result<QrCode, CliError> {
    QrCode::with_error_correction_level(link, EcLevel::M)
        .map_err(|error| CliError::new("link.qr_too_long", error))
}

/// Writes the picture.
pub(crate) fn write(mut file: std::fs::File, link: &str) -> Result<(), CliError> {
    let code = code(link)?;
    let picture = code.render::<svg::Color<'_>>();
    let picture = { picture }.min_dimensions(PIXELS, PIXELS).build();
    file.write_all(picture.as_bytes())
        .map_err(|error| CliError::new("file.write", error))
}

/// Lines of half blocks with the quiet zone; in colours where standard output is a terminal.
pub(crate) fn lines(link: &str) -> Result<String, CliError> {
    let blocks = code(link)?.render::<Dense1x2>().build();
    let [on, off] = match std::io::stdout().is_terminal() {
        true => COLOURS,
        false => [""; 2],
    };
    let lines = blocks.lines().map(|line| format!("{on}{line}{off}"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
