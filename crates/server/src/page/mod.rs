//! The page in the browser: the files of the bundle, carried by the program itself, for anybody whom the guard lets this
//! far. They hold nothing of the home; whatever they show they ask for, logged in.
//!
//! Each file is a route of its own, so what a request names is never looked up anywhere.

use crate::App;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::fmt::Write;

/// Where the page begins: everything inside of it is in the fragment, which never reaches us.
const DOCUMENTS: [&str; 2] = ["/", "/login"];
const DOCUMENT: &str = "index.html";
/// Names below it carry a hash of what they name.
const HASHED: &str = "assets/";

#[derive(Embed)]
#[folder = "../../web/dist"]
struct Bundle;

/// Goes with an answer that is a file of the page: the layer that seals answers leaves it its own cache rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfPage {
    /// How long a browser may keep it.
    pub(crate) cache: &'static str,
}

/// The paths of the page, each with all that is behind it.
pub(crate) fn paths() -> Vec<String> {
    let files = Bundle::iter().filter(|name| name.starts_with(HASHED));
    let files = files.map(|name| format!("/{name}"));
    DOCUMENTS.map(str::to_owned).into_iter().chain(files).collect()
}

/// Adds the page to the routes.
pub(crate) fn add_to(router: Router<App>) -> Router<App> {
    paths()
        .iter()
        .fold(router, |router, path| router.route(path, get(file)))
}

/// Whether the router takes a request for a file of the page.
pub(crate) fn is_file(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>();
    path.is_some_and(|path| is_document(request) || path.as_str().starts_with("/assets/"))
}

/// Whether the router takes a request for the page itself.
pub(crate) fn is_document(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>();
    path.is_some_and(|path| DOCUMENTS.contains(&path.as_str()))
}

async fn file(path: MatchedPath, headers: HeaderMap) -> Response {
    let path = path.as_str();
    let (name, cache) = if DOCUMENTS.contains(&path) {
        (DOCUMENT, "no-cache")
    } else {
        (&path[1..], "public, max-age=31536000, immutable")
    };
    let found = Bundle::get(name).expect("each route of the page is a file of the bundle");
    let tag = tag(&found);
    let is_known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|known| names(known, &tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type(name))], body(found.data)).into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.extensions_mut().insert(OfPage { cache });
    response
}

fn body(data: Cow<'static, [u8]>) -> Body {
    Body::from(match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    })
}

/// A strong tag: the hash of the content.
fn tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in file.metadata.sha256_hash() {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether a browser has what the tag names. That a cache on the way made it weak does not matter here.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let mut known = known.to_str().unwrap_or_default().split(',').map(str::trim);
    known.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Browsers are told not to guess, so this is what a file is taken for. A kind that is missing here fails a test.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_bundle_has_a_kind() {
        let kinds: Vec<_> = Bundle::iter()
            .filter(|name| name.starts_with(HASHED) || name == DOCUMENT)
            .map(|name| (content_type(&name), name))
            .collect();
        assert!(kinds.len() >= 3, "{kinds:?}");
        let unknown = kinds.iter().find(|(kind, _)| *kind == "application/octet-stream");
        assert_eq!(unknown, None);
    }

    #[test]
    fn a_tag_is_known_in_every_form_that_browsers_send() {
        let sent = |text: &'static str| names(&HeaderValue::from_static(text), "\"a\"");
        assert!(sent("\"a\"") && sent("W/\"a\"") && sent("\"b\", \"a\"") && sent("*"));
        assert!(!sent("\"b\"") && !sent("a") && !sent(""));
    }
}
