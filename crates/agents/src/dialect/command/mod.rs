//! A shell command line: what it prints is its answer, its exit code says whether it worked.

use super::failure::{Reading, shortened};
use super::turn::Tally;
use super::{Brief, Dialect, Exit, Outcome, Step, TurnEnd, json};
use domain::Moment;
use engine::ports::EntryKind;

/// How much of the output is kept as the answer: its end.
const OUTPUT_MAX: usize = 256 * 1024;

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    brief: Brief,
    tally: Tally,
    output: String,
}

impl Command {
    pub(super) fn new(brief: Brief) -> Self {
        Self {
            brief,
            tally: Tally::default(),
            output: String::new(),
        }
    }
}

impl Dialect for Command {
    /// For a shell: `sh` runs the prompt.
    fn arguments(&self) -> Vec<String> {
        vec!["-c".to_owned(), self.brief.prompt.clone()]
    }

    fn open(&mut self) -> Vec<Step> {
        vec![
            Step::Entry(EntryKind::Prompt(self.brief.prompt.clone())),
            Step::CloseStdin,
        ]
    }

    fn on_line(&mut self, line: &str, _now: Moment) -> Vec<Step> {
        self.output.push_str(line);
        self.output.push('\n');
        if self.output.len() > 2 * OUTPUT_MAX {
            self.output = json::tail(&self.output, OUTPUT_MAX).to_owned();
        }
        vec![Step::Entry(EntryKind::Raw(format!("{line}\n")))]
    }

    fn interrupt(&mut self) -> Vec<Step> {
        self.tally.is_interrupted = true;
        Vec::new()
    }

    fn can_repair_in_process(&self) -> bool {
        false
    }

    fn repair(&mut self, _text: &str) -> Vec<Step> {
        Vec::new()
    }

    fn on_end(&mut self, exit: Exit, stderr_tail: &str, now: Moment) -> TurnEnd {
        let printed = json::tail(self.output.trim_end(), OUTPUT_MAX).to_owned();
        self.tally.replace_message(&printed);
        let reading = Reading {
            now,
            zone: &self.brief.zone,
        };
        match exit {
            Exit::Code(0) if !self.tally.is_interrupted => {
                self.tally.end(Outcome::Done, &mut Vec::new());
                self.tally.conclude(exit, stderr_tail, reading)
            }
            // A command is no agent: its words about limits and logins are its own matter.
            Exit::Code(code) if !self.tally.is_interrupted => {
                let last = [stderr_tail, &printed]
                    .iter()
                    .find_map(|text| text.lines().rev().map(str::trim).find(|line| !line.is_empty()));
                let reason = match last {
                    Some(line) => format!("exit code {code}: {}", shortened(line)),
                    None => format!("exit code {code}"),
                };
                self.tally.end(Outcome::Exited { code, reason }, &mut Vec::new());
                self.tally.conclude(exit, stderr_tail, reading)
            }
            Exit::Code(_) | Exit::Signal(_) | Exit::Stopped | Exit::Unknown => {
                self.tally.conclude(exit, stderr_tail, reading)
            }
        }
    }
}
