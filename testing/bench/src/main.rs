//! `cargo xtask bench`: measures what was asked for and shows it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the terminal it was typed at"
)]

use anyhow::Context as _;
use bench::{ALL, Bench, Budget, Machine, Measured, Report, Scale};
use clap::Parser;
use std::path::PathBuf;

/// Measures the product against the floor of this machine. `docs/benchmarks.md` says what the numbers mean.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this measurement; may be given again.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Smaller everywhere: less than two minutes.
    #[arg(long)]
    quick: bool,
    /// Almost nothing: shows only that each measurement works.
    #[arg(long, hide = true)]
    tiny: bool,
    /// With a history of a million events.
    #[arg(long)]
    long: bool,
    /// For a program.
    #[arg(long)]
    json: bool,
    /// Lists the measurements.
    #[arg(long)]
    list: bool,
    /// The program under test.
    #[arg(long, value_name = "FILE")]
    partita: PathBuf,
    /// The folder whose disk is measured.
    #[arg(long, value_name = "FOLDER")]
    scratch: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        ALL.iter()
            .for_each(|one| println!("{:<14} {}", one.name, one.summary));
        return Ok(());
    }
    let unknown = arguments
        .only
        .iter()
        .find(|name| ALL.iter().all(|one| one.name != **name));
    if let Some(name) = unknown {
        anyhow::bail!("there is no measurement `{name}`; `--list` names them");
    }
    std::fs::create_dir_all(&arguments.scratch)?;
    let bench = Bench {
        partita: arguments
            .partita
            .canonicalize()
            .context("the program under test is not there")?,
        scratch: arguments.scratch.canonicalize()?,
        budget: Budget {
            scale: match (arguments.tiny, arguments.quick) {
                (true, _) => Scale::Tiny,
                (false, true) => Scale::Quick,
                (false, false) => Scale::Full,
            },
            is_long: arguments.long,
        },
    };
    let machine = Machine::look();
    let mut measured = Vec::new();
    for one in ALL {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == one.name) {
            continue;
        }
        eprintln!("{}: {}", one.name, one.summary);
        let (figures, took) = one
            .take(&bench)
            .with_context(|| format!("measuring `{}`", one.name))?;
        measured.push(Measured {
            name: one.name.to_owned(),
            seconds: took.as_secs_f64(),
            figures,
        });
    }
    let report = Report {
        machine: machine.after(),
        measured,
    };
    if arguments.json {
        println!("{}", report.json()?);
    } else {
        print!("{}", report.table());
    }
    Ok(())
}
