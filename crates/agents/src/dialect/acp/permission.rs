//! What an agent asks to be allowed: answered at once, by the kind of the tool and of the options, never by their ids.

use super::super::json;
use super::super::policy::{Verdict, Wish, judge};
use super::Acp;
use engine::ports::EntryKind;
use serde_json::{Value as Json, json};

impl Acp {
    /// The answer to a permission request, and what the transcript says about it.
    pub(super) fn answer_permission(&mut self, params: &Json) -> (Json, EntryKind) {
        let call = params.get("toolCall").unwrap_or(&Json::Null);
        let known = json::text(call, &["toolCallId"]).and_then(|id| self.tools.get(id));
        let asked_kind = json::text(call, &["kind"]);
        let known_kind = known.and_then(|seen| seen.kind.as_deref());
        // Where an agent says two things about a call, the stricter one counts.
        let kinds = [asked_kind, known_kind];
        let wish = match kinds.into_iter().flatten().map(wish_of).collect::<Vec<_>>()[..] {
            [one] => one,
            [one, other] if one == other => one,
            [one, other] if one == Wish::SwitchMode || other == Wish::SwitchMode => Wish::SwitchMode,
            [Wish::Read, other] | [other, Wish::Read] => other,
            _ => Wish::Other,
        };
        let verdict = judge(self.brief.access, self.brief.is_sandboxed, wish);
        let title = json::text(call, &["title"])
            .or(known.map(|seen| seen.title.as_str()))
            .filter(|title| !title.is_empty())
            .unwrap_or("a tool call without a title");
        let title = json::clip(title, 300);
        if let Some(id) = json::text(call, &["toolCallId"]) {
            self.remember(id, Some(&title), asked_kind);
        }
        let (answer, verdict) = answer(params, verdict);
        if !verdict.is_allowed {
            self.denied = Some(title.clone());
            self.is_mute_since = true;
        }
        let entry = EntryKind::Permission {
            title,
            allowed: verdict.is_allowed,
            rule: verdict.rule.to_owned(),
        };
        (answer, entry)
    }
}

fn wish_of(kind: &str) -> Wish {
    match kind {
        "read" | "search" => Wish::Read,
        "edit" | "delete" | "move" => Wish::Edit,
        "execute" => Wish::Execute,
        "fetch" => Wish::Fetch,
        "switch_mode" => Wish::SwitchMode,
        _ => Wish::Other,
    }
}

/// Picks the option; what cannot be allowed just once is refused, what cannot be refused once is cancelled.
fn answer(params: &Json, verdict: Verdict) -> (Json, Verdict) {
    if verdict.is_allowed
        && let Some(option) = option_of(params, "allow_once")
    {
        return (selected(option), verdict);
    }
    let rule = if verdict.is_allowed {
        "it cannot be allowed just once"
    } else {
        verdict.rule
    };
    let answer = option_of(params, "reject_once")
        .map_or_else(|| json!({ "outcome": { "outcome": "cancelled" } }), selected);
    (
        answer,
        Verdict {
            is_allowed: false,
            rule,
        },
    )
}

fn option_of<'a>(params: &'a Json, kind: &str) -> Option<&'a str> {
    json::list(params, &["options"])
        .iter()
        .find(|option| json::text(option, &["kind"]) == Some(kind))
        .and_then(|option| json::text(option, &["optionId"]))
}

fn selected(option: &str) -> Json {
    json!({ "outcome": { "outcome": "selected", "optionId": option } })
}
