//! What keeps the commit of a place: a pin of its own, or its run.

use super::{RUN, World, sh};
use crate::names::place_ref;
use domain::{Access, StepKey};
use engine::ports::{AdvanceSpec, PlaceSpec, WorkspaceError, Workspaces};
use std::fs;

const COLLECT: &str = "git reflog expire --expire=now --all && git gc -q --prune=now";

fn is_pinned(world: &World, key: &str) -> bool {
    let name = place_ref(RUN, &StepKey::only(key));
    !world.git(&format!("for-each-ref {name}")).is_empty()
}

/// The branch goes where the commit is not.
fn forget(world: &World) {
    sh(
        &world.project(),
        "git checkout -q --orphan elsewhere && git commit -qm elsewhere && git branch -D main",
    );
    sh(&world.project(), COLLECT);
}

#[tokio::test]
async fn a_reader_of_what_its_run_starts_from_needs_no_pin() {
    let world = World::new().await;
    let place = world.reader("review").await;
    assert!(!is_pinned(&world, "review"));
    forget(&world);

    assert_eq!(world.places.changed(place.clone()).await, Ok(Vec::new()));
    assert_eq!(
        sh(
            &place.path,
            "git cat-file -p HEAD:a.txt && git fsck --no-dangling"
        ),
        "one"
    );
    // The refs were packed meanwhile; they are found all the same.
    let late = PlaceSpec {
        key: StepKey::only("late"),
        ..place.spec
    };
    let place = world.places.prepare(late).await.unwrap();
    assert!(!is_pinned(&world, "late"));
    assert_eq!(fs::read_to_string(place.path.join("a.txt")).unwrap(), "one\n");
    world.verify();
}

#[tokio::test]
async fn a_reader_of_what_its_runs_writer_made_needs_no_pin() {
    let world = World::new().await;
    let change = world.harvested("fix", "echo x >> a.txt").await;
    let spec = world.spec("review", Access::Read, &change.head);
    let place = world.places.prepare(spec).await.unwrap();
    assert!(!is_pinned(&world, "review"));
    forget(&world);
    assert_eq!(
        sh(
            &place.path,
            "git cat-file -p HEAD:a.txt && git fsck --no-dangling"
        ),
        "one\nx"
    );
}

#[tokio::test]
async fn a_reader_of_another_commit_is_pinned() {
    let world = World::new().await;
    world.base().await;
    sh(&world.project(), "echo two >> a.txt; git commit -qam second");
    let second = world.git("rev-parse HEAD");
    let place = world
        .places
        .prepare(world.spec("review", Access::Read, &second))
        .await
        .unwrap();
    assert!(is_pinned(&world, "review"));
    forget(&world);
    assert_eq!(
        sh(
            &place.path,
            "git cat-file -p HEAD:a.txt && git fsck --no-dangling"
        ),
        "one\ntwo"
    );
    world.places.release(world.project(), RUN).await.unwrap();
    assert!(!is_pinned(&world, "review"));
}

#[tokio::test]
async fn a_writer_is_pinned_whatever_its_run_holds() {
    let world = World::new().await;
    world.writer("fix").await;
    assert!(is_pinned(&world, "fix"));
}

#[tokio::test]
async fn what_is_not_there_or_no_commit_is_refused_and_leaves_no_place() {
    let world = World::new().await;
    world.base().await;
    let others = [
        "1".repeat(40),
        world.git("rev-parse HEAD^{tree}"),
        world.git("rev-parse HEAD:a.txt"),
    ];
    for other in others {
        for access in [Access::Read, Access::Write] {
            let said = world.places.prepare(world.spec("step", access, &other)).await;
            assert!(matches!(said, Err(WorkspaceError::Missing(_))), "{said:?}");
        }
        let said = world
            .places
            .advance(AdvanceSpec {
                project: world.project(),
                slug: "calm".to_owned(),
                from: None,
                to: other,
            })
            .await;
        assert!(matches!(said, Err(WorkspaceError::Missing(_))), "{said:?}");
    }
    assert_eq!(world.places.list().await.unwrap(), []);
    assert_eq!(world.git("for-each-ref refs/heads/partita"), "");
    world.harvested("after", "echo x >> a.txt").await;
    world.verify();
}
