//! A run as it goes, for whoever watches: a live line per step on a terminal, a plain line per change elsewhere.

use crate::output::{self, Tone, counted, duration, only_colour, safe_line};
use api::{RunDetail, Step, StepStatus};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

/// Shows runs as they change.
pub(crate) struct Watch {
    began: Instant,
    is_live: bool,
    /// Lines that stand on the terminal and will be drawn over.
    drawn: usize,
    /// What was said last of each step.
    said: BTreeMap<(String, String), String>,
}

impl Watch {
    pub(crate) fn new(is_live: bool) -> Self {
        Self {
            began: Instant::now(),
            is_live,
            drawn: 0,
            said: BTreeMap::new(),
        }
    }

    /// Shows what has changed in these runs.
    pub(crate) fn show(&mut self, runs: &[RunDetail]) {
        if self.is_live {
            self.redraw(runs)
        } else {
            self.tell(runs)
        }
    }

    fn tell(&mut self, runs: &[RunDetail]) {
        let at = duration(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX));
        for run in runs {
            for step in &run.steps {
                let state = state_of(run, step);
                let known = self
                    .said
                    .insert((run.run.slug.clone(), step.key.clone()), state.clone());
                if known.as_ref() != Some(&state) {
                    output::note(format!(
                        "{at:>7}  {}  {}  {state}",
                        run.run.slug,
                        safe_line(&name_of(step))
                    ));
                }
            }
        }
    }

    fn redraw(&mut self, runs: &[RunDetail]) {
        let width = terminal_width();
        let mut lines = Vec::new();
        for run in runs {
            let status = run.run.status.word();
            let head = format!(
                "{} {}  {}",
                Tone::Strong.paint(&run.run.slug),
                run.run.flow,
                Tone::of_status(status).paint(status)
            );
            lines.push(head);
            lines.extend(run.steps.iter().map(|step| step_line(run, step, width)));
        }
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\u{1b}[{}A", self.drawn));
        }
        for line in &lines {
            text.push_str("\u{1b}[2K");
            text.push_str(&only_colour(line));
            text.push('\n');
        }
        text.push_str("\u{1b}[J");
        self.drawn = lines.len();
        let mut err = anstream::stderr();
        // A terminal that has gone is no reason to stop watching.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

fn step_line(run: &RunDetail, step: &Step, width: usize) -> String {
    let tone = if step.waiting_for.is_some() {
        Tone::Waiting
    } else {
        Tone::of_status(step.status.word())
    };
    let dot = match step.status {
        StepStatus::Pending => "○",
        StepStatus::Running => "◐",
        StepStatus::Completed => "●",
        StepStatus::Failed => "✗",
        StepStatus::Cancelled => "–",
    };
    let text: String = format!("{}  {}", name_of(step), state_of(run, step));
    let text: String = safe_line(&text).chars().take(width.saturating_sub(5)).collect();
    format!("  {} {text}", tone.paint(dot))
}

fn name_of(step: &Step) -> String {
    let of_item = step.item_value.as_ref().and_then(|item| {
        item.get("name")
            .and_then(serde_json::Value::as_str)
            .or_else(|| item.as_str())
            .map(str::to_owned)
    });
    match of_item {
        Some(item) => format!(
            "{} {} ({})",
            step.key,
            step.label,
            item.chars().take(30).collect::<String>()
        ),
        None => format!("{} {}", step.key, step.label),
    }
}

/// What is to be said of a step: its status, who does it, and what it waits for.
fn state_of(run: &RunDetail, step: &Step) -> String {
    let mut state = step.status.word().to_owned();
    if step.skipped {
        state = "skipped".to_owned();
    }
    if step.status == StepStatus::Running
        && let Some(agent) = &step.agent
    {
        state.push_str(&format!(" with {agent}"));
    }
    if let Some(waiting) = step.waiting_for {
        let title = run
            .attention
            .iter()
            .find(|item| item.id == waiting)
            .map_or("a person", |item| &item.title);
        state.push_str(&format!(", waits for you: {title}"));
    } else if let (StepStatus::Pending, Some(at)) = (step.status, &step.not_before) {
        state.push_str(&format!(", not before {at}"));
    }
    if let Some(reason) = &step.reason {
        let first = reason.lines().next().unwrap_or_default();
        state.push_str(&format!(": {}", first.chars().take(200).collect::<String>()));
    }
    if step.status == StepStatus::Completed
        && let Some(change) = &step.change
    {
        state.push_str(&format!(
            ", {} +{} -{}",
            counted(change.files, "file"),
            change.insertions,
            change.deletions
        ));
    }
    safe_line(&state)
}

fn terminal_width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stderr()).map_or(100, |size| usize::from(size.ws_col).max(40))
}
