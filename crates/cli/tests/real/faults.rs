//! A provider that fails: a stream that is cut, then an error. Whether the agent tries again or its task is tried again
//! by policy, the run completes.

use crate::script;
use crate::world::{Agent, World, states};
use serde_json::json;

pub(crate) fn a_cut_stream_and_a_500_end_in_success(agent: &'static Agent) {
    let script = script::look(&[
        json!({ "text": "This will not be", "cut_after": 2 }),
        json!({ "status": 500 }),
        json!({ "text": "I have looked around." }),
    ]);
    let world = World::new(agent, script);
    world.flow(
        "peek",
        &script::look_step("retry = { max = 2, base = \"100ms\" }"),
    );
    let slug = world.start("peek", &["--focus", "What is there?"]);
    let (code, run) = world.watch(&slug);

    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    let states = states(&run, "look");
    let (last, earlier) = states.split_last().unwrap();
    assert!(
        last == "completed" && earlier.iter().all(|state| state == "failed"),
        "{run:#}"
    );
    assert_eq!(
        run["steps"][0]["failures"],
        earlier.len(),
        "each failure was counted once"
    );
    for task in run["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["state"] == "failed")
    {
        assert_eq!(task["failure_class"], "transient", "{task:#}");
    }
    assert!(world.requests().len() >= 3, "all of the script was played");
}
