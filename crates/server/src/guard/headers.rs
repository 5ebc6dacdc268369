//! What every answer carries: a browser that shows it does as little as possible with it. Never anything that lets
//! another site read it.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

const SEALS: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds what every answer carries.
pub(super) fn seal(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in SEALS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
