//! The files of the page: for anybody who comes the right way, and nothing else for them.

use crate::world::{PORT, Reply, TOKEN, World};
use axum::body::Body;
use axum::http::{Request, header};
use server::{Route, routes};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web")
}

fn get(path: &str, extra: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path).header(header::HOST, format!("127.0.0.1:{PORT}"));
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

async fn ask(world: &World, path: &str, extra: &[(&str, &str)]) -> Reply {
    world.send_tcp(get(path, extra)).await
}

fn of_page() -> Vec<String> {
    let page = routes().into_iter().filter(Route::is_of_page);
    page.map(|route| route.path).collect()
}

#[tokio::test]
async fn a_01_the_page_needs_no_login_and_is_what_was_built() {
    let world = World::new().await;
    let paths = of_page();
    for (path, kind, cache) in paths.iter().map(|path| {
        let kind = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            Some((_, kind)) => panic!("say here what a {kind} is served as"),
            None => "text/html; charset=utf-8",
        };
        let is_hashed = path.starts_with("/assets/");
        let cache = if is_hashed {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        (path, kind, cache)
    }) {
        let reply = ask(&world, path, &[]).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.headers[header::CONTENT_TYPE], kind, "{path}");
        assert_eq!(reply.headers[header::CACHE_CONTROL], cache, "{path}");
        assert_eq!(reply.headers[header::CONTENT_SECURITY_POLICY], POLICY, "{path}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["cross-origin-opener-policy"], "same-origin");
        let file = if path.starts_with("/assets/") {
            path
        } else {
            "/index.html"
        };
        let built = std::fs::read_to_string(web().join("dist").join(&file[1..])).unwrap();
        assert_eq!(reply.text, built, "{path}");

        let tag = reply.headers[header::ETAG].to_str().unwrap();
        assert_eq!(tag, format!("\"{}\"", hash(built.as_bytes())));
        let again = ask(&world, path, &[("if-none-match", tag)]).await;
        assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{path}");
        assert_eq!(again.headers[header::CACHE_CONTROL], cache);
        let changed = ask(&world, path, &[("if-none-match", "\"another\"")]).await;
        assert_eq!(changed.status, 200);
    }
    let index = ask(&world, "/", &[]).await.text;
    let named: Vec<&str> = index
        .split("\"/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(named.len() >= 2, "{index}");
    for name in named {
        assert!(paths.contains(&format!("/{name}")), "{name} is not there");
    }
    // The same over the socket, and with a session that ended long ago.
    assert_eq!(world.get("/").await.text, index);
    let late = ask(&world, "/", &[("cookie", "partita-7777=ended")]).await;
    assert_eq!(late.status, 200);
    let head = Request::head("/").header(header::HOST, format!("127.0.0.1:{PORT}"));
    let head = world.send_tcp(head.body(Body::empty()).unwrap()).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_01_beside_the_page_nothing_is_open() {
    let world = World::new().await;
    let others = [
        "/SOURCE_HASH",
        "/index.html",
        "/assets",
        "/assets/",
        "/assets/nothing.js",
        "/assets/../SOURCE_HASH",
        "/assets/..%2FSOURCE_HASH",
        "/assets/%2e%2e/%2e%2e/README.md",
        "/login/",
        "//login",
        "/LOGIN",
        "/login/../api/status",
        "/assets/../api/status",
        "//api/status",
        "/api",
        "/favicon.ico",
    ];
    for path in others {
        ask(&world, path, &[]).await.refused(401, "unauthenticated");
        let owner = format!("Bearer {TOKEN}");
        ask(&world, path, &[("authorization", &owner)])
            .await
            .refused(404, "not_found");
    }
    for path in of_page() {
        let wrong = ask(&world, &path, &[("authorization", "Bearer wrong")]).await;
        wrong.refused(401, "unauthenticated");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let mut request = get(&path, &[]);
            *request.method_mut() = method.parse().unwrap();
            world.send_tcp(request).await.refused(401, "unauthenticated");
        }
    }
    let api = ask(&world, "/api/status", &[]).await;
    let policy = api.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(!policy.contains("script-src"), "{policy}");
    assert_eq!(api.headers[header::CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn a_02_a_04_the_page_is_behind_host_and_origin() {
    let world = World::new().await;
    for path in of_page() {
        let mut rebound = get(&path, &[]);
        rebound
            .headers_mut()
            .insert(header::HOST, "attacker.example:7777".parse().unwrap());
        world.send_tcp(rebound).await.refused(403, "foreign_host");
        for origin in ["null", "http://attacker.example", "http://127.0.0.1:3000"] {
            ask(&world, &path, &[("origin", origin)])
                .await
                .refused(403, "foreign_origin");
        }
        let ours = [
            ("origin", "http://127.0.0.1:7777"),
            ("sec-fetch-site", "same-origin"),
        ];
        assert_eq!(ask(&world, &path, &ours).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_06_a_52_a_link_elsewhere_leads_to_the_page_only_when_somebody_clicks() {
    let world = World::new().await;
    let typed = [
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let click = |site| {
        [
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-fetch-user", "?1"),
        ]
    };
    for path in ["/", "/login"] {
        assert_eq!(ask(&world, path, &typed).await.status, 200, "{path}");
        for site in ["cross-site", "same-site"] {
            assert_eq!(ask(&world, path, &click(site)).await.status, 200, "{path} {site}");
            for (index, value) in [
                (1, "no-cors"),
                (1, "cors"),
                (1, "websocket"),
                (2, "iframe"),
                (2, "frame"),
                (2, "embed"),
                (2, "object"),
                (2, "script"),
                (2, "image"),
                (2, "empty"),
                (3, "?0"),
                (3, ""),
            ] {
                let mut other = click(site);
                other[index].1 = value;
                ask(&world, path, &other).await.refused(403, "foreign_site");
            }
            ask(&world, path, &click(site)[..3])
                .await
                .refused(403, "foreign_site");
            let mut post = get(path, &click(site));
            *post.method_mut() = axum::http::Method::POST;
            world.send_tcp(post).await.refused(403, "foreign_site");
        }
        let mut post = get(path, &typed);
        *post.method_mut() = axum::http::Method::POST;
        world.send_tcp(post).await.refused(403, "foreign_site");
    }
    // Everything else is not a place to go to.
    for route in routes().iter().filter(|route| route.method == "GET") {
        if matches!(route.path.as_str(), "/" | "/login") {
            continue;
        }
        let path = route.path.replace(['{', '}'], "");
        ask(&world, &path, &click("cross-site"))
            .await
            .refused(403, "foreign_site");
    }
}

#[test]
fn the_bundle_is_the_one_of_these_sources() {
    let mut lines: Vec<(Vec<u8>, String)> = Vec::new();
    collect(&web(), "", &mut lines);
    lines.sort();
    let all: String = lines.into_iter().map(|(_, line)| line).collect();
    let written = std::fs::read_to_string(web().join("dist/SOURCE_HASH")).unwrap();
    assert_eq!(
        written.trim_end(),
        hash(all.as_bytes()),
        "the bundle is stale: run `npm ci && npm run build` in `web`, and commit `web/dist`"
    );
}

/// The rule of `web/README.md`.
fn collect(folder: &Path, below: &str, lines: &mut Vec<(Vec<u8>, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{below}{name}");
        let kind = entry.file_type().unwrap();
        let is_apart =
            below.is_empty() && ["dist", "node_modules", "screenshots", "e2e"].contains(&name.as_str());
        if kind.is_dir() && !is_apart {
            collect(&entry.path(), &format!("{path}/"), lines);
        } else if kind.is_file() {
            let line = format!("{}  {path}\n", hash(&std::fs::read(entry.path()).unwrap()));
            lines.push((path.into_bytes(), line));
        }
    }
}

fn hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
