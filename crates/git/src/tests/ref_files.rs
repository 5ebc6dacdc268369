//! Refs that are read without git are what git says they are; what cannot be read so is asked of git.

use super::{RUN, World, sh, task};
use crate::names::Oid;
use crate::{ref_files, refs};
use domain::Access;
use engine::ports::Workspaces;
use std::fs;

const PEOPLES: [&str; 3] = ["refs/heads/", "refs/tags/", "refs/remotes/"];

/// What git says of the refs that people know.
fn listed(world: &World) -> Vec<(String, Oid)> {
    let said =
        world.git("for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags refs/remotes");
    let pair = |line: &str| {
        let (name, at) = line.split_once(' ').unwrap();
        (name.to_owned(), Oid::parse(at).unwrap())
    };
    said.lines().map(pair).collect()
}

fn agrees(world: &World, when: &str) {
    let common = world.project().join(".git");
    let listed = listed(world);
    assert_eq!(
        ref_files::under(&common, &PEOPLES).as_ref(),
        Some(&listed),
        "{when}"
    );
    for (name, at) in listed
        .iter()
        .filter(|(name, _)| !name.ends_with("/HEAD") && !name.ends_with("/alias"))
    {
        assert_eq!(
            ref_files::one(&common, name),
            Some(Some(at.clone())),
            "{when}: {name}"
        );
    }
    for name in ["refs/heads/none", "refs/heads/main/below", "refs/heads"] {
        assert_eq!(ref_files::one(&common, name), Some(None), "{when}: {name}");
    }
}

#[tokio::test]
async fn refs_in_files_are_what_git_says_they_are() {
    let world = World::new().await;
    agrees(&world, "one branch");
    let many = "for name in a deep/er/one 'it(s)' ümläut 'x#y' '%40' a.b; do git branch \"$name\"; done; \
                git tag light; git tag -m t heavy; git tag -m t 'odd+name'; \
                git update-ref refs/remotes/origin/main HEAD; git update-ref refs/other/thing HEAD; \
                git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main; \
                git symbolic-ref refs/heads/alias refs/heads/a; touch .git/refs/heads/b.lock";
    sh(&world.project(), many);
    agrees(&world, "each in its file");
    sh(&world.project(), "rm .git/refs/heads/b.lock; git pack-refs --all");
    agrees(&world, "packed");
    let moved = "git commit -q --allow-empty -m second; git branch -f a HEAD; git tag after; git branch -D deep/er/one";
    sh(&world.project(), moved);
    agrees(&world, "packed, and some moved since");
    sh(
        &world.project(),
        "git gc -q; git branch -D a.b; git checkout -q --detach",
    );
    agrees(&world, "collected");
}

#[tokio::test]
async fn what_is_odd_is_left_to_git() {
    let world = World::new().await;
    let common = world.project().join(".git");
    let refused = |name: &str, content: &[u8]| {
        let file = common.join(name);
        fs::write(&file, content).unwrap();
        assert_eq!(ref_files::one(&common, name), None, "{content:?}");
        assert_eq!(ref_files::under(&common, &PEOPLES), None, "{content:?}");
        fs::remove_file(file).unwrap();
    };
    let (head, zero) = (world.git("rev-parse HEAD"), "0".repeat(40));
    refused("refs/heads/x", b"");
    refused("refs/heads/x", &head.as_bytes()[..39]);
    refused("refs/heads/x", format!("{head} and more\n").as_bytes());
    refused("refs/heads/x", format!("{zero}\n").as_bytes());
    refused("refs/heads/x", b"ref: refs/heads/none\n");
    refused("refs/heads/x", b"ref: ../HEAD\n");
    refused("refs/heads/x", b"\xff\xfe\n");
    std::os::unix::fs::symlink("main", common.join("refs/heads/x")).unwrap();
    assert_eq!(ref_files::one(&common, "refs/heads/x"), None);
    fs::remove_file(common.join("refs/heads/x")).unwrap();
    for name in [
        "refs/../config",
        "config",
        "refs/heads/../../config",
        "refs/heads//main",
        "refs/heads/.x",
    ] {
        assert_eq!(ref_files::one(&common, name), None, "{name}");
    }
    fs::write(common.join("refs/heads/a b"), format!("{head}\n")).unwrap();
    assert_eq!(
        ref_files::under(&common, &PEOPLES),
        None,
        "a name that git does not take"
    );
    fs::remove_file(common.join("refs/heads/a b")).unwrap();
    fs::create_dir(common.join("packed-refs")).unwrap();
    assert_eq!(ref_files::under(&common, &PEOPLES), None);
    assert_eq!(ref_files::one(&common, "refs/heads/none"), None);
    assert!(ref_files::one(&common, "refs/heads/main").is_some());
}

