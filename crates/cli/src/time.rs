//! Durations as people write them.

/// Milliseconds of `30m`, `2h`, `7d`, `90s`.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no duration: write a number and s, m, h or d, such as 2h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number = text.strip_suffix(unit).ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds * 1_000)
        .filter(|ms| *ms > 0)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_number_with_a_unit_is_a_duration_and_nothing_else_is() {
        assert_eq!(duration("1h"), Ok(3_600_000));
        assert_eq!(duration("7d"), Ok(604_800_000));
        for wrong in [
            "",
            "h",
            "1",
            "0h",
            "-1h",
            "1w",
            "1.5h",
            "99999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
