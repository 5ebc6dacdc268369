//! What an error means: from the number a provider gave it, else from its words.

use super::reset::reset_of;
use super::{Outcome, json};
use domain::Moment;
use jiff::tz::TimeZone;

/// When and where a text is read: `resets 3pm` means nothing without it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// Now.
    pub(super) now: Moment,
    /// The zone of the machine.
    pub(super) zone: &'a TimeZone,
}

const LIMIT: &[&str] = &[
    "usage limit",
    "rate limit",
    "rate_limit",
    "ratelimit",
    "quota",
    "too many requests",
    "resource_exhausted",
    "resource has been exhausted",
    "limit reached",
    "hit your limit",
    "reached your limit",
    "session limit",
    "weekly limit",
    "credit balance",
    "insufficient_quota",
    "out of credits",
    "purchase more credits",
];
const AUTHENTICATION: &[&str] = &[
    "not logged in",
    "/login",
    "log in again",
    "login required",
    "login expired",
    "please log in",
    "unauthorized",
    "unauthenticated",
    "authentication",
    "invalid api key",
    "invalid x-api-key",
    "api key not",
    "no api key",
    "missing api key",
    "incorrect api key",
    "api_key_invalid",
    "missing environment variable",
    "token has expired",
    "token expired",
    "token has been revoked",
    "refresh token",
    "invalid auth method",
    "auth_required",
    "credentials",
];
const LOST: &[&str] = &[
    "no conversation found",
    "no rollout found",
    "no previous sessions found",
    "session not found",
    "unknown session",
    "no saved session",
    "invalid session identifier",
];
const TRANSIENT: &[&str] = &[
    "overloaded",
    "high demand",
    "timed out",
    "timeout",
    "connection",
    "network",
    "stream disconnected",
    "econnreset",
    "econnrefused",
    "enotfound",
    "etimedout",
    "eai_again",
    "terminated",
    "socket hang up",
    "fetch failed",
    "temporar",
    "unavailable",
    "internal server error",
    "bad gateway",
    "dns",
    "try again later",
    "stream error",
];
const PERMANENT: &[&str] = &[
    "invalid_request",
    "invalid request",
    "invalid_argument",
    "bad request",
    "model_not_found",
    "not_found_error",
    "model not found",
    "does not exist",
    "not supported",
    "context length",
    "context window",
    "prompt is too long",
    "content_policy",
    "billing details",
    "cannot be used with root",
];

/// What an error means. `status` is the number of an HTTP answer, where the agent says it.
pub(super) fn classify(status: Option<u64>, text: &str, reading: Reading<'_>) -> Outcome {
    let reason = shortened(text);
    let low = json::clip(text, 16_384).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| low.contains(word));
    let limited = || Outcome::Limited {
        until: reset_of(text, reading.now, reading.zone),
        reason: reason.clone(),
    };

    if says(LOST) {
        return Outcome::SessionLost(reason);
    }
    match status.or_else(|| status_in(&low)) {
        Some(429) => limited(),
        Some(401 | 403) => Outcome::Authentication(reason),
        Some(402) => limited(),
        Some(408 | 409 | 425 | 500..=599) => Outcome::Transient(reason),
        Some(400..=499) if says(&["usage limit", "insufficient_quota", "credit balance"]) => limited(),
        Some(400..=499) => Outcome::Permanent(reason),
        _ if says(LIMIT) => limited(),
        _ if says(AUTHENTICATION) => Outcome::Authentication(reason),
        _ if says(PERMANENT) => Outcome::Permanent(reason),
        // Also what nobody knows: another try is bounded by the step, giving up is for ever.
        _ => Outcome::Transient(reason),
    }
}

/// What the end of a process means, where only its words are left; none where they say nothing known.
pub(super) fn classify_known(text: &str, reading: Reading<'_>) -> Option<Outcome> {
    let low = json::tail(text, 16_384).to_lowercase();
    let is_known = status_in(&low).is_some()
        || [LIMIT, AUTHENTICATION, LOST, TRANSIENT, PERMANENT]
            .iter()
            .any(|words| words.iter().any(|word| low.contains(word)));
    is_known.then(|| classify(None, text, reading))
}

