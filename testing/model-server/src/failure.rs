//! Errors and reached limits, worded as each provider words them.
//!
//! Owns status, headers and body of everything that is not an answer. The four dialects stand side by side here,
//! because what a reader wants to see is how they differ: who tells the moment of the reset, and where.

use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::script::{Failure, Limit, LimitKind};

/// A response that is no answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Value,
}

/// A plain HTTP error.
pub(crate) fn failed(dialect: Dialect, failure: &Failure) -> Problem {
    let kind = error_type(failure.status);
    let message = failure
        .message
        .clone()
        .unwrap_or_else(|| format!("scripted {kind}"));
    let code = failure.code.as_deref().unwrap_or(kind);
    let body = match dialect {
        Dialect::Chat | Dialect::Responses => openai(&message, kind, code),
        Dialect::Messages => anthropic(&message, kind),
        Dialect::Gemini => {
            let details = failure.retry_after_s.map(retry_info);
            google(failure.status, &message, details.into_iter().collect())
        }
    };
    let headers = failure.retry_after_s.map(retry_after).into_iter().collect();
    Problem {
        status: failure.status,
        headers,
        body,
    }
}

/// A limit that was reached; `now_s` is Unix time, for the providers that name the moment of the reset.
pub(crate) fn limited(dialect: Dialect, limit: Limit, now_s: u64) -> Problem {
    let resets_at = now_s + limit.resets_in;
    match dialect {
        Dialect::Chat => limited_chat(limit),
        Dialect::Responses => limited_responses(limit, resets_at),
        Dialect::Messages => limited_messages(limit, resets_at),
        Dialect::Gemini => limited_gemini(limit),
    }
}

const NO_CREDIT: &str = "You exceeded your current quota, please check your plan and billing details.";

fn limited_chat(limit: Limit) -> Problem {
    let in_s = limit.resets_in;
    match limit.kind {
        LimitKind::Rate => {
            let message = format!("Rate limit reached for requests. Please try again in {in_s}s.");
            let headers = vec![
                retry_after(in_s),
                ("x-ratelimit-reset-requests", format!("{in_s}s")),
            ];
            too_many(headers, openai(&message, "requests", "rate_limit_exceeded"))
        }
        LimitKind::Usage => too_many(
            vec![retry_after(in_s)],
            openai(NO_CREDIT, "insufficient_quota", "insufficient_quota"),
        ),
        LimitKind::Quota => too_many(
            Vec::new(),
            openai(NO_CREDIT, "insufficient_quota", "insufficient_quota"),
        ),
    }
}

fn limited_responses(limit: Limit, resets_at: u64) -> Problem {
    match limit.kind {
        LimitKind::Usage => {
            let error = json!({
                "type": "usage_limit_reached",
                "message": "The usage limit has been reached",
                "plan_type": "plus",
                "resets_at": resets_at,
                "resets_in_seconds": limit.resets_in,
            });
            too_many(Vec::new(), json!({ "error": error }))
        }
        LimitKind::Rate | LimitKind::Quota => limited_chat(limit),
    }
}

fn limited_messages(limit: Limit, resets_at: u64) -> Problem {
    match limit.kind {
        LimitKind::Usage => {
            let headers = vec![
                ("anthropic-ratelimit-unified-status", "rejected".to_owned()),
                ("anthropic-ratelimit-unified-reset", resets_at.to_string()),
                (
                    "anthropic-ratelimit-unified-representative-claim",
                    "five_hour".to_owned(),
                ),
                ("x-should-retry", "false".to_owned()),
                retry_after(limit.resets_in),
            ];
            let message = format!("Claude AI usage limit reached|{resets_at}");
            too_many(headers, anthropic(&message, "rate_limit_error"))
        }
        LimitKind::Rate => {
            let message = "This request would exceed your account's rate limit. Please try again later.";
            too_many(
                vec![retry_after(limit.resets_in)],
                anthropic(message, "rate_limit_error"),
            )
        }
        LimitKind::Quota => {
            let message = "Your credit balance is too low to access the Anthropic API.";
            Problem {
                status: 400,
                headers: Vec::new(),
                body: anthropic(message, "invalid_request_error"),
            }
        }
    }
}

fn limited_gemini(limit: Limit) -> Problem {
    let period = match limit.kind {
        LimitKind::Rate => "GenerateRequestsPerMinutePerProjectPerModel",
        LimitKind::Usage | LimitKind::Quota => "GenerateRequestsPerDayPerProjectPerModel",
    };
    let violation = json!({
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
        "quotaId": period,
    });
    let mut details = vec![json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [violation],
    })];
    match limit.kind {
        LimitKind::Usage | LimitKind::Rate => details.push(retry_info(limit.resets_in)),
        LimitKind::Quota => {}
    }
    too_many(Vec::new(), google(429, NO_CREDIT, details))
}

fn too_many(headers: Vec<(&'static str, String)>, body: Value) -> Problem {
    Problem {
        status: 429,
        headers,
        body,
    }
}

fn openai(message: &str, kind: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn anthropic(message: &str, kind: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}

fn google(status: u16, message: &str, details: Vec<Value>) -> Value {
    json!({"error": {"code": status, "message": message, "status": google_status(status), "details": details}})
}

fn retry_info(in_s: u64) -> Value {
    json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": format!("{in_s}s")})
}

fn retry_after(in_s: u64) -> (&'static str, String) {
    ("retry-after", in_s.to_string())
}

fn error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        _ => "api_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage_limit(dialect: Dialect) -> Problem {
        limited(
            dialect,
            Limit {
                kind: LimitKind::Usage,
                resets_in: 90,
            },
            1_000,
        )
    }

    #[test]
    fn every_provider_tells_a_usage_limit_in_its_own_place() {
        let chat = usage_limit(Dialect::Chat);
        assert_eq!(chat.headers, [("retry-after", "90".to_owned())]);
        assert_eq!(chat.body["error"]["code"], "insufficient_quota");

        let responses = usage_limit(Dialect::Responses);
        assert_eq!(responses.body["error"]["type"], "usage_limit_reached");
        assert_eq!(responses.body["error"]["resets_in_seconds"], 90);

        let messages = usage_limit(Dialect::Messages);
        assert!(
            messages
                .headers
                .contains(&("anthropic-ratelimit-unified-reset", "1090".to_owned()))
        );
        assert_eq!(
            messages.body["error"]["message"],
            "Claude AI usage limit reached|1090"
        );

        let gemini = usage_limit(Dialect::Gemini);
        assert_eq!(gemini.body["error"]["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(gemini.body["error"]["details"][1]["retryDelay"], "90s");
    }

    #[test]
    fn a_failure_carries_the_wait_and_the_words() {
        let failure = Failure {
            status: 529,
            retry_after_s: Some(2),
            message: Some("busy".to_owned()),
            code: None,
        };
        let problem = failed(Dialect::Messages, &failure);
        let body = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
        assert_eq!(
            problem,
            Problem {
                status: 529,
                headers: vec![("retry-after", "2".to_owned())],
                body
            }
        );
    }
}
