//! An input too long for a prompt: it becomes a file beside the working copy, which the agent must be able to read.

use crate::script;
use crate::world::{Agent, World};
use serde_json::json;

pub(crate) fn inputs_are_read_from_their_file(agent: &'static Agent) {
    let world = World::new(
        agent,
        // Slowly: what comes next is known only once the prompt is.
        script::look(&[json!({ "text": "I begin.", "read": { "path": "sum.sh" }, "delay_ms": 500 })]),
    );
    world.flow("peek", &script::look_step("retry = { max = 0 }"));
    let question = format!("{}the needle\n{}", "hay\n".repeat(20), "hay\n".repeat(12_000));
    let slug = world.start("peek", &["--focus", &question]);
    world.await_requests(1);
    let prompt = world.last_body();
    assert!(!prompt.contains("the needle"), "it is no part of the prompt");
    let path = prompt
        .split("to be read:")
        .nth(1)
        .and_then(|rest| rest.split(": ").nth(1))
        .unwrap();
    let path = path.split(['\\', '"']).next().unwrap();
    world.play(script::look(&[
        json!({ "read": { "path": path } }),
        json!({ "text": "I have looked around." }),
    ]));
    let (code, run) = world.watch(&slug);
    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    assert!(world.last_body().contains("the needle"), "{path} was read");
}
