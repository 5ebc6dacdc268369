//! Two runs at once, each with four tasks at once: everyone hears their own.

use crate::world::{Agent, World};
use serde_json::{Value, json};

const FLOW: &str = r##"
[size.small]
places = ["north", "east", "south", "west"]
[size.medium]
places = []
[size.large]
places = []
[[step]]
id = "look"
kind = "agent"
each = "size.places"
prompt = "# Look around\n\nYour mark is {{ input.question }}-{{ item }}."
"##;
const RUNS: [&str; 2] = ["alpha", "omega"];
const PLACES: [&str; 4] = ["north", "east", "south", "west"];

pub(crate) fn transcripts_never_mix(agent: &'static Agent) {
    let mark = |run: &str, place: &str| format!("{run}-{place}");
    let marks: Vec<String> = RUNS
        .iter()
        .flat_map(|run| PLACES.map(|place| mark(run, place)))
        .collect();
    let conversations: Vec<Value> = marks
        .iter()
        .map(|mark| {
            json!({ "match": format!("Your mark is {mark}\\."), "turns": [
                { "text": format!("I begin, {mark}."), "read": { "path": "sum.sh" } },
                { "text": format!("I am done, {mark}."), "delay_ms": 20 },
            ] })
        })
        .collect();
    let world = World::new(agent, json!({ "conversations": conversations }));
    world.flow("four", FLOW);
    let slugs = RUNS.map(|run| world.start("four", &["--focus", run]));
    let ended = slugs.clone().map(|slug| world.watch(&slug));

    for ((code, run), name) in ended.iter().zip(RUNS) {
        assert_eq!(
            (*code, &run["status"]),
            (0, &"completed".into()),
            "{name}: {run:#}"
        );
    }
    assert!(
        overlap(&ended[0].1, &ended[1].1),
        "the runs proceed at once: {ended:#?}"
    );
    for (slug, run) in slugs.iter().zip(RUNS) {
        let tasks = world.transcripts(slug);
        assert_eq!(tasks.len(), PLACES.len());
        for task in tasks {
            let key = task["task"]["step_key"].as_str().unwrap().to_owned();
            let place = PLACES
                .iter()
                .enumerate()
                .find(|(index, _)| key == format!("look[{index}]"))
                .unwrap()
                .1;
            let said = task["entries"].to_string();
            let heard: Vec<_> = marks.iter().filter(|mark| said.contains(mark.as_str())).collect();
            assert_eq!(heard, [&mark(run, place)], "{task:#}");
        }
    }
}

/// Whether there was a moment at which both had a process.
fn overlap(one: &Value, other: &Value) -> bool {
    let spans = |run: &Value| -> Vec<(String, String)> {
        let text = |task: &Value, name: &str| task[name].as_str().unwrap().to_owned();
        let tasks = run["tasks"].as_array().unwrap().iter();
        tasks
            .map(|task| (text(task, "started_at"), text(task, "ended_at")))
            .collect()
    };
    let theirs = spans(other);
    spans(one)
        .iter()
        .any(|a| theirs.iter().any(|b| a.0 < b.1 && b.0 < a.1))
}
