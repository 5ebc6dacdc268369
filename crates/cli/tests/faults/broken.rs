//! A panic in the middle of what the daemon does: it goes on with the rest, or it ends whole. Never half.

use crate::daemon::Switches;
use crate::oracle::judge;
use crate::person::{Person, While};
use crate::points::{STARTING, WISHES, WORK, end, kill_in_the_middle};
use crate::world::{World, said};
use api::RunStatus;
use cases::Case;
use engine::faults::CrashPoint;
use std::time::{Duration, Instant};

/// How long the daemon may take to answer while something in it is broken.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

fn panic_at(case: &mut Case, world: &World, person: &mut Person<'_>, point: CrashPoint) {
    let what = point.name();
    let hits = || {
        let log = std::fs::read_to_string(world.path("crashes")).unwrap_or_default();
        log.lines().filter(|line| *line == what).count()
    };
    let before = hits();
    case.tried();
    let began = Instant::now();
    let mut daemon = world.start(&Switches::default().with("PARTITA_PANIC_AT", what));
    let outcome = person.live(&mut daemon, |person| hits() > before && person.open() == 0);
    assert!(hits() > before, "{what}: it was not reached\n{}", world.log());
    case.hit();
    if outcome == While::Done {
        let asked = Instant::now();
        world.wait(world.client().status()).unwrap();
        assert!(asked.elapsed() < ANSWER_WITHIN, "{what}: {:?}", asked.elapsed());
        daemon.stop();
    }
    let how = match outcome {
        While::Done => "it lives",
        While::Died => "it ended whole",
    };
    said(&format!("{what}: {how}, {:?}", began.elapsed()));
    judge(world, person, what);
}

fn walk(points: &[CrashPoint], want: fn(&mut Person<'_>), is_recovery: bool) {
    let mut case = Case::open("F-11");
    let world = World::new(4);
    let mut person = Person::new(&world);
    for point in points {
        if is_recovery {
            kill_in_the_middle(&world, &mut person);
        }
        want(&mut person);
        panic_at(&mut case, &world, &mut person, *point);
    }
    end(&world, &mut person);
    let ends: Vec<_> = person.runs.values().collect();
    let failed = ends
        .iter()
        .filter(|status| ***status == RunStatus::Failed)
        .count();
    // What broke may fail, in words: one merge is not tried again.
    assert!(
        failed <= 1 && ends.iter().all(|status| **status != RunStatus::Running),
        "{ends:?}"
    );
    case.pass(points.len() as u64);
}

#[test]
fn f_11_a_panic_in_the_middle_of_work() {
    walk(WORK, |person| person.wants_run("work"), false);
}

#[test]
fn f_11_a_panic_in_the_middle_of_wishes() {
    let want = |person: &mut Person<'_>| {
        person.wants_run("asks");
        person.wants_run("limited");
        person.wants_units();
    };
    walk(WISHES, want, false);
}

#[test]
fn f_11_a_panic_while_starting() {
    walk(STARTING, |_| {}, true);
}
