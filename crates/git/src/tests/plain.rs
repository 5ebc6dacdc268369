//! A project without git: everything works, and nothing is written into it.

use super::{RUN, World, sh, task};
use crate::{Limits, ProjectKind};
use engine::ports::{AdvanceSpec, Workspaces};
use std::fs;

async fn folder() -> World {
    let world = World::empty().await;
    sh(
        &world.project(),
        "mkdir sub .hidden && echo one > a.txt && echo two > sub/b.txt && echo h > .hidden/h",
    );
    sh(
        &world.project(),
        "mkfifo pipe && ln -s a.txt link && printf '#!/bin/sh\\n' > run && chmod +x run",
    );
    world
}

#[tokio::test]
async fn a_folder_without_git_gets_places_results_and_a_way_back() {
    let world = folder().await;
    let before = sh(&world.project(), "find . | sort");
    assert_eq!(world.places.kind(&world.project()).await, Ok(ProjectKind::Folder));

    let change = world
        .harvested(
            "fix",
            "echo more >> a.txt; echo n > new; rm sub/b.txt; test -x run; test -L link",
        )
        .await;
    assert_eq!((change.files, change.insertions, change.deletions), (3, 2, 1));
    let spec = AdvanceSpec {
        project: world.project(),
        slug: "s".to_owned(),
        from: None,
        to: change.head.clone(),
    };
    assert_eq!(world.places.advance(spec).await, Ok(()));
    assert_eq!(
        sh(&world.project(), "find . | sort"),
        before,
        "the folder is as it was"
    );

    let plan = world
        .places
        .apply_plan(&world.project(), "partita/s")
        .await
        .unwrap()
        .unwrap();
    assert!(plan.diff.text.contains("+more"));
    let applied = world.places.apply(&plan).await.unwrap();
    assert_eq!((applied.files, applied.is_staged), (3, false));
    assert_eq!(
        sh(&world.project(), "cat a.txt new; ls sub 2>/dev/null; ls -a"),
        "one\nmore\nn\n.\n..\n.hidden\na.txt\nlink\nnew\npipe\nrun"
    );
    world.places.release(world.project(), RUN).await.unwrap();
    assert_eq!(world.places.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_folder_without_git_that_changed_meanwhile_is_merged_or_refused() {
    let world = folder().await;
    let change = world.harvested("fix", "echo more >> a.txt").await;
    sh(&world.project(), "echo mine > mine");
    let plan = world
        .places
        .apply_plan(&world.project(), &change.head)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(plan.diff.files.len(), 1);
    sh(&world.project(), "echo clash >> a.txt");
    assert!(world.places.apply(&plan).await.is_err());
    let said = world
        .places
        .apply_plan(&world.project(), &change.head)
        .await
        .unwrap();
    assert_eq!(
        said,
        Err(crate::NotApplicable::Conflict(vec!["a.txt".to_owned()]))
    );
    assert_eq!(
        fs::read_to_string(world.project().join("a.txt")).unwrap(),
        "one\nclash\n"
    );
}

#[tokio::test]
async fn a_folder_that_is_too_large_or_holds_our_home_is_handled() {
    let world = folder().await;
    let limits = Limits {
        folder_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let world = World {
        places: world.places.with_limits(limits),
        dir: world.dir,
    };
    sh(&world.project(), "truncate -s 5M huge");
    let said = world
        .places
        .base(world.project(), RUN, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("more than 1 MiB"), "{said}");
    sh(&world.project(), "rm huge");

    let home = world.project().join(".partita/home/worktrees");
    let places = crate::Places::new(
        world.places.git.clone(),
        &home,
        std::sync::Arc::new(crate::Direct),
    )
    .unwrap();
    let world = World {
        places,
        dir: world.dir,
    };
    let place = world.writer("fix").await;
    assert!(!place.path.join(".partita").exists());
    sh(&place.path, "echo x >> a.txt");
    let change = world
        .places
        .harvest(place, task("fix"), String::new())
        .await
        .unwrap()
        .unwrap();
    let other = domain::RunId::from_bits(9);
    let again = world
        .places
        .base(world.project(), other, None)
        .await
        .unwrap()
        .commit;
    assert_eq!(again, change.base, "the home is no change");
}
