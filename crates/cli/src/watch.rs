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
        let (width, height) = terminal_size();
        let lines = lines_of(runs, width, height);
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

/// At most as many lines as the terminal has rows: what has scrolled out of it cannot be drawn over.
fn lines_of(runs: &[RunDetail], width: usize, height: usize) -> Vec<String> {
    let room = height.saturating_sub(1);
    let lines = |of_run: fn(&RunDetail, usize) -> Vec<String>| -> Vec<String> {
        runs.iter().flat_map(|run| of_run(run, width)).collect()
    };
    let mut shown = lines(all_lines);
    if shown.len() > room {
        shown = lines(loud_lines);
    }
    if shown.len() > room {
        shown.truncate(room.saturating_sub(1));
        shown.push("  …".to_owned());
    }
    shown
}

fn all_lines(run: &RunDetail, width: usize) -> Vec<String> {
    let steps = run.steps.iter().map(|step| step_line(run, step, width));
    std::iter::once(head_line(run)).chain(steps).collect()
}

/// The steps in which something goes on or went wrong; of the others, how many there are.
fn loud_lines(run: &RunDetail, width: usize) -> Vec<String> {
    let is_loud = |step: &&Step| {
        step.waiting_for.is_some() || matches!(step.status, StepStatus::Running | StepStatus::Failed)
    };
    let count = |status: StepStatus| {
        let alike = run
            .steps
            .iter()
            .filter(|step| step.status == status && !is_loud(step));
        (alike.count(), status.word())
    };
    let quiet = [StepStatus::Completed, StepStatus::Cancelled, StepStatus::Pending].map(count);
    let quiet: Vec<String> = quiet
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let mut lines = vec![head_line(run)];
    lines.extend(
        run.steps
            .iter()
            .filter(is_loud)
            .map(|step| step_line(run, step, width)),
    );
    if !quiet.is_empty() {
        lines.push(format!("  … {}", quiet.join(", ")));
    }
    lines
}

fn head_line(run: &RunDetail) -> String {
    let status = run.run.status.word();
    format!(
        "{} {}  {}",
        Tone::Strong.paint(&run.run.slug),
        run.run.flow,
        Tone::of_status(status).paint(status)
    )
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

/// Columns and rows; the usual ones where the terminal does not say.
fn terminal_size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let said = |cells: u16, least: usize, usual: usize| match usize::from(cells) {
        0 => usual,
        cells => cells.max(least),
    };
    size.map_or((100, 24), |size| {
        (said(size.ws_col, 40, 100), said(size.ws_row, 4, 24))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run_of(statuses: &[&str]) -> RunDetail {
        let id = "00000000-0000-0000-0000-000000000001";
        let step = |(item, status): (usize, &&str)| {
            json!({
                "key": format!("look[{item}]"), "step_id": "look", "item": item, "label": "Look", "kind": "agent",
                "status": status, "skipped": false, "chat_id": id, "has_output": false, "failures": 0,
                "planned_at": "2026-01-01T00:00:00.000Z",
            })
        };
        let steps: Vec<_> = statuses.iter().enumerate().map(step).collect();
        serde_json::from_value(json!({
            "id": id, "slug": "calm-otter", "project_id": id, "flow": "many", "flow_version": 1, "flow_hash": "0",
            "input": { "question": "", "size": "small", "fast": false, "agent": "rehearsal", "extra": {} },
            "status": "running", "is_paused": false, "is_cancelling": false, "base": "",
            "usage": { "input_uncached": 0, "input_cached": 0, "output": 0 }, "started_at": "2026-01-01T00:00:00.000Z",
            "manifest": [], "steps": steps, "tasks": [], "attention": [], "position": 1,
        }))
        .unwrap()
    }

    fn seen(run: RunDetail, height: usize) -> Vec<String> {
        let lines = lines_of(&[run], 80, height).into_iter();
        lines
            .map(|line| anstream::adapter::strip_str(&line).to_string())
            .collect()
    }

    #[test]
    fn no_more_is_drawn_than_the_terminal_has_rows() {
        let mut statuses = vec!["completed"; 120];
        statuses.extend(["running", "failed", "running"]);
        statuses.extend(["pending"; 77]);
        assert_eq!(
            seen(run_of(&statuses), 24),
            [
                "calm-otter many  running",
                "  ◐ look[120] Look  running",
                "  ✗ look[121] Look  failed",
                "  ◐ look[122] Look  running",
                "  … 120 completed, 77 pending",
            ]
        );
        assert_eq!(seen(run_of(&["running"; 200]), 10).len(), 9);
        assert_eq!(
            seen(run_of(&["completed"; 3]), 24).len(),
            4,
            "all of what has room"
        );
    }
}
