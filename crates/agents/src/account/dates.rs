//! Owns: what a login file says about time: which of two copies is the newer, and when a login runs out.

use super::beneath::Content;
use crate::descriptor::LoginFile;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Moment;
use serde_json::Value;

/// From here on a number counts milliseconds: as seconds, it would be the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;

/// Whether one copy is newer: by what it says about its renewal or its end, else by when it was written.
pub(super) fn is_newer(one: &Content, other: &Content, file: &LoginFile) -> bool {
    let said = |content: &Content| {
        let whole: Value = serde_json::from_slice(&content.bytes).ok()?;
        let of = |path: &Option<String>| moment(&whole, path.as_deref()?);
        Some((of(&file.renewed), of(&file.expiry)))
    };
    let (one_says, other_says) = (said(one).unwrap_or_default(), said(other).unwrap_or_default());
    let differ =
        |one: Option<Moment>, other: Option<Moment>| Some((one?, other?)).filter(|(one, other)| one != other);
    match differ(one_says.0, other_says.0).or_else(|| differ(one_says.1, other_says.1)) {
        Some((one_at, other_at)) => one_at > other_at,
        None => one.changed > other.changed,
    }
}

/// When that login runs out; none when the file does not say.
pub(super) fn runs_out(content: &Content, file: &LoginFile) -> Option<Moment> {
    let whole: Value = serde_json::from_slice(&content.bytes).ok()?;
    let of = |path: &Option<String>| moment(&whole, path.as_deref()?);
    let is_renewed = of(&file.renewed).zip(file.lasts_s);
    let by_age = is_renewed.map(|(renewed, lasts_s)| renewed.plus_ms(lasts_s.saturating_mul(1000)));
    match (of(&file.expiry), by_age) {
        (Some(said), Some(by_age)) => Some(said.min(by_age)),
        (said, by_age) => said.or(by_age),
    }
}

/// What stands there as a moment: seconds or milliseconds, a date, or a token that carries the date of its end.
fn moment(whole: &Value, path: &str) -> Option<Moment> {
    let found = path.split('.').try_fold(whole, |json, name| json.get(name))?;
    match found {
        Value::Number(number) => of_number(number.as_f64()?),
        Value::String(text) => of_date(text).or_else(|| of_token(text)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn of_number(number: f64) -> Option<Moment> {
    let ms = if number < MILLISECONDS_FROM {
        number * 1000.0
    } else {
        number
    };
    // Anything that a clock shows fits exactly.
    (0.0..=9e15).contains(&ms).then(|| Moment::from_ms(ms as u64))
}

fn of_date(text: &str) -> Option<Moment> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Moment::from_ms(u64::try_from(at.as_millisecond()).ok()?))
}

/// The claim `exp` of a JSON web token. Its signature is the provider's business.
fn of_token(text: &str) -> Option<Moment> {
    let mut parts = text.split('.');
    let (_head, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    of_number(claims.get("exp")?.as_f64()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Catalog;
    use std::time::SystemTime;

    fn content(text: &str) -> Content {
        Content {
            bytes: text.as_bytes().to_vec(),
            changed: SystemTime::UNIX_EPOCH,
        }
    }

    fn shipped(agent: &str) -> LoginFile {
        Catalog::parse("", "agents.toml").unwrap().agents[agent]
            .login
            .files[0]
            .clone()
    }

    #[test]
    fn each_agents_file_says_when_its_login_runs_out() {
        let ms = 1_790_000_123_456;
        let at = Some(Moment::from_ms(ms));
        let claude = content(&format!(r#"{{"claudeAiOauth":{{"expiresAt":{ms}}}}}"#));
        assert_eq!(runs_out(&claude, &shipped("claude")), at);
        let google = content(&format!(r#"{{"expiry_date":{ms}}}"#));
        assert_eq!(runs_out(&google, &shipped("gemini")), at);
        assert_eq!(runs_out(&google, &shipped("qwen")), at);
        assert_eq!(runs_out(&content("{}"), &shipped("claude")), None);
        assert_eq!(runs_out(&content("{"), &shipped("claude")), None);
    }

    #[test]
    fn codex_renews_when_its_token_ends_or_after_eight_days() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":1790000000}"#);
        let with = |renewed: &str| {
            content(&format!(
                r#"{{"last_refresh":"{renewed}","tokens":{{"access_token":"e30.{claims}.c2ln"}}}}"#
            ))
        };
        let codex = shipped("codex");
        let token_ends = Moment::from_ms(1_790_000_000_000);
        // 2026-09-21T14:13:20Z is the token's end.
        assert_eq!(
            runs_out(&with("2026-09-20T00:00:00.123456Z"), &codex),
            Some(token_ends)
        );
        assert_eq!(
            runs_out(&with("2026-09-01T00:00:00Z"), &codex),
            of_date("2026-09-09T00:00:00Z")
        );
        // Both tokens end together here: the later renewal is the newer login.
        assert!(is_newer(
            &with("2026-09-20T00:00:01Z"),
            &with("2026-09-20T00:00:00Z"),
            &codex
        ));
    }
}
