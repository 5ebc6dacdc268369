//! `model-server`: starts the server, says `PORT <n>`, and goes when it is told to.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use model_server::{ModelServer, Records, Script};
use tokio::sync::oneshot;

/// Stands in for a hosted model on 127.0.0.1; prints `PORT <n>` when it listens.
#[derive(Parser)]
struct Arguments {
    /// JSON file with the script; without it, `POST /__script`
    #[arg(long)]
    script: Option<PathBuf>,
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Append one JSON line for each request to this file
    #[arg(long)]
    log: Option<PathBuf>,
    /// Write whole requests into this folder
    #[arg(long)]
    bodies: Option<PathBuf>,
    /// Exit when stdin closes, so that a test that dies leaves no server behind
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the one place where a refusal becomes text")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("model-server: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the line that whoever started it reads the port from"
)]
async fn run(arguments: Arguments) -> Result<(), String> {
    let text = match &arguments.script {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => "{}".to_owned(),
    };
    let script = Script::parse(&text).map_err(|error| error.to_string())?;
    let records = Records {
        log: arguments.log,
        bodies: arguments.bodies,
    };
    let server = ModelServer::start(script, arguments.port, records)
        .await
        .map_err(|error| error.to_string())?;
    println!("PORT {}", server.port());
    if arguments.exit_with_stdin {
        // A sender that is gone without a word means the same: nobody reads stdin any more.
        let _ = stdin_closed().await;
    } else {
        server.wait().await;
    }
    Ok(())
}

fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut ignored = [0; 1024];
        while matches!(std::io::stdin().read(&mut ignored), Ok(count) if count > 0) {}
        closed.send(())
    });
    receiver
}
