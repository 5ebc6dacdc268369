//! How far each conversation has been played.
//!
//! Owns the cursors. A *side request* (a title, a classifier) offers no tools or matches `aux_match`; it moves no
//! cursor. Any other belongs to the first conversation whose pattern matches its prompt, else
//! its body, and there to one instance: the pattern's groups where it has any, else the prompt and folder. So four
//! agents that match one pattern each get the whole sequence, and a retry with the same prompt goes on where the first
//! try stopped. Who matches nothing shares the top-level `turns`.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::script::{Conversation, Script, Turn};

/// A script being played.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) script: Script,
    shared: Cursor,
    /// By position of the conversation, then by instance.
    instances: BTreeMap<(usize, String), Cursor>,
}

/// What a request gets.
#[derive(Debug)]
pub(crate) struct Cue {
    pub(crate) turn: Turn,
    pub(crate) part: Part,
}

/// Where in the script a turn stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Aux,
    Shared {
        index: Option<usize>,
    },
    Conversation {
        position: usize,
        instance: String,
        index: Option<usize>,
    },
}

#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    next: usize,
    played: u32,
}

impl Cursor {
    /// The turn that is due and its index; nothing once all are played.
    fn take(&mut self, turns: &[Turn]) -> Option<(usize, Turn)> {
        let (index, turn) = (self.next, turns.get(self.next)?.clone());
        self.played += 1;
        if self.played >= turn.times {
            *self = Self {
                next: index + 1,
                played: 0,
            };
        }
        Some((index, turn))
    }
}

impl Play {
    pub(crate) fn of(script: Script) -> Self {
        Self {
            script,
            shared: Cursor::default(),
            instances: BTreeMap::new(),
        }
    }

    /// The turn for this request; moves the cursor it belongs to.
    pub(crate) fn cue(&mut self, asked: &Asked) -> Cue {
        if self.is_aux(asked) {
            return Cue {
                turn: Turn::saying(&self.script.aux_text),
                part: Part::Aux,
            };
        }
        let prompt = asked.prompt();
        let found = self
            .script
            .conversations
            .iter()
            .enumerate()
            .find_map(|(position, conversation)| {
                Some((
                    position,
                    conversation,
                    instance_of(&conversation.matching, &prompt, asked)?,
                ))
            });
        let Some((position, conversation, instance)) = found else {
            let (index, turn) = played(self.shared.take(&self.script.turns), None, &self.script.on_end);
            return Cue {
                turn,
                part: Part::Shared { index },
            };
        };
        let cursor = self.instances.entry((position, instance.clone())).or_default();
        let Conversation { turns, on_end, .. } = conversation;
        let (index, turn) = played(cursor.take(turns), on_end.as_ref(), &self.script.on_end);
        Cue {
            turn,
            part: Part::Conversation {
                position,
                instance,
                index,
            },
        }
    }

    /// The cursors, for `/__state`.
    pub(crate) fn state(&self) -> Value {
        let instances = self.instances.iter().map(|((position, instance), cursor)| {
            let matching = self.script.conversations[*position].matching.as_str();
            json!({"match": matching, "instance": instance, "next_turn": cursor.next})
        });
        json!({"next_turn": self.shared.next, "conversations": instances.collect::<Vec<_>>()})
    }

    fn is_aux(&self, asked: &Asked) -> bool {
        let named = self.script.aux_match.as_ref();
        asked.is_aside() || named.is_some_and(|pattern| pattern.is_match(&asked.body))
    }
}

/// Which instance of the conversation this is, if the pattern matches at all.
fn instance_of(matching: &Regex, prompt: &str, asked: &Asked) -> Option<String> {
    let found = matching
        .captures(prompt)
        .or_else(|| matching.captures(&asked.body))?;
    if found.len() == 1 {
        return Some(asked.instance());
    }
    let groups = found
        .iter()
        .skip(1)
        .map(|group| group.map_or("", |group| group.as_str()));
    Some(groups.collect::<Vec<_>>().join("/"))
}

fn played(due: Option<(usize, Turn)>, own_end: Option<&Turn>, end: &Turn) -> (Option<usize>, Turn) {
    match due {
        Some((index, turn)) => (Some(index), turn),
        None => (None, own_end.unwrap_or(end).clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::{Message, Speaker, Tool};
    use crate::script::Reply;

    fn play(script: Value) -> Play {
        Play::of(Script::from_value(script).expect("a good script"))
    }

    fn asked(prompt: &str) -> Asked {
        Asked {
            model: None,
            is_streamed: false,
            tools: vec![Tool::default()],
            messages: vec![Message {
                speaker: Speaker::User,
                text: prompt.to_owned(),
            }],
            body: prompt.to_owned(),
        }
    }

    fn said(cue: &Cue) -> &str {
        let Reply::Say { text, .. } = &cue.turn.reply else {
            panic!("it says something")
        };
        text
    }

    #[test]
    fn each_instance_of_a_conversation_gets_the_whole_sequence() {
        let mut play = play(json!({"conversations": [
            {"match": "review", "turns": [{"text": "one"}, {"text": "two"}]},
        ]}));
        let order = ["review a", "review b", "review a", "review b", "review a"];
        let answers: Vec<_> = order
            .iter()
            .map(|prompt| said(&play.cue(&asked(prompt))).to_owned())
            .collect();
        assert_eq!(answers, ["one", "one", "two", "two", "Script ended."]);
    }

    #[test]
    fn groups_of_the_pattern_name_the_instance() {
        let mut play = play(json!({"conversations": [
            {"match": "angle: (\\w+)", "turns": [{"text": "one"}, {"text": "two"}]},
        ]}));
        play.cue(&asked("angle: security, at noon"));
        let cue = play.cue(&asked("angle: security, at one"));
        let part = Part::Conversation {
            position: 0,
            instance: "security".to_owned(),
            index: Some(1),
        };
        assert_eq!((said(&cue), &cue.part), ("two", &part));
    }

    #[test]
    fn the_first_pattern_that_matches_wins_and_the_rest_share_the_turns() {
        let mut play = play(json!({
            "turns": [{"text": "shared"}],
            "conversations": [
                {"match": "alpha", "turns": [{"text": "a"}]},
                {"match": "a", "turns": [{"text": "b"}]},
            ],
        }));
        assert_eq!(said(&play.cue(&asked("alpha"))), "a");
        assert_eq!(said(&play.cue(&asked("beta"))), "b");
        assert_eq!(said(&play.cue(&asked("other"))), "shared");
    }

    #[test]
    fn a_turn_repeats_as_often_as_it_says() {
        let mut play = play(json!({"turns": [{"text": "again", "times": 2}, {"text": "then"}]}));
        let answers: Vec<_> = (0..3).map(|_| said(&play.cue(&asked("x"))).to_owned()).collect();
        assert_eq!(answers, ["again", "again", "then"]);
    }

    #[test]
    fn side_requests_move_nothing() {
        let mut play = play(json!({"aux_match": "title", "turns": [{"text": "main"}]}));
        let without_tools = Asked {
            tools: Vec::new(),
            ..asked("x")
        };
        assert_eq!(play.cue(&without_tools).part, Part::Aux);
        assert_eq!(play.cue(&asked("a title please")).part, Part::Aux);
        assert_eq!(
            play.cue(&asked("[SUGGESTION MODE: what would they type?]")).part,
            Part::Aux
        );
        assert_eq!(play.cue(&asked("x")).part, Part::Shared { index: Some(0) });
    }
}
