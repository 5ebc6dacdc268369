//! A used-up allowance: who hears of it parks and wakes at the reset; who does not is given up on and tried again.

use crate::env::await_that;
use crate::script;
use crate::world::{Agent, World, states};
use serde_json::{Value, json};

/// Of those who say that a limit was reached.
pub(crate) fn parks_and_wakes_by_itself(agent: &'static Agent, resets_in_s: u64) {
    let script = script::look(&[
        json!({ "limit": { "kind": "usage", "resets_in": resets_in_s } }),
        json!({ "text": "I have looked around." }),
    ]);
    let world = World::new(agent, script);
    world.flow("peek", &script::look_step("retry = { max = 0 }"));
    let slug = world.start("peek", &["--focus", "What is there?"]);

    let account = format!("{}/environment", agent.name);
    let mut limit = Value::Null;
    let is_limited = || {
        let status = world.env.run(&["status", "--json"]).json();
        limit = status["limits"][0].clone();
        limit["account"] == account.as_str()
    };
    await_that(is_limited, "the limit shows");
    let waiting = world.show(&slug);
    assert_eq!(waiting["status"], "running", "{waiting:#}");

    let (code, run) = world.watch(&slug);
    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    assert_eq!(states(&run, "look"), ["parked", "completed"], "{run:#}");
    assert_eq!(run["steps"][0]["failures"], 0, "no try was spent");
    assert_eq!(run["tasks"][0]["account"], account.as_str());
    let woken = run["tasks"][1]["ordered_at"].as_str().unwrap();
    assert!(
        woken >= limit["until"].as_str().unwrap(),
        "woken at {woken}, before {limit}"
    );
    assert_eq!(world.requests().len(), 2, "nobody asked again before the reset");
}

/// Of those who wait for the reset in silence: all that is seen is that nothing is heard.
pub(crate) fn in_silence_ends_the_task_and_the_next_try_completes(agent: &'static Agent) {
    let script = script::look(&[
        json!({ "limit": { "kind": "rate", "resets_in": 3600 } }),
        json!({ "text": "I have looked around." }),
    ]);
    let world = World::new(agent, script);
    world.flow(
        "peek",
        &script::look_step("idle_timeout = \"10s\"\nretry = { max = 1, base = \"100ms\" }"),
    );
    let slug = world.start("peek", &["--focus", "What is there?"]);
    let (code, run) = world.watch(&slug);

    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    assert_eq!(states(&run, "look"), ["failed", "completed"], "{run:#}");
    assert_eq!(run["tasks"][0]["failure_class"], "silence", "{run:#}");
}
