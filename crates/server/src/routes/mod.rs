//! Everything that can be asked. A route exists by being listed here, and is documented and guarded by that alone.

mod agents;
mod attention;
mod daemon;
mod feed;
mod flows;
mod git;
mod login;
mod port;
mod projects;
mod report;
mod runs;
mod shown;
mod steps;
mod tasks;
mod unsaid;
mod winner;
mod wish;
mod work_units;

use crate::App;
use crate::guard::guard;
use crate::page;
use crate::reply::{Refused, remember};
use api::Problem;
use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi;
use utoipa::openapi::Required;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes as list;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Partita",
        description = "The daemon's API: over its socket, and over loopback TCP with a token. \
            Every error is a problem document (RFC 9457) with a stable `code`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
        contact(),
        version = "1",
    ),
    components(schemas(Problem, api::Frame, api::FeedClosed, api::Topic))
)]
struct Head;

fn all() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(list!(daemon::status))
        .routes(list!(daemon::openapi))
        .routes(list!(daemon::metrics))
        .routes(list!(login::begin, login::renew, login::end))
        .routes(list!(login::code))
        .routes(list!(port::open, port::close))
        .routes(list!(work_units::list, work_units::create))
        .routes(list!(work_units::show, work_units::change, work_units::delete))
        .routes(list!(work_units::history))
        .routes(list!(work_units::retry))
        .routes(list!(projects::list, projects::add))
        .routes(list!(projects::remove))
        .routes(list!(git::status))
        .routes(list!(git::log))
        .routes(list!(git::branches))
        .routes(list!(git::diff))
        .routes(list!(flows::list))
        .routes(list!(flows::show))
        .routes(list!(agents::list))
        .routes(list!(agents::probe))
        .routes(list!(runs::list, runs::start))
        .routes(list!(runs::show))
        .routes(list!(runs::cancel))
        .routes(list!(runs::pause))
        .routes(list!(runs::resume))
        .routes(list!(runs::retry))
        .routes(list!(steps::retry))
        .routes(list!(steps::skip))
        .routes(list!(steps::output))
        .routes(list!(report::report))
        .routes(list!(report::diff))
        .routes(list!(tasks::list))
        .routes(list!(tasks::show))
        .routes(list!(tasks::transcript))
        .routes(list!(attention::list))
        .routes(list!(attention::answer))
        .routes(list!(feed::feed))
}

/// All routes behind the guard.
pub fn router(app: App) -> Router {
    let (router, _) = all().split_for_parts();
    page::add_to(router)
        .fallback(nothing_there)
        .method_not_allowed_fallback(not_that_way)
        .layer(from_fn_with_state(app.clone(), remember))
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn nothing_there(request: Request) -> Refused {
    let detail = format!("cannot find {}", request.uri().path());
    Problem::new(404, "not_found", "there is nothing there", detail)
        .because("no route has this path")
        .hint("`GET /api/openapi.json` lists all routes")
        .into()
}

async fn not_that_way(request: Request) -> Refused {
    let detail = format!("cannot {} {}", request.method(), request.uri().path());
    Problem::new(
        405,
        "method_not_allowed",
        "the route does not take this method",
        detail,
    )
    .because("the path exists, with other methods")
    .hint("`GET /api/openapi.json` lists all routes; the `Allow` header those of this path")
    .into()
}

/// A route, as the router has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Its method.
    pub method: &'static str,
    /// Its path, with `{names}`.
    pub path: String,
}

impl Route {
    /// Whether it is a file of the page, which nobody has to log in for.
    #[must_use]
    pub fn is_of_page(&self) -> bool {
        page::paths().contains(&self.path)
    }
}

/// All routes, read off the router itself.
#[must_use]
pub fn routes() -> Vec<Route> {
    let (_, document) = all().split_for_parts();
    let mut routes = Vec::new();
    for (path, item) in &document.paths.paths {
        let methods = [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        let there = methods.into_iter().filter(|(_, is_there)| *is_there);
        routes.extend(there.map(|(method, _)| Route {
            method,
            path: path.clone(),
        }));
    }
    // The page is no part of the document, and a route like any other.
    routes.extend(
        page::paths()
            .into_iter()
            .map(|path| Route { method: "GET", path }),
    );
    routes.sort();
    routes
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document) = all().split_for_parts();
    for item in document.paths.paths.values_mut() {
        let changes = [
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (_, operation) in changes {
            if let Some(operation) = operation {
                take_key(operation);
            }
        }
    }
    document
}

/// Every change takes a key, so that it can be repeated.
fn take_key(operation: &mut Operation) {
    let key: Parameter = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 128 printable ASCII characters. The same key with the same request gets the same answer, and is \
             done once; with another request it is refused with 409.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    operation.parameters.get_or_insert_default().push(key.into());
}
