//! Checks this machine: what the daemon needs, what is in force, and what is missing.

use crate::clock::SystemClock;
use crate::context::Context;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::lock::{self, Holder};
use crate::output::{self, Table, Tone};
use crate::wiring;
use agents::{Fleet, FleetConfig, Sandbox};
use serde::Serialize;
use std::sync::Arc;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// `good`, `weak` or `missing`.
    state: &'static str,
    said: String,
}

impl Finding {
    fn good(what: &'static str, said: impl ToString) -> Self {
        Self {
            what,
            state: "good",
            said: said.to_string(),
        }
    }

    fn weak(what: &'static str, said: impl ToString) -> Self {
        Self {
            what,
            state: "weak",
            said: said.to_string(),
        }
    }

    fn missing(what: &'static str, said: impl ToString) -> Self {
        Self {
            what,
            state: "missing",
            said: said.to_string(),
        }
    }
}

pub(crate) async fn carry_out(context: &Context) -> Result {
    let mut findings = vec![home(context), daemon(context), git().await];
    match settings(context) {
        Ok(config) => {
            let said = context.folders.config.display();
            findings.push(Finding::good("settings", said));
            findings.extend(sandbox(config).await);
        }
        // Without them nobody can tell what is to bound a task.
        Err(error) => findings.push(Finding::missing("settings", in_a_line(&error))),
    }
    let is_missing = findings.iter().any(|finding| finding.state == "missing");
    if context.is_json {
        output::json(&serde_json::json!({ "findings": findings, "ok": !is_missing }));
    } else {
        let mut table = Table::default();
        for finding in &findings {
            let tone = match finding.state {
                "good" => Tone::Good,
                "weak" => Tone::Waiting,
                _ => Tone::Bad,
            };
            table.row([
                (finding.what.to_owned(), Tone::Strong),
                (finding.state.to_owned(), tone),
                (finding.said.clone(), Tone::Plain),
            ]);
        }
        table.print();
        output::note("agents are looked at by `partita agents`");
    }
    Ok(if is_missing { Exit::Failed } else { Exit::Success })
}

fn home(context: &Context) -> Finding {
    match context.home.make().and_then(|()| context.home.socket()) {
        Ok(socket) => Finding::good(
            "home",
            format!("{}, socket {}", context.home.path.display(), socket.display()),
        ),
        Err(error) => Finding::missing("home", in_a_line(&error)),
    }
}

fn daemon(context: &Context) -> Finding {
    match lock::holder(&context.home) {
        Ok(Holder::Daemon(Some(pid))) => Finding::good("daemon", format!("process {pid}")),
        Ok(Holder::Daemon(None)) => Finding::good("daemon", "starting"),
        Ok(Holder::Nobody) => Finding::good(
            "daemon",
            "not running; it starts with the first command that needs it",
        ),
        Err(error) => Finding::missing("daemon", in_a_line(&error)),
    }
}

async fn git() -> Finding {
    match git::Git::find().await {
        Ok(git) => match git.warning() {
            None => Finding::good("git", git.program().display()),
            Some(warning) => Finding::weak("git", warning),
        },
        Err(error) => Finding::missing("git", error),
    }
}

/// What the user's own files say, `config.toml` and `agents.toml`.
fn settings(context: &Context) -> Result<FleetConfig> {
    context.config()?;
    wiring::fleet_config(&context.home, &context.folders, Arc::new(SystemClock))
}

fn in_a_line(error: &CliError) -> String {
    let parts = std::iter::once(&error.what).chain(&error.because);
    parts.map(String::as_str).collect::<Vec<_>>().join(": ")
}

async fn sandbox(config: FleetConfig) -> Vec<Finding> {
    let fleet = match Fleet::new(config).await {
        Ok(fleet) => fleet,
        Err(error) => return vec![Finding::missing("sandbox", error)],
    };
    let in_force = fleet.in_force();
    let (sandbox, containment) = (in_force.bounds.sandbox, in_force.bounds.containment);
    let mut findings = vec![Finding::good("containment", containment.word())];
    findings.push(if sandbox == Sandbox::None {
        Finding::missing(
            "sandbox",
            "none: read tasks are refused; install bubblewrap, or run a kernel with Landlock",
        )
    } else {
        Finding::good("sandbox", sandbox.word())
    });
    for attempt in &in_force.attempts {
        let word = attempt.sandbox.word();
        findings.push(match &attempt.got_out {
            Ok(ways) if ways.is_empty() => {
                Finding::good("escape test", format!("{word}: every way was shut"))
            }
            Ok(ways) => Finding::weak("escape test", format!("{word}: open: {}", ways.join(", "))),
            Err(error) => Finding::weak("escape test", format!("{word}: could not be tried: {error}")),
        });
    }
    findings.extend(
        in_force
            .weaknesses
            .iter()
            .map(|weakness| Finding::weak("sandbox", weakness)),
    );
    findings
}