#[tokio::test]
async fn a_link_to_nowhere_hides_no_other_branch() {
    let world = World::new().await;
    sh(
        &world.project(),
        "git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/gone; git branch other",
    );
    let place = world.reader("review").await;
    assert_eq!(sh(&place.path, "git log --format=%s other"), "first");
}

#[tokio::test]
async fn a_branch_of_a_checkout_is_found_whatever_checkout_it_is() {
    let world = World::new().await;
    let common = world.project().join(".git");
    let is_free = |name: &str| ref_files::is_checked_out_nowhere(&common, &format!("refs/heads/{name}"));
    assert!(!is_free("main") && is_free("side"));
    sh(&world.project(), "git worktree add -q -b side ../side");
    assert!(!is_free("main") && !is_free("side") && is_free("third"));
    sh(&world.project(), "git checkout -q --detach");
    assert!(is_free("main") && !is_free("side"));
    fs::remove_file(common.join("worktrees/side/HEAD")).unwrap();
    assert!(!is_free("main"), "what cannot be told is asked of git");
}

/// Git before 2.45 knows no other form than files.
#[tokio::test]
async fn a_repository_that_keeps_refs_otherwise_is_read_by_git() {
    let world = World::empty().await;
    let (code, _, said) = super::try_sh(&world.project(), "git init -q --ref-format=reftable -b main .");
    if code != Some(0) {
        eprintln!("skipped: {said}");
        return;
    }
    sh(
        &world.project(),
        "echo one > a.txt; git add -A; git commit -qm first; git branch other",
    );
    let project = world.places.project(&world.project()).await.unwrap();
    assert!(!project.has_ref_files);
    let head = refs::read(&world.places.git, &project, "refs/heads/other")
        .await
        .unwrap();
    assert_eq!(head.map(|at| at.to_string()), Some(world.git("rev-parse HEAD")));

    let place = world.writer("fix").await;
    assert_eq!(sh(&place.path, "git log --format=%s other"), "first");
    sh(&place.path, "echo x >> a.txt");
    let change = world
        .places
        .harvest(place, task("fix"), "m".to_owned())
        .await
        .unwrap()
        .unwrap();
    let read = world.spec("review", Access::Read, &change.head);
    let place = world.places.prepare(read).await.unwrap();
    assert_eq!(fs::read_to_string(place.path.join("a.txt")).unwrap(), "one\nx\n");
    world.places.release(world.project(), RUN).await.unwrap();
}

#[tokio::test]
async fn a_repository_made_anew_in_another_format_is_asked_about_again() {
    let world = World::new().await;
    assert!(!world.places.project(&world.project()).await.unwrap().is_sha256);
    fs::remove_dir_all(world.project().join(".git")).unwrap();
    sh(
        &world.project(),
        "git init -q --object-format=sha256 -b main . && git add -A && git commit -qm anew",
    );
    assert!(world.places.project(&world.project()).await.unwrap().is_sha256);
    let place = world.reader("review").await;
    assert_eq!(sh(&place.path, "git log --format=%s main"), "anew");
}
