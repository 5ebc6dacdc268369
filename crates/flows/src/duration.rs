//! Durations as people write them: `500ms`, `5s`, `20m`, `2h`, `1d`.

use std::ops::RangeInclusive;

/// The milliseconds of a duration, if it is one and lies in bounds.
pub(crate) fn parse(text: &str, bounds: RangeInclusive<u64>) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a number with a unit is expected: `500ms`, `5s`, `20m`, `2h`, `1d`".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a number must stand before the unit".to_owned())?;
    let length_ms = number
        .checked_mul(factor)
        .filter(|length| bounds.contains(length));
    length_ms.ok_or_else(|| {
        format!(
            "it must lie between {} and {}",
            written(*bounds.start()),
            written(*bounds.end())
        )
    })
}

/// The shortest way to write so many milliseconds.
pub(crate) fn written(length_ms: u64) -> String {
    for (unit, factor) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if length_ms >= factor && length_ms.is_multiple_of(factor) {
            return format!("{}{unit}", length_ms / factor);
        }
    }
    format!("{length_ms}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, length_ms) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("20m", 1_200_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text, 0..=u64::MAX), Ok(length_ms));
            assert_eq!(written(length_ms), text);
        }
        for wrong in [
            "",
            "5",
            "m",
            "5 m",
            "-5s",
            "5min",
            "99999999999999999999s",
            "1.5h",
        ] {
            assert!(parse(wrong, 0..=u64::MAX).is_err(), "{wrong}");
        }
        assert_eq!(
            parse("1ms", 1_000..=60_000),
            Err("it must lie between 1s and 1m".to_owned())
        );
    }
}
