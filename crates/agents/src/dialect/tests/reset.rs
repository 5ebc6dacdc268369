//! Every form of a reset seen so far, and forms that are none.

use super::super::reset::reset_of;
use super::*;

fn ms(text: &str) -> Option<u64> {
    reset_of(text, NOW, &TimeZone::UTC).map(|moment| moment.ms_since(NOW))
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

#[test]
fn fields_are_found_in_bodies_and_headers() {
    let at = NOW.as_ms() / 1000 + 600;
    for (text, expected) in [
        (
            r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":600}}"#.to_owned(),
            600 * SECOND,
        ),
        (format!(r#"{{"error":{{"resets_at":{at}}}}}"#), 600 * SECOND),
        (format!(r#"{{\"resetsAt\": {at}000}}"#), 600 * SECOND),
        (r#"responseHeaders: {"retry-after":"20"}"#.to_owned(), 20 * SECOND),
        ("429: Retry-After: 20".to_owned(), 20 * SECOND),
        ("retry-after-ms: 1500".to_owned(), 1_500),
        (r#""retryDelay": "34.07s""#.to_owned(), 34_070),
        ("x-ratelimit-reset-requests: 6m0s".to_owned(), 6 * MINUTE),
        (
            "anthropic-ratelimit-tokens-reset: 2026-11-21T12:30:00Z".to_owned(),
            30 * MINUTE,
        ),
    ] {
        assert_eq!(ms(&text), Some(expected), "{text}");
    }
}

#[test]
fn words_are_understood() {
    let at = NOW.as_ms() / 1000 + 600;
    for (text, expected) in [
        (format!("Claude AI usage limit reached|{at}"), 600 * SECOND),
        ("try again in 5 minutes.".to_owned(), 5 * MINUTE),
        (
            "Please try again in 1h22m3s.".to_owned(),
            HOUR + 22 * MINUTE + 3 * SECOND,
        ),
        (
            "or try again in 3 days 1 hour and 5 minutes".to_owned(),
            3 * DAY + HOUR + 5 * MINUTE,
        ),
        (
            "Your quota will reset after 18h5m3s.".to_owned(),
            18 * HOUR + 5 * MINUTE + 3 * SECOND,
        ),
        ("Please retry in 34.074824224s.".to_owned(), 34_074),
        ("limit resets in about an hour".to_owned(), HOUR),
        ("wait 20 seconds".to_owned(), 20 * SECOND),
        ("5-hour limit reached ∙ resets 3pm".to_owned(), 3 * HOUR),
        (
            "Your limit will reset at 3:30 PM (UTC).".to_owned(),
            3 * HOUR + 30 * MINUTE,
        ),
        ("resets 11am".to_owned(), 23 * HOUR),
        ("resets at 15:00".to_owned(), 3 * HOUR),
        ("weekly limit reached, resets Nov 23 at 9am".to_owned(), 45 * HOUR),
        ("resets Jan 2, 9am".to_owned(), 41 * DAY + 21 * HOUR),
        (
            "try again at Nov 22nd, 2026 3:05 PM.".to_owned(),
            DAY + 3 * HOUR + 5 * MINUTE,
        ),
        ("resets Monday 9:00 AM".to_owned(), 45 * HOUR),
        ("resets Saturday at 11am".to_owned(), 7 * DAY - HOUR),
        ("try again tomorrow at 3am".to_owned(), 15 * HOUR),
        ("available again at 2026-11-21T14:00:00Z".to_owned(), 2 * HOUR),
    ] {
        assert_eq!(ms(&text), Some(expected), "{text}");
    }
}

#[test]
fn a_reset_told_to_the_minute_is_over_with_that_minute_not_a_day_later() {
    let text = "You've hit your usage limit. Try again at 12:00 PM.";
    let at = |ms| reset_of(text, NOW.plus_ms(ms), &TimeZone::UTC).map(|moment| moment.ms_since(NOW));
    assert_eq!(at(0), Some(MINUTE));
    assert_eq!(at(MINUTE - 1), Some(MINUTE));
    assert_eq!(at(MINUTE), Some(DAY));
}

#[test]
fn a_zone_that_is_named_counts_where_the_machine_knows_it() {
    let expected = if TimeZone::get("America/New_York").is_ok() {
        8 * HOUR
    } else {
        3 * HOUR
    };
    assert_eq!(ms("resets 3pm (America/New_York)"), Some(expected));
    let berlin = TimeZone::fixed(jiff::tz::offset(1));
    let found = reset_of("resets 3pm", NOW, &berlin).map(|moment| moment.ms_since(NOW));
    assert_eq!(found, Some(2 * HOUR));
    assert_eq!(
        reset_of("resets 3pm (UTC)", NOW, &berlin).map(|moment| moment.ms_since(NOW)),
        Some(3 * HOUR)
    );
}

#[test]
fn what_says_nothing_is_no_moment() {
    for text in [
        "",
        "rate limited",
        "exceeded retry limit, last status: 429 Too Many Requests",
        "resets at 1600000000",
        "try again later",
        "|",
        "|12",
        "resets 25pm",
        "resets at 99:99",
        "resets Nov 99 at 9am",
        "try again in 9e99 days",
        "resets_in_seconds: -4",
        "retry-after: 99999999999999999999999999",
        "you can retry 3 times",
    ] {
        assert_eq!(ms(text), None, "{text}");
    }
}
