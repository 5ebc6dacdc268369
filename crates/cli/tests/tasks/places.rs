//! A place that somebody deletes, moves or closes while a run works in it, or between two tries: seen, explained, and
//! no other run touched. Locks of the project's git: waited for, then shown to a person.

use crate::world::*;
use cases::Case;
use std::path::Path;

/// What a hand does to a place's tree.
const HARMS: [(&str, &str); 3] = [
    ("deleted", "rm -rf \"$TREE\""),
    ("moved", "mv \"$TREE\" \"$TREE.elsewhere\""),
    ("closed", "chmod 000 \"$TREE\""),
];

fn harm(world: &World, script: &str, tree: &Path) {
    world.sh(&format!("TREE='{}'; {script}", tree.display()));
}

/// A run that somebody harms, and one beside it, both in the midst of their first change.
fn two_runs(world: &World) -> (String, String) {
    world.script(TWO_CHANGES);
    let harmed = world.begin("two");
    let other = world.begin("two");
    await_that(|| world.effects() == ["first", "first"], "both runs work");
    (harmed, other)
}

/// The run beside it ended as if nothing had been.
fn is_unharmed(world: &World, other: &str) {
    let ended = world.end_of(other);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_eq!(world.attention(other), [""; 0]);
    let files = world.sh(&format!(
        "git ls-tree --name-only partita/{other} -- first.txt second.txt"
    ));
    assert_eq!(files, "first.txt\nsecond.txt");
}

#[test]
fn f_52_a_place_that_is_taken_away_under_a_task_is_asked_about() {
    let mut case = Case::open("F-52");
    for (how, script) in HARMS {
        // Only an ordinary user is kept out of a closed folder.
        let Some(world) = World::of_nobody("") else {
            eprintln!("skipped: becoming another user needs root");
            return;
        };
        let (harmed, other) = two_runs(&world);
        case.tried();
        let tree = world.tree(&harmed, "first");
        harm(&world, script, &tree);
        world.let_go("go-first");
        world.let_go("go-second");
        let (asked, took) = world.asked(&harmed);
        println!("{how}: {took:?}: {asked:#?}");
        let names_it = asked.iter().any(|item| {
            item.contains(&tree.display().to_string())
                && (item.contains("is gone") || item.contains("cannot be opened"))
        });
        assert!(names_it, "{how}: {asked:#?}");
        assert_ne!(world.show(&harmed)["status"], "completed");
        is_unharmed(&world, &other);
        world.sh(&format!("chmod 755 '{}' 2>/dev/null || true", tree.display()));
        case.hit();
    }
    case.pass(3);
}

#[test]
fn f_52_a_place_that_is_taken_away_between_two_tries_is_made_again() {
    let mut case = Case::open("F-52");
    for (how, script) in HARMS {
        let Some(world) = World::of_nobody("") else {
            eprintln!("skipped: becoming another user needs root");
            return;
        };
        let (harmed, other) = two_runs(&world);
        world.kill_daemon();
        case.tried();
        let tree = world.tree(&harmed, "first");
        harm(&world, script, &tree);
        world.let_go("go-first");
        world.let_go("go-second");
        world.run(&["start"]).ok();
        // What cannot be used is set aside, not thrown away.
        let ended = world.end_of(&harmed);
        assert_eq!(ended["status"], "completed", "{how}: {ended:#}");
        is_unharmed(&world, &other);
        world.sh(&format!("chmod 755 '{}' 2>/dev/null || true", tree.display()));
        case.hit();
    }
    case.pass(3);
}

#[test]
fn f_51_a_lock_of_the_project_is_waited_for_then_shown_and_never_removed() {
    let mut case = Case::open("F-51");
    let world = World::new("");
    world.script(TWO_CHANGES);
    let run = world.begin("two");
    await_that(|| world.effects() == ["first"], "the first step works");
    world.let_go("go-first");
    await_that(|| world.effects() == ["first", "second"], "the second step works");
    let lock = world
        .project()
        .join(format!(".git/refs/heads/partita/{run}.lock"));
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    case.tried();
    world.let_go("go-second");
    let (asked, took) = world.asked(&run);
    println!("asked after {took:?}");
    assert!(asked.iter().any(|item| item.contains(".lock")), "{asked:#?}");
    assert!(lock.exists());
    case.hit();
    case.pass(1);
}
