//! `codex exec --json`: one process a turn. The prompt goes in by standard input, events come out one a line; another
//! turn is another process that resumes the thread.

use super::failure::{Reading, classify, shortened};
use super::turn::{DETAIL_MAX, Tally, difference};
use super::{Brief, Dialect, Exit, Outcome, Step, TurnEnd, json};
use domain::{Access, Moment, Usage};
use engine::ports::{EntryKind, ToolStatus};
use serde_json::Value as Json;

/// One run of `codex exec`.
#[derive(Debug)]
pub(super) struct Codex {
    brief: Brief,
    tally: Tally,
    /// The last error that it reported: what it died of, where it does not get to say so.
    last_error: Option<String>,
}

impl Codex {
    pub(super) fn new(brief: Brief) -> Self {
        Self {
            brief,
            tally: Tally::default(),
            last_error: None,
        }
    }

    fn on_item(&mut self, phase: &str, item: &Json, steps: &mut Vec<Step>) {
        let text = |key: &str| json::text(item, &[key]).unwrap_or_default();
        let is_whole = phase == "item.completed";
        match text("type") {
            "agent_message" if is_whole => {
                self.tally.say(text("text"), steps);
                self.tally.close_message(steps);
            }
            "reasoning" if is_whole => steps.push(Step::Entry(EntryKind::Thought(text("text").to_owned()))),
            "error" => steps.push(Step::Entry(EntryKind::Notice(shortened(text("message"))))),
            "agent_message" | "reasoning" => {}
            kind => {
                if phase == "item.started" || (is_whole && kind != "command_execution") {
                    self.tally.tools += 1;
                }
                let status = match text("status") {
                    "completed" => ToolStatus::Completed,
                    "failed" | "declined" => ToolStatus::Failed,
                    _ if is_whole => ToolStatus::Completed,
                    _ => ToolStatus::Running,
                };
                let (title, detail) = shown_item(kind, item);
                let id = json::clip(text("id"), 200);
                steps.push(Step::Entry(EntryKind::Tool {
                    id,
                    title,
                    status,
                    detail,
                }));
            }
        }
    }

    fn on_completed(&mut self, message: &Json, steps: &mut Vec<Step>) {
        let counts = message.get("usage").unwrap_or(&Json::Null);
        let total = usage_of(counts);
        let turn = match (self.brief.session_total, &self.brief.resume) {
            (Some(before), _) => difference(total, before),
            // A resumed thread's counters began before us, and nobody knows where: better none than someone else's.
            (None, Some(_)) => Usage::default(),
            (None, None) => total,
        };
        self.tally.usage = self.tally.usage.plus(turn);
        self.tally.session_total = Some(total);
        let outcome = if self.tally.is_interrupted {
            Outcome::Cancelled
        } else if self.tally.is_blank(total) {
            Outcome::NoResult(
                "it says it is done, without a word, a tool call or any use of a model".to_owned(),
            )
        } else {
            Outcome::Done
        };
        self.tally.end(outcome, steps);
    }

    fn on_failed(&mut self, text: &str, now: Moment, steps: &mut Vec<Step>) {
        let outcome = if self.tally.is_interrupted {
            Outcome::Cancelled
        } else {
            classify(
                None,
                text,
                Reading {
                    now,
                    zone: &self.brief.zone,
                },
            )
        };
        self.tally.end(outcome, steps);
    }
}

impl Dialect for Codex {
    fn arguments(&self) -> Vec<String> {
        let sandbox = self.brief.mode.as_deref().unwrap_or(match self.brief.access {
            Access::Read => "read-only",
            Access::Write => "workspace-write",
        });
        let mut arguments: Vec<String> = ["exec", "--json", "--skip-git-repo-check", "--sandbox", sandbox]
            .map(ToOwned::to_owned)
            .to_vec();
        if let Some(model) = &self.brief.model {
            arguments.extend(["--model".to_owned(), model.clone()]);
        }
        if let Some(thread) = &self.brief.resume {
            arguments.extend(["resume".to_owned(), thread.clone()]);
        }
        arguments.push("-".to_owned());
        arguments
    }

