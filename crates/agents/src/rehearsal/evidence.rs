//! Answers with evidence: what the script claims is looked up in the files as they are now, so that every line is
//! real, and a claim that no longer holds is not made.

use super::act::{Next, Player};
use super::detail::{Verdict, Verdicts};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What the files say, each read once.
type Files = BTreeMap<String, String>;

impl Player<'_> {
    /// Reads every file that the answer names, then gives what of it holds.
    pub(super) fn answer(&mut self, value: &Json) -> Next {
        let mut names = Vec::new();
        named(value, &mut names);
        names.sort_unstable();
        names.dedup();
        let mut files = Files::new();
        for name in names {
            self.read(&name)?;
            let text = std::fs::read_to_string(self.path(&name)).unwrap_or_default();
            files.insert(name, text);
        }
        let answer = looked_up(value, &files).unwrap_or(Json::Null);
        self.say_json("", &answer)?;
        Ok(None)
    }

    /// Judges a numbered list in the prompt.
    pub(super) fn verdicts(&mut self, verdicts: &Verdicts) -> Next {
        let list = self
            .prompt
            .split_once(verdicts.behind.as_str())
            .map_or("", |(_, list)| list);
        let judged: Vec<Json> = items(list)
            .into_iter()
            .map(|(number, text)| {
                let known = verdicts.of.iter().find(|known| text.contains(&known.about));
                let Verdict { verdict, reason, .. } = known.unwrap_or(&verdicts.otherwise);
                json!({ "finding": number, "verdict": verdict, "reason": reason })
            })
            .collect();
        self.say_json("", &json!({ "verdicts": judged }))?;
        Ok(None)
    }
}

/// The items of a numbered list: a line that begins with a number and a full stop, and what follows until the next.
fn items(list: &str) -> Vec<(u64, String)> {
    let mut items: Vec<(u64, String)> = Vec::new();
    for line in list.lines().take_while(|line| !line.starts_with("## ")) {
        let number = line.split_once(". ").and_then(|(number, _)| number.parse().ok());
        match (number, items.last_mut()) {
            (Some(number), _) => items.push((number, line.to_owned())),
            (None, Some((_, text))) => {
                text.push('\n');
                text.push_str(line);
            }
            (None, None) => {}
        }
    }
    items
}

/// The files that a value names, wherever in it.
fn named(value: &Json, names: &mut Vec<String>) {
    match value {
        Json::Object(map) => {
            if let Some((file, _)) = claim(value) {
                names.push(file.to_owned());
            }
            map.values().for_each(|value| named(value, names));
        }
        Json::Array(list) => list.iter().for_each(|value| named(value, names)),
        _ => {}
    }
}

/// A file and what is quoted from it.
fn claim(value: &Json) -> Option<(&str, &str)> {
    Some((value.get("file")?.as_str()?, value.get("quote")?.as_str()?))
}

/// The value with every claim looked up; none for a claim that does not hold.
fn looked_up(value: &Json, files: &Files) -> Option<Json> {
    match value {
        Json::Array(list) => Some(list.iter().filter_map(|value| looked_up(value, files)).collect()),
        Json::Object(map) => {
            let mut looked: serde_json::Map<String, Json> = map
                .iter()
                .map(|(name, value)| (name.clone(), looked_up(value, files).unwrap_or_default()))
                .collect();
            if let Some((file, quote)) = claim(value) {
                let text = files.get(file)?;
                let (index, line) = text
                    .lines()
                    .enumerate()
                    .find(|(_, line)| line.contains(quote.trim()))?;
                looked.insert("line".to_owned(), Json::from(index + 1));
                looked.insert("quote".to_owned(), Json::from(line.trim()));
            }
            Some(Json::Object(looked))
        }
        other => Some(other.clone()),
    }
}
