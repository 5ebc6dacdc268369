//! The loopback port: opened and closed by whoever reaches the socket, and by nobody else.

use crate::App;
use crate::guard::Caller;
use crate::listen::PortRefused;
use crate::reply::{Answer, Json, Refused};
use api::{Port, PortAsk, Problem};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;

const WHAT: &str = "cannot open the port";

/// Opens a loopback port for browsers, or says which is open already. Only over the socket. It is opened again after a
/// restart, until it is closed.
#[utoipa::path(
    post,
    path = "/api/port",
    tag = "login",
    request_body = PortAsk,
    responses((status = 200, body = Port), Refused)
)]
pub(super) async fn open(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(ask): Json<PortAsk>,
) -> Answer<Json<Port>> {
    only_socket(&caller)?;
    let number = app.port.open(ask.number).await.map_err(refused)?;
    Ok(Json(Port {
        number,
        is_open: true,
        detail: None,
    }))
}

/// Closes the loopback port and ends every session of a browser. Only over the socket.
#[utoipa::path(delete, path = "/api/port", tag = "login", responses((status = 204), Refused))]
pub(super) async fn close(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<StatusCode> {
    only_socket(&caller)?;
    app.port.close().await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn only_socket(caller: &Caller) -> Answer<()> {
    match caller {
        Caller::Socket => Ok(()),
        Caller::Token | Caller::Page { .. } | Caller::Stranger => {
            let problem = Problem::new(
                403,
                "socket_only",
                "only the socket opens and closes the port",
                "cannot change the port",
            );
            Err(problem.hint("`partita ui` asks over the socket").into())
        }
    }
}

fn refused(why: PortRefused) -> Refused {
    match why {
        PortRefused::Open(number) => Problem::new(409, "port_open", "another port is open", WHAT)
            .because(format!("the daemon listens on 127.0.0.1:{number} already"))
            .hint("`partita ui` uses that one; `partita ui --close` closes it")
            .into(),
        PortRefused::Taken(number, error) => Problem::new(
            409,
            "port_taken",
            "the port cannot be had",
            format!("{WHAT} {number}"),
        )
        .because(error.to_string())
        .hint("choose another one, or none: `partita ui` finds one that is free")
        .into(),
        PortRefused::NotKept(error) => Problem::new(
            500,
            "end_not_kept",
            "the end is not kept",
            "cannot close the port for good",
        )
        .because(format!("it is closed, and a restart may open it again: {error}"))
        .hint("make the home writable, then try again")
        .into(),
        PortRefused::NotServing => Problem::new(503, "not_serving", "nobody listens", WHAT)
            .because("the daemon is stopping, or has just started")
            .hint("try again in a moment")
            .into(),
    }
}
