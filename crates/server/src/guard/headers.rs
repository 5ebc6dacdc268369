//! What every answer carries: a browser that shows it does as little as possible with it. Never anything that lets
//! another site read it.

use crate::page::OfPage;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// An answer of the API is no page: were a browser to show it as one, nothing in it would work.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page may use its own files and this daemon, and make HTML of text only where Svelte does so with templates that it
/// compiled.
const ONLY_ITSELF: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

const SEALS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
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
    let page = response.extensions_mut().remove::<OfPage>();
    let (policy, cache) = page.map_or((NOTHING, "no-store"), |page| (ONLY_ITSELF, page.cache));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    for (name, value) in SEALS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
