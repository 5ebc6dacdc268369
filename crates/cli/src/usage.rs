//! The command line, read; and what is wrong with it, in the words of every other error.

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use clap::Parser;
use clap::error::ErrorKind;

/// What a command line comes to.
pub(crate) enum Usage {
    /// Something is asked for.
    Asked(Box<Cli>),
    /// Words are asked for: help, or the version.
    Words(String),
    /// Nothing is: what there is to ask for.
    Nothing(String),
    /// What is asked for is not there, or not so.
    Wrong(CliError),
}

/// Reads the command line of this process.
pub(crate) fn read() -> Usage {
    let error = match Cli::try_parse() {
        Ok(cli) => return Usage::Asked(Box::new(cli)),
        Err(error) => error,
    };
    let help = || error.render().ansi().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Usage::Words(help()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !wants_json() => Usage::Nothing(help()),
        // Its own words would list the commands that are nobody's to type.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Usage::Wrong(told("no command was named").hint("`--help` lists what there is"))
        }
        _ => Usage::Wrong(wrong(&error.render().to_string())),
    }
}

/// Whether the answer is to be JSON, also where the command line cannot be read.
pub(crate) fn wants_json() -> bool {
    std::env::args_os().any(|argument| argument == "--json")
}

/// Paragraphs: what is wrong, with what it concerns below; a near miss; how it is written.
fn wrong(text: &str) -> CliError {
    let mut paragraphs = text.split("\n\n");
    let head = paragraphs.next().unwrap_or_default();
    let (what, because) = head.split_once('\n').unwrap_or((head, ""));
    let what = what.trim_start_matches("error: ").trim_end_matches(':');
    let mut error = told(what);
    for line in because.lines() {
        error = error.because(line.trim());
    }
    for line in paragraphs.flat_map(str::lines) {
        let line = line.trim();
        if let Some(near) = line.strip_prefix("tip: ") {
            error = error.hint(near);
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            error = error.hint(format!("it is written `{usage}`"));
        }
    }
    error.hint("`--help` behind a command says what it takes")
}

fn told(what: &str) -> CliError {
    CliError::new(Exit::Usage, "usage", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &[&str]) -> String {
        let error = Cli::try_parse_from(line).unwrap_err();
        wrong(&error.render().to_string()).shown()
    }

    #[test]
    fn a_wrong_command_line_is_told_like_every_other_error() {
        assert_eq!(
            shown(&["partita", "stauts"]),
            "error: unrecognized subcommand 'stauts'\n\
             hint: some similar subcommands exist: 'start', 'status'\n\
             hint: it is written `partita [OPTIONS] <COMMAND>`\n\
             hint: `--help` behind a command says what it takes"
        );
        assert_eq!(
            shown(&["partita", "run"]),
            "error: the following required arguments were not provided\n  because: <FLOW>\n\
             hint: it is written `partita run <FLOW>`\n\
             hint: `--help` behind a command says what it takes"
        );
        assert_eq!(
            shown(&["partita", "run", "fix", "--size", "huge"]),
            "error: invalid value 'huge' for '--size <SIZE>'\n  because: [possible values: small, medium, large]\n\
             hint: `--help` behind a command says what it takes"
        );
    }
}
