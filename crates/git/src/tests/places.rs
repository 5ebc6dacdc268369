//! Making places and finding them again.

use super::{RUN, World, sh};
use domain::Access;
use engine::ports::{WorkspaceError, Workspaces};
use std::fs;

#[tokio::test]
async fn a_place_shows_the_commit_and_has_no_way_out() {
    let world = World::new().await;
    let place = world.writer("fix").await;

    assert_eq!(fs::read_to_string(place.path.join("sub/b.txt")).unwrap(), "two\n");
    assert!(!place.has_leftovers);
    assert_eq!(sh(&place.path, "git status --porcelain"), "");
    assert_eq!(sh(&place.path, "git remote"), "");
    assert_eq!(sh(&place.path, "git log --format=%s main"), "first");
    let objects = fs::canonicalize(world.project().join(".git/objects")).unwrap();
    assert_eq!(place.readable, [objects]);
    world.verify();
}

#[tokio::test]
async fn the_agents_own_commits_work_in_a_place_and_reach_nobody() {
    let world = World::new().await;
    let place = world.writer("fix").await;

    sh(
        &place.path,
        "echo x >> a.txt && git commit -qam mine && git checkout -qb other && git branch -f main HEAD",
    );

    assert_eq!(world.git("log --format=%s main"), "first");
    assert_eq!(world.git("branch --format='%(refname)'"), "refs/heads/main");
}

