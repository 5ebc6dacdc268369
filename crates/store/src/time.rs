//! Moments as the rows spell them: ISO 8601 in UTC with milliseconds, so that text sorts like time.

use domain::Moment;
use jiff::fmt::temporal::DateTimePrinter;

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// The moment as text; the last representable one for a moment past the year 9999.
#[must_use]
pub fn iso(moment: Moment) -> String {
    let ms = i64::try_from(moment.as_ms()).unwrap_or(i64::MAX);
    let timestamp = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    PRINTER.timestamp_to_string(&timestamp)
}

/// The moment that [`iso`] wrote.
#[must_use]
pub fn moment(text: &str) -> Option<Moment> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_millisecond())
        .ok()
        .map(Moment::from_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_what_it_writes_and_sorts_as_text() {
        let early = Moment::from_ms(1_700_000_000_000);
        assert_eq!(iso(early), "2023-11-14T22:13:20.000Z");
        assert_eq!(moment(&iso(early)), Some(early));
        assert!(iso(early) < iso(early.plus_ms(7)));
        assert!(iso(Moment::from_ms(u64::MAX)).starts_with("9999"));
    }
}
