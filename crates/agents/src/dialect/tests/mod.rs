//! The dialects against recordings of real agents, and against garbage.

mod acp;
mod claude;
mod codex;
mod command;
mod garbage;
mod reset;

use super::*;
use engine::ports::ToolStatus;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use std::fmt::Write as _;

/// 2026-11-21T12:00:00Z, a Saturday.
const NOW: Moment = Moment::from_ms(1_795_262_400_000);

fn brief(access: Access) -> Brief {
    Brief {
        prompt: "Please write hello.txt".to_owned(),
        cwd: PathBuf::from("/workspace"),
        access,
        is_sandboxed: true,
        mode: None,
        model: None,
        resume: None,
        session_total: None,
        zone: TimeZone::UTC,
    }
}

/// A recording's lines.
fn recording(name: &str) -> Vec<String> {
    let path = format!("{}/tests/transcripts/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(ToOwned::to_owned).collect()
}

fn parsed(line: &str) -> Json {
    serde_json::from_str(line).unwrap()
}

/// Steps as a person reads them, one a line; pieces of one message joined.
fn rendered(steps: &[Step]) -> String {
    let mut out = String::new();
    let mut said = String::new();
    for step in steps {
        if let Step::Entry(EntryKind::Text(text)) = step {
            said.push_str(text);
            continue;
        }
        if !said.is_empty() {
            writeln!(out, "text       {:?}", std::mem::take(&mut said)).unwrap();
        }
        let line = match step {
            Step::Send(line) => format!("send       {}", sent(line)),
            Step::SessionId(id) => format!("session    {id}"),
            Step::CloseStdin => "close      stdin".to_owned(),
            Step::TurnEnded(end) => format!("END        {}", ended(end)),
            Step::Entry(entry) => shown(entry),
        };
        writeln!(out, "{line}").unwrap();
    }
    if !said.is_empty() {
        writeln!(out, "text       {said:?}").unwrap();
    }
    out
}

fn sent(line: &str) -> String {
    json::clip(line, 260)
}

fn ended(end: &TurnEnd) -> String {
    let Usage {
        input_uncached,
        input_cached,
        output,
        cost_micros,
    } = end.usage;
    let cost = cost_micros
        .map(|micros| format!(" ${}", micros as f64 / 1e6))
        .unwrap_or_default();
    let total = end
        .session_total
        .map(|total| {
            format!(
                " session {}+{}/{}",
                total.input_uncached, total.input_cached, total.output
            )
        })
        .unwrap_or_default();
    format!(
        "{:?} | used {input_uncached}+{input_cached}/{output}{cost}{total} | {:?}",
        end.outcome,
        json::clip(&end.message, 200)
    )
}

fn shown(entry: &EntryKind) -> String {
    match entry {
        EntryKind::Text(_) => unreachable!("joined above"),
        EntryKind::Thought(text) => format!("thought    {text:?}"),
        EntryKind::Tool {
            id,
            title,
            status,
            detail,
        } => {
            let status = match status {
                ToolStatus::Pending => "pending",
                ToolStatus::Running => "running",
                ToolStatus::Completed => "completed",
                ToolStatus::Failed => "failed",
            };
            format!(
                "tool       {id} [{status}] {title:?} {:?}",
                json::clip(detail, 160)
            )
        }
        EntryKind::Permission { title, allowed, rule } => {
            format!(
                "permission {} {title:?}: {rule}",
                if *allowed { "yes" } else { "no" }
            )
        }
        EntryKind::Notice(text) => format!("notice     {:?}", json::clip(text, 200)),
        EntryKind::Raw(text) => format!("raw        {text:?}"),
        EntryKind::Prompt(text) => format!("prompt     {text:?}"),
        EntryKind::MessageEnd => "message    ends".to_owned(),
    }
}

/// Compares with the snapshot beside the recordings.
fn snapshot(name: &str, value: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/transcripts/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.replace('/', "__"), value));
}
