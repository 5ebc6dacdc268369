//! A used-up allowance: who hears of it parks and wakes at the reset; who does not is given up on and tried again.

use crate::env::await_that;
use crate::script;
use crate::world::{Agent, World, states};
use serde_json::{Value, json};

/// What the model answers when the plan's allowance is used up.
pub(crate) fn used_up(resets_in_s: u64) -> Value {
    json!({ "limit": { "kind": "usage", "resets_in": resets_in_s } })
}

/// The same as gemini passes it on. Of a used-up daily quota it does not say when it ends: see below.
pub(crate) fn no_quota(resets_in_s: u64) -> Value {
    let metric = "generativelanguage.googleapis.com/generate_content_free_tier_requests";
    let message =
        format!("Quota exceeded for metric: {metric}, limit: 0, model: x. Please retry in {resets_in_s}s.");
    json!({ "status": 429, "message": message })
}

/// Of those who say when the limit is lifted.
pub(crate) fn parks_and_wakes_by_itself(agent: &'static Agent, limit: Value) {
    let script = script::look(&[limit, json!({ "text": "I have looked around." })]);
    let world = World::new(agent, script);
    world.flow("peek", &script::look_step("retry = { max = 0 }"));
    let slug = world.start("peek", &["--focus", "What is there?"]);
    let limit = await_limit(&world, &slug);

    let (code, run) = world.watch(&slug);
    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    assert_eq!(states(&run, "look"), ["parked", "completed"], "{run:#}");
    assert_eq!(run["steps"][0]["failures"], 0, "no try was spent");
    assert_eq!(run["tasks"][0]["account"], limit["account"]);
    let woken = run["tasks"][1]["ordered_at"].as_str().unwrap();
    assert!(
        woken >= limit["until"].as_str().unwrap(),
        "woken at {woken}, before {limit}"
    );
    assert_eq!(world.requests().len(), 2, "nobody asked again before the reset");
}

/// Of those who say that there is a limit, and not when it is lifted: the wait is a guess, and a long one.
pub(crate) fn without_a_reset_parks_for_a_while(agent: &'static Agent) {
    let world = World::new(agent, script::look(&[used_up(1)]));
    world.flow("peek", &script::look_step("retry = { max = 0 }"));
    let slug = world.start("peek", &["--focus", "What is there?"]);
    let limit = await_limit(&world, &slug);

    let run = world.show(&slug);
    assert_eq!(states(&run, "look"), ["parked"], "{run:#}");
    assert_eq!(run["steps"][0]["not_before"], limit["until"], "{run:#}");
    world.env.run(&["run", "cancel", &slug]).ok();
    assert_eq!(world.watch(&slug).1["status"], "cancelled");
}

/// The account's limit, as soon as it shows; the run waits.
fn await_limit(world: &World, slug: &str) -> Value {
    let account = format!("{}/environment", world.agent.name);
    let mut limit = Value::Null;
    let is_parked = || {
        limit = world.env.run(&["status", "--json"]).json()["limits"][0].clone();
        limit["account"] == account.as_str() && states(&world.show(slug), "look")[..] == ["parked"]
    };
    await_that(is_parked, "the limit shows");
    assert_eq!(world.show(slug)["status"], "running", "it waits");
    limit
}

/// Of those who wait for the reset in silence: all that is seen is that nothing is heard.
pub(crate) fn in_silence_ends_the_task_and_the_next_try_completes(agent: &'static Agent) {
    let limit = json!({ "limit": { "kind": "usage", "resets_in": 3600 }, "times": 1000 });
    let world = World::new(agent, script::look(&[limit]));
    world.flow(
        "peek",
        &script::look_step("idle_timeout = \"20s\"\nretry = { max = 1, base = \"1s\" }"),
    );
    let slug = world.start("peek", &["--focus", "What is there?"]);
    await_that(
        || states(&world.show(&slug), "look")[..] == ["failed"],
        "the silent task ends",
    );
    world.play(script::look(&[json!({ "text": "I have looked around." })]));
    let (code, run) = world.watch(&slug);

    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    assert_eq!(states(&run, "look"), ["failed", "completed"], "{run:#}");
    assert_eq!(run["tasks"][0]["failure_class"], "silence", "{run:#}");
}
