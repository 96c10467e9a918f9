//! The decoders of the ordinary tests, as fuzz targets need them.

#[path = "../../tests/tests/hostile/decoders.rs"]
mod decoders;

/// Hands bytes to every decoder of a group.
pub fn knock(group: &str, bytes: &[u8]) {
    let decoders = decoders::GROUPS.iter().filter(|(name, _)| *name == group);
    for (_, decoder) in decoders.flat_map(|(_, decoders)| decoders.iter()) {
        decoder(bytes);
    }
}
