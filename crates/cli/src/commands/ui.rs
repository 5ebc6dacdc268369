//! The page: makes sure that there is a daemon with a port, asks for a code, and opens the browser.

use crate::args::UiArgs;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::output;
use api::PortAsk;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// An opener that has not ended by then has become the browser.
const OPENED_WITHIN: Duration = Duration::from_secs(3);

pub(crate) async fn carry_out(context: &Context, arguments: &UiArgs) -> Result {
    let daemon = context.daemon()?;
    if arguments.close {
        daemon.close_port().await?;
        if context.is_json {
            output::json(&serde_json::json!({ "closed": true }));
        } else {
            output::line("the page is closed, and every browser logged out");
        }
        return Ok(Exit::Success);
    }
    let number = arguments.port;
    let port = daemon.open_port(&PortAsk { number }).await?;
    let code = daemon.login_code().await?;
    let page = page(port.number);
    // In the fragment, which browsers keep to themselves: no log and no other site sees it.
    let url = format!("{page}login#{}", code.code);
    if context.is_json {
        output::json(&serde_json::json!({ "url": url, "expires_in_s": code.expires_in_s }));
        return Ok(Exit::Success);
    }
    match open(&url, arguments.no_open) {
        Ok(()) => output::line(format!("the page opens in your browser, at {page}")),
        Err(because) => {
            output::note(format!(
                "{because}: open this address yourself, within {} seconds; it logs in once",
                code.expires_in_s
            ));
            output::line(&url);
            say_how_from_afar(port.number);
        }
    }
    output::note("it stays there, over restarts of the daemon as well, until `partita ui --close`");
    Ok(Exit::Success)
}

/// Where the page is. Browsers know that every name under `localhost` is this machine. A name of our own keeps the
/// cookie from whatever else listens here, such as a preview that an agent serves: cookies are told apart by host, not
/// by port.
pub(super) fn page(port: u16) -> String {
    format!("http://partita.localhost:{port}/")
}

/// Has the desktop open the address, or says why not.
fn open(url: &str, is_unwanted: bool) -> std::result::Result<(), String> {
    if is_unwanted {
        return Err("nothing was opened".to_owned());
    }
    let opener = opener().ok_or("there is no desktop here")?;
    let mut child = Command::new(opener)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A browser that it becomes does not end with this terminal.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("`{opener}` cannot be started ({error})"))?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait()));
    match receiver.recv_timeout(OPENED_WITHIN) {
        Ok(Ok(status)) if !status.success() => Err(format!("`{opener}` found no browser ({status})")),
        Ok(Err(error)) => Err(format!("`{opener}` cannot be waited for ({error})")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

fn opener() -> Option<&'static str> {
    let is_set = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "macos") {
        Some("open")
    } else if is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") {
        Some("xdg-open")
    } else {
        None
    }
}

/// The port is this machine's own; whoever sits elsewhere brings it there.
fn say_how_from_afar(port: u16) {
    if std::env::var_os("SSH_CONNECTION").is_some() {
        output::note(format!(
            "from where you sit, first: ssh -L {port}:127.0.0.1:{port} this-machine"
        ));
    }
}
