//! A run that a person ends while its agent waits for the model.

use crate::script;
use crate::world::{Agent, World};
use serde_json::json;

pub(crate) fn cancel_leaves_no_process(agent: &'static Agent) {
    let world = World::new(agent, script::look(&[json!({ "hang": 600, "times": 100 })]));
    world.flow("peek", &script::look_step(""));
    let slug = world.start("peek", &["--focus", "What is there?"]);
    world.await_requests(1);
    assert!(!world.processes().is_empty(), "the agent is found while it works");

    world.env.run(&["run", "cancel", &slug]).ok();
    let (code, run) = world.watch(&slug);
    assert_eq!((code, &run["status"]), (1, &"cancelled".into()), "{run:#}");
    assert_eq!(run["tasks"][0]["state"], "cancelled", "{run:#}");
    // The guard tells that everything is gone, and then goes itself.
    crate::env::await_that(|| world.processes().is_empty(), "a cancelled run has no process");
}
