//! A review, as a person asks for it.

use crate::script;
use crate::world::{Agent, World};

pub(crate) fn completes_with_a_report(agent: &'static Agent) {
    let world = World::new(agent, script::review());
    let given = world.run("review", &["--size", "small"]);
    assert_eq!(given.code, 0, "{given:#?}");

    let report = given.out;
    let head: String = report
        .trim_start()
        .lines()
        .take(12)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(head.contains(agent.model), "the header names the model: {report}");
    assert!(
        report.contains("It must not go in: the sum is wrong."),
        "{report}"
    );
    assert!(report.contains("It subtracts where it should add"), "{report}");
    for request in world.requests() {
        assert_eq!(request["model"], agent.model, "{request:#}");
    }
}