#[tokio::test]
async fn an_honest_tool_cannot_change_the_configuration() {
    let world = World::new().await;
    let place = world.writer("fix").await;

    let (code, _, said) = super::try_sh(&place.path, "git config core.hooksPath .husky");

    assert_ne!(code, Some(0), "{said}");
    assert_eq!(world.places.changed(place).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_later_attempt_gets_the_same_place_with_what_was_left() {
    let world = World::new().await;
    let first = world.writer("fix").await;
    sh(
        &first.path,
        "echo half >> a.txt && touch .git/index.lock .git/refs/heads/x.lock",
    );

    let second = world.writer("fix").await;

    assert_eq!(second.path, first.path);
    assert!(second.has_leftovers);
    assert_eq!(sh(&second.path, "git status --porcelain"), " M a.txt");
}

#[tokio::test]
async fn fresh_throws_away_what_was_left() {
    let world = World::new().await;
    let first = world.writer("fix").await;
    sh(&first.path, "echo half >> a.txt; echo new > new.txt");
    let base = world.base().await;

    let spec = engine::ports::PlaceSpec {
        fresh: true,
        ..world.spec("fix", Access::Write, &base)
    };
    let second = world.places.prepare(spec).await.unwrap();

    assert!(!second.has_leftovers);
    assert_eq!(fs::read_to_string(second.path.join("a.txt")).unwrap(), "one\n");
    assert!(!second.path.join("new.txt").exists());
    world.verify();
}

#[tokio::test]
async fn a_place_for_another_commit_is_made_anew_and_unkept_work_is_set_aside() {
    let world = World::new().await;
    let first = world.writer("fix").await;
    sh(&first.path, "echo precious > new.txt");
    sh(
        &world.project(),
        "echo three > c.txt && git add -A && git commit -qm second",
    );
    let newer = world.git("rev-parse HEAD");

    let second = world
        .places
        .prepare(world.spec("fix", Access::Write, &newer))
        .await
        .unwrap();

    assert!(!second.has_leftovers);
    assert!(second.path.join("c.txt").exists());
    let list = world.places.list().await.unwrap();
    let aside: Vec<_> = list.iter().filter(|place| place.aside.is_some()).collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(
        fs::read_to_string(aside[0].path.join("new.txt")).unwrap(),
        "precious\n"
    );
}

#[tokio::test]
async fn s4_22_a_reader_always_gets_what_the_commit_says() {
    let world = World::new().await;
    let first = world.reader("review").await;
    sh(
        &first.path,
        "echo x >> a.txt; mkdir target; echo y > target/z; echo w > w",
    );
    assert_eq!(
        world.places.changed(first.clone()).await.unwrap(),
        ["a.txt".to_owned(), "target/".to_owned(), "w".to_owned()]
    );

    let second = world.reader("review").await;

    assert_eq!(
        world.places.changed(second.clone()).await.unwrap(),
        Vec::<String>::new()
    );
    assert!(!second.path.join("target").exists());
}

#[tokio::test]
async fn a_touched_file_is_not_a_changed_file() {
    let world = World::new().await;
    let place = world.reader("review").await;
    sh(&place.path, "touch -d '2001-01-01' a.txt && chmod 644 a.txt");
    assert_eq!(
        world.places.changed(place.clone()).await.unwrap(),
        Vec::<String>::new()
    );
    sh(&place.path, "echo xxx > a.txt && touch -d '2001-01-01' a.txt");
    assert_eq!(world.places.changed(place).await.unwrap(), ["a.txt"]);
}

#[tokio::test]
async fn a_base_is_found_once_and_stays() {
    let world = World::new().await;
    let first = world.git("rev-parse HEAD");
    assert_eq!(world.base().await, first);
    sh(&world.project(), "git commit -q --allow-empty -m second");
    assert_eq!(world.base().await, first);

    let other = domain::RunId::from_bits(2);
    let base = world
        .places
        .base(world.project(), other, Some("main~1".to_owned()))
        .await
        .unwrap();
    assert_eq!(base.commit, first);
    assert_eq!(
        world.git(&format!("rev-parse refs/partita/runs/{other}/base")),
        first
    );
}

#[tokio::test]
async fn a_place_outlives_the_branch_it_came_from() {
    let world = World::new().await;
    sh(
        &world.project(),
        "git checkout -qb gone && echo z > z && git add z && git commit -qm z && git checkout -q main",
    );
    let run = domain::RunId::from_bits(3);
    let base = world
        .places
        .base(world.project(), run, Some("gone".to_owned()))
        .await
        .unwrap()
        .commit;
    let spec = engine::ports::PlaceSpec {
        run,
        ..world.spec("fix", Access::Write, &base)
    };
    let place = world.places.prepare(spec).await.unwrap();

    sh(
        &world.project(),
        "git branch -qD gone && git reflog expire --expire=now --all && git gc -q --prune=now",
    );

    assert_eq!(sh(&place.path, "git show HEAD:z"), "z");
    assert_eq!(world.places.changed(place).await, Ok(Vec::new()));
}

#[tokio::test]
async fn each_odd_project_has_a_clear_answer() {
    let world = World::empty().await;
    let base = |name: &str, wanted: Option<&str>| {
        world
            .places
            .base(world.dir.path().join(name), RUN, wanted.map(str::to_owned))
    };
    assert!(matches!(
        base("nowhere", None).await,
        Err(WorkspaceError::Missing(_))
    ));

    sh(world.dir.path(), "git init -q unborn");
    let said = base("unborn", None).await.unwrap_err().to_string();
    assert!(said.contains("no commit yet"), "{said}");

    sh(
        world.dir.path(),
        "git init -q -b main full && cd full && git commit -q --allow-empty -m x && mkdir sub",
    );
    let said = base("full/sub", None).await.unwrap_err().to_string();
    assert!(said.contains("lies inside the repository"), "{said}");
    let said = base("full", Some("nope")).await.unwrap_err().to_string();
    assert!(said.contains("no branch, tag or commit `nope`"), "{said}");

    sh(&world.dir.path().join("full"), "git checkout -q --detach");
    assert!(base("full", None).await.is_ok());

    sh(
        world.dir.path(),
        "git clone -q --bare full bare.git && git -C full worktree add -q ../linked",
    );
    assert!(base("bare.git", None).await.is_ok());
    assert!(base("linked", None).await.is_ok());

    sh(world.dir.path(), "mkdir damaged && mkdir damaged/.git");
    let said = base("damaged", None).await.unwrap_err().to_string();
    assert!(said.contains("is not a git folder"), "{said}");
}

#[tokio::test]
async fn a_linked_worktree_a_shallow_clone_and_sha256_are_projects_too() {
    for make in [
        "git init -q -b main p && cd p && echo one > a.txt && git add -A && git commit -qm x && git worktree add -q ../project",
        "git init -q -b main p && cd p && git commit -q --allow-empty -m x && echo one > a.txt && git add -A && \
         git commit -qm y && git clone -q --depth 1 file://$PWD ../project",
        "git init -q -b main --object-format=sha256 project && cd project && echo one > a.txt && git add -A && git commit -qm x",
    ] {
        let world = World::empty().await;
        fs::remove_dir(world.project()).unwrap();
        sh(world.dir.path(), make);
        let change = world
            .harvested("fix", "echo two > a.txt && rm -f nothing && echo n > n")
            .await;
        assert_eq!(
            (change.files, change.insertions, change.deletions),
            (2, 2, 1),
            "{make}"
        );
        assert_eq!(world.git(&format!("show {}:a.txt", change.head)), "two");
        sh(&world.project(), "git fsck --strict --no-dangling");
    }
}

#[tokio::test]
async fn a_repository_of_another_user_is_refused_with_the_way_out() {
    let world = World::new().await;
    if super::try_sh(&world.project(), "chown -R 4321 .").0 != Some(0) {
        eprintln!("skipped: giving files away needs root");
        return;
    }
    let said = world
        .places
        .base(world.project(), RUN, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("belongs to another user") && said.contains("safe.directory"),
        "{said}"
    );
}

#[tokio::test]
async fn work_after_a_power_loss_is_set_aside_until_it_was_settled() {
    let world = World::new().await;
    let place = world.writer("fix").await;
    sh(&place.path, "echo half >> a.txt");
    let record = place.path.with_file_name("record");
    let text = fs::read_to_string(&record).unwrap();
    let line = text.lines().find(|line| line.starts_with("boot ")).unwrap();
    fs::write(&record, text.replace(line, "boot earlier")).unwrap();

    fs::write(place.path.with_file_name("settled"), "").unwrap();
    assert!(world.writer("fix").await.has_leftovers);
    fs::remove_file(place.path.with_file_name("settled")).unwrap();
    assert!(!world.writer("fix").await.has_leftovers);
    assert_eq!(world.places.list().await.unwrap().len(), 2);
}

/// So many readers may come within the minute after which a place is settled that each would keep a file open.
#[tokio::test]
async fn only_a_place_that_may_be_written_is_settled() {
    let world = World::new().await;
    let is_open = |place: &engine::ports::Place| {
        let folder = fs::canonicalize(place.path.parent().unwrap()).unwrap();
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|file| file == folder)
    };
    assert!(is_open(&world.writer("fix").await));
    assert!(!is_open(&world.reader("review").await));
}