    fn open(&mut self) -> Vec<Step> {
        self.tally.begin();
        let prompt = self.brief.prompt.clone();
        vec![
            Step::Send(prompt.clone()),
            Step::Entry(EntryKind::Prompt(prompt)),
            Step::CloseStdin,
        ]
    }

    fn on_line(&mut self, line: &str, now: Moment) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(message) = json::object(line) else {
            if !line.trim().is_empty() {
                steps.push(Step::Entry(EntryKind::Raw(json::clip(line, DETAIL_MAX))));
            }
            return steps;
        };
        match json::text(&message, &["type"]) {
            Some("thread.started") => {
                if let Some(thread) = json::text(&message, &["thread_id"]) {
                    steps.push(Step::SessionId(thread.to_owned()));
                }
            }
            Some(phase @ ("item.started" | "item.updated" | "item.completed")) => {
                let item = message.get("item").unwrap_or(&Json::Null);
                self.on_item(phase, item, &mut steps);
            }
            Some("error") => {
                let text = json::text(&message, &["message"]).unwrap_or("an error without a message");
                steps.push(Step::Entry(EntryKind::Notice(shortened(text))));
                self.last_error = Some(text.to_owned());
            }
            Some("turn.completed") => self.on_completed(&message, &mut steps),
            Some("turn.failed") => {
                let text =
                    json::text(&message, &["error", "message"]).unwrap_or("a failure without a message");
                self.on_failed(text, now, &mut steps);
            }
            Some(_) => {}
            None => steps.push(Step::Entry(EntryKind::Raw(json::clip(line, DETAIL_MAX)))),
        }
        steps
    }

    /// It takes no requests while it runs: signals are all it understands.
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
        // It says so on every start, and it means nothing.
        let mut words = stderr_tail.replace("Reading additional input from stdin...", "");
        if let Some(error) = self.last_error.as_ref().filter(|_| !self.tally.has_ended()) {
            words.push('\n');
            words.push_str(error);
        }
        self.tally.conclude(
            exit,
            &words,
            Reading {
                now,
                zone: &self.brief.zone,
            },
        )
    }
}

/// codex counts what the cache answered as input, and reasoning as output.
fn usage_of(counts: &Json) -> Usage {
    let count = |key| json::count(counts, &[key]).unwrap_or(0);
    let cached = count("cached_input_tokens");
    Usage {
        input_uncached: count("input_tokens").saturating_sub(cached),
        input_cached: cached,
        output: count("output_tokens"),
        cost_micros: None,
    }
}

/// An item for people: what it is about, and what it brought.
fn shown_item(kind: &str, item: &Json) -> (String, String) {
    let text = |key: &str| json::text(item, &[key]).unwrap_or_default();
    match kind {
        "command_execution" => (
            json::clip(text("command"), 300),
            json::clip(text("aggregated_output"), DETAIL_MAX),
        ),
        "file_change" => {
            let changes: Vec<String> = json::list(item, &["changes"])
                .iter()
                .take(100)
                .map(|change| {
                    let field = |key| json::text(change, &[key]).unwrap_or("?");
                    format!("{} {}", field("kind"), field("path"))
                })
                .collect();
            (
                json::clip(&format!("change {}", changes.join(", ")), 300),
                String::new(),
            )
        }
        "mcp_tool_call" => {
            let detail = item
                .get("result")
                .or_else(|| item.get("arguments"))
                .unwrap_or(&Json::Null);
            let title = format!("{} {}", text("server"), text("tool"));
            (json::clip(&title, 300), json::shown(detail, DETAIL_MAX))
        }
        "web_search" => (
            json::clip(&format!("search {}", text("query")), 300),
            String::new(),
        ),
        "todo_list" => {
            let items = json::list(item, &["items"]);
            let lines: Vec<String> = items
                .iter()
                .take(100)
                .map(|item| {
                    let mark = if json::is_true(item, &["completed"]) {
                        "x"
                    } else {
                        " "
                    };
                    format!("[{mark}] {}", json::text(item, &["text"]).unwrap_or_default())
                })
                .collect();
            ("Plan".to_owned(), json::clip(&lines.join("\n"), DETAIL_MAX))
        }
        other => (json::clip(other, 300), json::shown(item, DETAIL_MAX)),
    }
}
