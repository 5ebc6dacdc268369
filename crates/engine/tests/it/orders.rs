//! What a task is given to do its work with.

use crate::scene::{Scene, plan};
use domain::{Access, Moment, Name, Network, PlanStep, RunEvent, StepKind};
use engine::ports::WorkOrder;
use engine::testkit;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Order = (String, Name, Network, Option<String>);

#[tokio::test(start_paused = true)]
async fn writers_have_a_setup_and_gates_no_network() {
    let orders: Arc<Mutex<Vec<Order>>> = Arc::default();
    let seen = Arc::clone(&orders);
    let script = move |order: &WorkOrder, _now: Moment| {
        let setup = order.setup.as_ref().map(|setup| setup.command.clone());
        seen.lock()
            .unwrap()
            .push((order.key.to_string(), order.agent.clone(), order.network, setup));
        testkit::Scene::says("done", 10)
    };
    let scene = Scene::open(4, script).await;
    let mut read = PlanStep::new("read", StepKind::Agent);
    read.network = Network::None;
    let mut write = PlanStep::new("write", StepKind::Agent);
    (write.access, write.gate, write.needs) = (Access::Write, true, vec![Name::from("read")]);
    scene.outside.book.set("flow", plan([read, write]));
    scene.start(9, "flow", None).await;
    scene.pass(Duration::from_secs(60)).await;
    assert_eq!(
        scene.count(|event| matches!(event, RunEvent::Completed { .. })),
        1
    );
    let order = |key: &str, agent: &str, network: Network, setup: Option<&str>| {
        (
            key.to_owned(),
            Name::from(agent),
            network,
            setup.map(str::to_owned),
        )
    };
    assert_eq!(
        *orders.lock().unwrap(),
        [
            order("read", "ada", Network::None, None),
            order("write", "ada", Network::Open, Some("make flow ready")),
            order("write", "command", Network::None, None),
        ]
    );
}
