//! Letting go: nothing that holds work which nobody else has.

use super::{RUN, World, sh, task};
use crate::{PlaceState, PruneAsk, PruneStep};
use engine::ports::{AdvanceSpec, Workspaces};

#[tokio::test]
async fn release_removes_what_is_kept_elsewhere_and_keeps_the_rest() {
    let world = World::new().await;
    world.reader("looked").await;
    world.writer("idle").await;
    world
        .harvested("done", "echo x >> a.txt; mkdir target; echo y > target/y")
        .await;
    let more = world.writer("more").await;
    sh(&more.path, "echo x >> a.txt");
    world
        .places
        .harvest(more.clone(), task("more"), String::new())
        .await
        .unwrap()
        .unwrap();
    sh(&more.path, "echo y >> a.txt");
    let lost = world.writer("lost").await;
    sh(&lost.path, "echo precious > new");

    world.places.release(world.project(), RUN).await.unwrap();

    let list = world.places.list().await.unwrap();
    let seen: Vec<_> = list
        .iter()
        .map(|place| (place.key.clone().unwrap().to_string(), place.state.clone()))
        .collect();
    let unkept = |name: &str| PlaceState::Unkept(vec![name.to_owned()]);
    assert_eq!(
        seen,
        [
            ("lost".to_owned(), unkept("new")),
            ("more".to_owned(), unkept("a.txt"))
        ]
    );
    let pins = world.git("for-each-ref --format='%(refname)' refs/partita/runs | grep places || true");
    assert_eq!(pins.lines().count(), 2, "{pins}");
    world.places.release(world.project(), RUN).await.unwrap();
    assert_eq!(world.places.list().await.unwrap().len(), 2);
    world.verify();
}

#[tokio::test]
async fn pruning_is_planned_first_and_keeps_unlanded_work() {
    let world = World::new().await;
    let landed = world.harvested("landed", "echo 1 > 1").await;
    let open = world.harvested("open", "echo 2 > 2").await;
    let lost = world.writer("lost").await;
    sh(&lost.path, "echo precious > new");
    let spec = AdvanceSpec {
        project: world.project(),
        slug: "s".to_owned(),
        from: None,
        to: landed.head.clone(),
    };
    world.places.advance(spec).await.unwrap();
    let before = world.git("for-each-ref");

    let active = PruneAsk {
        active: vec![RUN],
        projects: vec![world.project()],
        ..PruneAsk::default()
    };
    assert_eq!(world.places.prune_plan(&active).await.unwrap().steps, []);

    let ask = PruneAsk {
        projects: vec![world.project()],
        ..PruneAsk::default()
    };
    let plan = world.places.prune_plan(&ask).await.unwrap();
    assert_eq!(world.git("for-each-ref"), before, "planning changes nothing");
    assert_eq!(
        plan.kept.len(),
        3,
        "a place and two names of one result: {:?}",
        plan.kept
    );
    assert_eq!(world.places.prune(&plan).await.unwrap(), []);

    assert!(lost.path.join("new").exists());
    let left = world.git("for-each-ref --format='%(objectname)' refs/partita");
    let mut left: Vec<&str> = left.lines().collect();
    left.sort_unstable();
    let mut expected = vec![open.head.as_str(), open.head.as_str(), open.base.as_str()];
    expected.sort_unstable();
    assert_eq!(
        left, expected,
        "the open result and the pin of the place with work"
    );
    assert_eq!(world.git("rev-parse partita/s"), landed.head);

    let ask = PruneAsk {
        discard_unlanded: true,
        ..ask
    };
    let plan = world.places.prune_plan(&ask).await.unwrap();
    assert_eq!(world.places.prune(&plan).await.unwrap(), []);
    assert_eq!(world.git("for-each-ref refs/partita"), "");
    assert_eq!(world.places.list().await.unwrap(), []);
    world.verify();
}

#[tokio::test]
async fn a_plan_that_no_longer_holds_is_not_carried_out() {
    let world = World::new().await;
    let place = world.writer("idle").await;
    let plan = world.places.prune_plan(&PruneAsk::default()).await.unwrap();
    assert!(
        plan.steps
            .iter()
            .any(|step| matches!(step, PruneStep::RemovePlace(_)))
    );
    sh(&place.path, "echo precious > new");

    let kept = world.places.prune(&plan).await.unwrap();

    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(place.path.join("new").exists());
}
