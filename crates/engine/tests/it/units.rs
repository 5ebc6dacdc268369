//! Work units whose names come and go: nobody ends up waiting for themselves.

use crate::scene::Scene;
use domain::{Event, Moment, NewUnit, Refusal, Stream, UnitEvent, UnitId, UnitInput};
use engine::EngineError;
use engine::ports::WorkOrder;
use engine::testkit;

fn unit(chunk: &str, blocked_by: &[&str]) -> NewUnit {
    NewUnit {
        chunk: chunk.to_owned(),
        blocked_by: blocked_by.iter().map(|&blocker| blocker.to_owned()).collect(),
        ..NewUnit::default()
    }
}

async fn two_in_a_row() -> Scene {
    let scene = Scene::open(2, |_: &WorkOrder, _: Moment| testkit::Scene::says("done", 1)).await;
    for (bits, new) in [(1, unit("schema", &[])), (2, unit("login", &["schema"]))] {
        scene
            .engine
            .create_unit(UnitId::from_bits(bits), new, None)
            .await
            .unwrap();
    }
    scene
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_given_up_holds_nobody_up_when_it_comes_back() {
    let scene = two_in_a_row().await;
    let change = |chunk: &'static str, input| scene.engine.change_unit(chunk.to_owned(), vec![input], None);
    change("schema", UnitInput::Delete).await.unwrap();
    let history = scene.outside.disk.stream(Stream::Unit(UnitId::from_bits(2)), 0);
    let forgotten = history.iter().filter_map(|recorded| match &recorded.event {
        Event::Unit(UnitEvent::BlockersChanged { blocked_by }) => Some(blocked_by.len()),
        _ => None,
    });
    assert_eq!(
        forgotten.collect::<Vec<_>>(),
        [0],
        "it forgot the name with the unit"
    );

    // Were the name still there, the unit would wait for itself, or for one that waits for it.
    let rename = |chunk: &str| UnitInput::Rename {
        chunk: chunk.to_owned(),
    };
    assert_eq!(change("login", rename("schema")).await, Ok(()));
    let next = unit("page", &["schema"]);
    let page = scene.engine.create_unit(UnitId::from_bits(3), next, None);
    assert_eq!(page.await, Ok(()));
    let circle = UnitInput::SetBlockers {
        blocked_by: vec!["page".to_owned()],
    };
    assert_eq!(
        change("schema", circle).await,
        Err(EngineError::Refused(Refusal::BlockersCircle("schema".to_owned())))
    );
}
