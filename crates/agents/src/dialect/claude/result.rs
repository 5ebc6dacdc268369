//! What a `result` line means, and what the turn used: claude's counters grow over the whole session, resumed
//! processes included.

use super::super::failure::{Reading, classify};
use super::super::turn::difference;
use super::super::{Outcome, Step, json};
use super::Claude;
use domain::{Moment, Usage};
use serde_json::Value as Json;

impl Claude {
    /// Takes the end of a turn.
    pub(super) fn on_result(&mut self, result: &Json, now: Moment, steps: &mut Vec<Step>) {
        if self.tally.has_ended() {
            return;
        }
        let turn = self.turn_usage(result);
        self.tally.usage = self.tally.usage.plus(turn);
        self.tally.session_total = self.totals;
        let is_error = json::is_true(result, &["is_error"])
            || json::text(result, &["subtype"]).is_some_and(|subtype| subtype.starts_with("error"));
        let outcome = if self.tally.is_interrupted {
            Outcome::Cancelled
        } else if is_error {
            self.meaning_of_error(result, now)
        } else {
            if let Some(text) = json::text(result, &["result"]) {
                self.tally.replace_message(text);
            }
            if self.tally.is_blank(turn) {
                Outcome::NoResult(
                    "it says it is done, without a word, a tool call or any use of a model".to_owned(),
                )
            } else {
                Outcome::Done
            }
        };
        self.tally.end(outcome, steps);
    }

    fn meaning_of_error(&self, result: &Json, now: Moment) -> Outcome {
        let errors: Vec<&str> = json::list(result, &["errors"])
            .iter()
            .filter_map(Json::as_str)
            .collect();
        let text = json::text(result, &["result"]).map_or_else(|| errors.join("; "), ToOwned::to_owned);
        match json::text(result, &["subtype"]) {
            Some("error_max_turns") => {
                return Outcome::Permanent("claude reached its limit of turns".to_owned());
            }
            Some("error_max_budget_usd") => {
                return Outcome::Permanent("claude reached its limit of money".to_owned());
            }
            _ => {}
        }
        let status = result.get("api_error_status").and_then(Json::as_u64);
        let reading = Reading {
            now,
            zone: &self.brief.zone,
        };
        match classify(
            status,
            if text.is_empty() {
                "claude gave no reason"
            } else {
                &text
            },
            reading,
        ) {
            Outcome::Limited { until, reason } => {
                // The event names the very second; the words are for people.
                let told = self
                    .limit_resets_at
                    .map(|at| Moment::from_ms(at.saturating_mul(1000)));
                Outcome::Limited {
                    until: told.filter(|told| *told > now).or(until),
                    reason,
                }
            }
            other => other,
        }
    }

    /// What this turn used: said outright by new versions, else the growth of the session's counters, else the
    /// `usage` of the result, which knows no side models.
    fn turn_usage(&mut self, result: &Json) -> Usage {
        let cost_total = json::micros(result.get("total_cost_usd"));
        let before = self.totals;
        let total = json::at(result, &["modelUsage"]).map(|models| Usage {
            cost_micros: cost_total,
            ..sum(models)
        });
        self.totals = total.or(before);
        if let Some(turn) = json::at(result, &["model_usage_since_last_result"]).map(sum)
            && turn != Usage::default()
        {
            return turn;
        }
        let own = json::at(result, &["usage"]).map(of_this_run).unwrap_or_default();
        match (before, total) {
            (Some(before), Some(total)) => difference(total, before),
            // A new session's counters began with this process.
            (None, Some(total)) if self.brief.resume.is_none() => total,
            // Resumed, and nobody knows from where: only the tokens of this run are sure.
            _ => own,
        }
    }
}

/// The counters of all models together.
fn sum(models: &Json) -> Usage {
    let empty = serde_json::Map::new();
    models
        .as_object()
        .unwrap_or(&empty)
        .values()
        .fold(Usage::default(), |sum, model| {
            let count = |key| json::count(model, &[key]).unwrap_or(0);
            sum.plus(Usage {
                input_uncached: count("inputTokens").saturating_add(count("cacheCreationInputTokens")),
                input_cached: count("cacheReadInputTokens"),
                output: count("outputTokens"),
                cost_micros: json::micros(model.get("costUSD")),
            })
        })
}

fn of_this_run(usage: &Json) -> Usage {
    let count = |key| json::count(usage, &[key]).unwrap_or(0);
    Usage {
        input_uncached: count("input_tokens").saturating_add(count("cache_creation_input_tokens")),
        input_cached: count("cache_read_input_tokens"),
        output: count("output_tokens"),
        cost_micros: None,
    }
}
