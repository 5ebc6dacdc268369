//! Disks that are really full: that of the database, and those of only the places, the transcripts or the project. Each
//! is a file system of its own, mounted where nobody else sees it: the test starts itself again in a name space of its
//! own, which takes the mounts along when it ends.

use crate::world::*;
use cases::Case;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const INSIDE: &str = "PARTITA_TEST_OWN_MOUNTS";

/// Does this in a name space of its own; the test outside only looks how it went.
fn with_own_mounts(test: &str, inside: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let spaces: &[&str] = if rustix::process::geteuid().is_root() {
        &["--mount"]
    } else {
        &["--user", "--map-root-user", "--mount"]
    };
    let unshare = |what: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(spaces).args(what);
        command
    };
    if !unshare(&["true"])
        .output()
        .is_ok_and(|tried| tried.status.success())
    {
        eprintln!("skipped: a name space of one's own is not to be had here");
        return;
    }
    let ourselves = std::env::current_exe().unwrap();
    let status = unshare(&[ourselves.to_str().unwrap(), "--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "inside of the name space it failed");
}

/// A small disk at this folder of the world.
struct Disk(String);

impl Disk {
    fn at(world: &World, folder: &str, megabytes: u32) -> Self {
        let path = world.path(folder);
        std::fs::create_dir_all(&path).unwrap();
        let (path, home) = (path.to_str().unwrap().to_owned(), world.path("home"));
        // A home is closed to others, and who makes something in it closes it.
        world.sh(&format!("chmod 700 {}", home.display()));
        world.sh(&format!(
            "cp -a {path} {path}.was && mount -t tmpfs -o size={megabytes}m,mode=700 none {path} && \
             cp -a {path}.was/. {path} && rm -rf {path}.was"
        ));
        Self(path)
    }

    /// Takes all room that is left; says how much that was.
    fn fill(&self) -> u64 {
        use std::io::Write;
        let filler = Path::new(&self.0).join("filler");
        let opened = std::fs::File::options().append(true).create(true).open(filler);
        let mut filler = opened.unwrap();
        let block = vec![b'x'; 1 << 16];
        let mut filled = 0;
        // The last bytes of a disk go one by one.
        for size in [1 << 16, 1 << 12, 1] {
            while let Ok(count @ 1..) = filler.write(&block[..size]) {
                filled += count as u64;
            }
        }
        filled
    }

    fn free(&self) {
        std::fs::remove_file(Path::new(&self.0).join("filler")).unwrap();
    }
}

fn health(world: &World) -> String {
    let status = world.run(&["status", "--json"]).json();
    status["health"]["state"].as_str().unwrap().to_owned()
}

/// What waits for a person.
fn waiting(world: &World) -> Vec<serde_json::Value> {
    let mut listed = world.run(&["attention", "--json"]).json();
    listed["items"].as_array_mut().map(std::mem::take).unwrap()
}

#[test]
fn f_56_a_full_disk_under_the_database_stops_work_and_loses_none() {
    with_own_mounts(
        "disks::f_56_a_full_disk_under_the_database_stops_work_and_loses_none",
        || {
            let mut case = Case::open("F-56");
            let world = World::new("");
            // Three times the ballast and a little: 64 MiB are the ballast's own, and the rest is ours to fill.
            let disk = Disk::at(&world, "home", 200);
            // What a task makes lies elsewhere: this case is about the history alone.
            let _places = Disk::at(&world, "home/worktrees", 32);
            world.script(TWO_CHANGES);
            let run = world.begin("two");
            await_that(|| world.effects() == ["first"], "the first step works");
            assert_eq!(health(&world), "good");
            let ballast = world.path("home/ballast");
            assert!(ballast.exists());
            case.tried();
            let filled = disk.fill();
            println!("{} MiB filled", filled >> 20);
            world.let_go("go-first");
            // What must be kept now has the ballast's room.
            await_that(|| health(&world) == "full", "the full disk is noticed");
            case.hit();
            let noticed = Instant::now();
            assert!(!ballast.exists(), "the ballast is given up");
            let is_kept = || step(&world.show(&run), "first")["ended_at"].is_string();
            await_that(is_kept, "the end of what was under way is kept");
            let refilled = disk.fill();
            println!("noticed, kept, and {} MiB filled again", refilled >> 20);
            await_that(|| !waiting(&world).is_empty(), "a person is told");
            let [item] = &waiting(&world)[..] else {
                panic!("{:#?}", waiting(&world));
            };
            assert_eq!(item["title"], "no space left on the daemon's disk", "{item:#}");
            let told = world.run(&["attention"]).ok();
            assert!(told.contains("Make room on the disk of"), "{told}");
            let answered = world.run(&["answer", item["id"].as_str().unwrap(), "retry"]);
            assert!(
                answered.err.contains("it disappears once there is room"),
                "{answered:#?}"
            );
            // Nothing begins, however long one waits; whoever asks is answered.
            while noticed.elapsed() < Duration::from_secs(3) {
                let shown = world.show(&run);
                assert!(
                    !world.effects().iter().any(|line| line == "second"),
                    "work began on a full disk: {shown:#}"
                );
                assert_eq!(health(&world), "full");
            }
            let refused = world.run(&["work-unit", "create", "more"]);
            assert_eq!(refused.code, 7, "{refused:#?}");
            assert!(refused.err.contains("the disk is full"), "{refused:#?}");
            let said = world.run(&["status"]).out;
            assert!(said.contains("full"), "{said}");
            disk.free();
            world.let_go("go-second");
            let ended = world.end_of(&run);
            assert_eq!(ended["status"], "completed", "{ended:#}");
            assert_eq!(health(&world), "good");
            await_that(|| waiting(&world).is_empty(), "nobody is told any more");
            await_that(|| ballast.exists(), "the ballast is back");
            assert_eq!(world.effects(), ["first", "second"]);
            world.run(&["stop"]).ok();
            let home = store::Home::at(world.path("home"));
            assert_eq!(store::verify(&home).unwrap(), Vec::<String>::new());
            drop(world);
            case.pass(1);
        },
    );
}

/// One run on the full disk, one beside it that needs none of it.
fn one_fails_and_the_other_lives(folder: &'static str, megabytes: u32) {
    let mut case = Case::open("F-57");
    let world = World::new("");
    let disk = Disk::at(&world, folder, megabytes);
    world.script(TWO_CHANGES);
    let run = world.begin("two");
    await_that(|| world.effects() == ["first"], "the first step works");
    case.tried();
    disk.fill();
    world.let_go("go-first");
    world.let_go("go-second");
    if folder.starts_with("project") {
        // Who only reads needs no room there.
        let reader = world.begin("readers");
        assert_eq!(world.end_of(&reader)["status"], "completed");
    }
    await_that(|| !waiting(&world).is_empty(), "a person is asked");
    let [item] = &waiting(&world)[..] else {
        panic!("{:#?}", waiting(&world));
    };
    let words = format!("{} {}", item["title"], item["body"]);
    assert_eq!(item["kind"], "failure", "{item:#}");
    for said in ["no space left", "Make room on that disk, then answer `retry`"] {
        assert!(words.contains(said), "{said}: {item:#}");
    }
    let shown = world.show(&run);
    let class = |task: &serde_json::Value| task["failure_class"].as_str().map(ToOwned::to_owned);
    let tasks = shown["tasks"].as_array().unwrap();
    assert!(
        tasks
            .iter()
            .all(|task| class(task).as_deref() == Some("no_space")),
        "{shown:#}"
    );
    case.hit();
    assert_eq!(health(&world), "good", "the database has room");
    world.run(&["work-unit", "create", "more"]).ok();
    disk.free();
    world.run(&["answer", item["id"].as_str().unwrap(), "retry"]).ok();
    assert_eq!(world.end_of(&run)["status"], "completed");
    assert!(waiting(&world).is_empty());
    let after = world.begin("two");
    assert_eq!(world.end_of(&after)["status"], "completed");
    drop(world);
    case.pass(1);
}

#[test]
fn f_57_a_full_disk_under_the_places_fails_only_those_who_need_it() {
    with_own_mounts(
        "disks::f_57_a_full_disk_under_the_places_fails_only_those_who_need_it",
        || one_fails_and_the_other_lives("home/worktrees", 8),
    );
}

#[test]
fn f_57_a_full_disk_under_the_project_fails_only_those_who_need_it() {
    with_own_mounts(
        "disks::f_57_a_full_disk_under_the_project_fails_only_those_who_need_it",
        || one_fails_and_the_other_lives("project/.git/objects", 8),
    );
}

#[test]
fn f_57_a_full_disk_under_the_transcripts_stops_nobody() {
    with_own_mounts(
        "disks::f_57_a_full_disk_under_the_transcripts_stops_nobody",
        || {
            let mut case = Case::open("F-57");
            let world = World::new("");
            let disk = Disk::at(&world, "home/transcripts", 1);
            world.script(TWO_CHANGES);
            let run = world.begin("two");
            await_that(|| world.effects() == ["first"], "the first step works");
            case.tried();
            assert!(disk.fill() > 0);
            world.let_go("go-first");
            world.let_go("go-second");
            // What an agent says is no part of the history: its work counts all the same.
            let ended = world.end_of(&run);
            assert_eq!(ended["status"], "completed", "{ended:#}");
            assert_eq!(health(&world), "good");
            case.hit();
            disk.free();
            drop(world);
            case.pass(1);
        },
    );
}