/// The number of an HTTP answer in a text: three digits after a word that announces one, or at the very start.
fn status_in(low: &str) -> Option<u64> {
    let announced = ["status", "\"code", "error", "http", "rejected", "code="]
        .iter()
        .find_map(|word| {
            low.match_indices(word)
                .find_map(|(index, _)| number_near(&low[index + word.len()..]))
        });
    announced.or_else(|| whole_number(low.trim_start()))
}

/// A status number within the next few characters, nothing but punctuation and fillers before it.
fn number_near(rest: &str) -> Option<u64> {
    let window = &rest[..rest.floor_char_boundary(24)];
    let digits = window.find(|c: char| c.is_ascii_digit())?;
    let before = &window[..digits];
    let is_filler = before.chars().all(|c| !c.is_alphabetic())
        || ["code", "status", "error", "from", "with"]
            .iter()
            .any(|word| before.contains(word));
    if is_filler {
        whole_number(&rest[digits..])
    } else {
        None
    }
}

fn whole_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = (end == 3).then(|| text[..end].parse().ok()).flatten()?;
    (400..=599).contains(&number).then_some(number)
}

/// An error as people read it: the message inside a JSON body, on one line, not too long.
pub(super) fn shortened(text: &str) -> String {
    let inner = json::object(text).and_then(|body| {
        json::text(&body, &["error", "message"])
            .or_else(|| json::text(&body, &["message"]))
            .map(ToOwned::to_owned)
    });
    let text = inner.as_deref().unwrap_or(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    json::clip(&line, 600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(status: Option<u64>, text: &str) -> &'static str {
        match classify(
            status,
            text,
            Reading {
                now: Moment::from_ms(0),
                zone: &TimeZone::UTC,
            },
        ) {
            Outcome::Limited { .. } => "limited",
            Outcome::Transient(_) => "transient",
            Outcome::Authentication(_) => "authentication",
            Outcome::Permanent(_) => "permanent",
            Outcome::SessionLost(_) => "lost",
            _ => "other",
        }
    }

    #[test]
    fn the_number_decides_before_the_words() {
        assert_eq!(class(Some(429), "whatever"), "limited");
        assert_eq!(class(Some(401), "rate limit"), "authentication");
        assert_eq!(class(Some(400), "scripted invalid_request_error"), "permanent");
        assert_eq!(class(Some(529), "overloaded"), "transient");
    }

    #[test]
    fn words_carry_a_number_or_a_meaning() {
        for (text, expected) in [
            (
                "API Error: Request rejected (429) · scripted rate_limit_error",
                "limited",
            ),
            (
                "exceeded retry limit, last status: 429 Too Many Requests",
                "limited",
            ),
            (
                "You've hit your usage limit. Upgrade to Pro or try again in 3 days 1 hour.",
                "limited",
            ),
            ("Quota exceeded. Check your plan and billing details.", "limited"),
            ("Claude AI usage limit reached|1763700000", "limited"),
            (
                "unexpected status 401 Unauthorized: scripted authentication_error",
                "authentication",
            ),
            ("Not logged in · Please run /login", "authentication"),
            ("Missing environment variable: `SCRIPTED_KEY`.", "authentication"),
            ("API Error: 400 scripted invalid_request_error", "permanent"),
            ("400 scripted invalid_request_error", "permanent"),
            (
                "{\"error\":{\"code\":400,\"message\":\"scripted\",\"status\":\"INVALID_ARGUMENT\"}}",
                "permanent",
            ),
            (
                "{\"error\": {\"message\": \"x\", \"type\": \"invalid_request_error\"}}",
                "permanent",
            ),
            (
                "We’re currently experiencing high demand, which may cause temporary errors.",
                "transient",
            ),
            (
                "unexpected status 529 <unknown status code>: scripted overloaded_error",
                "transient",
            ),
            (
                "stream disconnected before completion: Transport error",
                "transient",
            ),
            ("No conversation found with session ID: 1111", "lost"),
            (
                "thread/resume failed: no rollout found for thread id 01a1 (code -32600)",
                "lost",
            ),
            ("something nobody has seen before", "transient"),
        ] {
            assert_eq!(class(None, text), expected, "{text}");
        }
    }

    #[test]
    fn a_number_that_is_no_status_means_nothing() {
        assert_eq!(status_in("error at line 500123"), None);
        assert_eq!(status_in("took 450 ms"), None);
        assert_eq!(status_in("http://127.0.0.1:4290/v1"), None);
    }
}
