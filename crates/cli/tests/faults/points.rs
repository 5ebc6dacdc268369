//! Death at every named boundary, each three times, in the middle of real work; then the next life goes on with it.

use crate::daemon::Switches;
use crate::oracle::{judge, judge_leftovers, judge_processes, unburied};
use crate::person::{Person, While};
use crate::world::{PATIENCE, World, sized};
use cases::Case;
use engine::faults::CrashPoint;
use rustix::process::Signal;

/// Reached by any work: readers, writers, a merge, a gate, the run's branch.
pub(crate) const WORK: &[CrashPoint] = &[
    CrashPoint::AfterOrder,
    CrashPoint::MidPlace,
    CrashPoint::AfterPlace,
    CrashPoint::AfterSpawn,
    CrashPoint::AfterGo,
    CrashPoint::AfterExit,
    CrashPoint::MidHarvest,
    CrashPoint::AfterHarvest,
    CrashPoint::AfterMerge,
    CrashPoint::BeforeBranchMoved,
    CrashPoint::AfterBranchMoved,
    CrashPoint::BeforeRelease,
];

/// Reached by what people ask for, by units, and by limits.
pub(crate) const WISHES: &[CrashPoint] = &[
    CrashPoint::AfterClaim,
    CrashPoint::AfterRequest,
    CrashPoint::AfterLimit,
    CrashPoint::AfterBlob,
    CrashPoint::MidCommit,
    CrashPoint::AfterCommit,
];

/// Reached once by a daemon that starts; the last two only where an earlier one left tasks behind.
pub(crate) const STARTING: &[CrashPoint] = &[
    CrashPoint::AfterLock,
    CrashPoint::AfterStore,
    CrashPoint::BeforeSocket,
    CrashPoint::AfterLeftover,
    CrashPoint::BeforeDispatch,
];

/// Reached once by a daemon that is told to stop.
const STOPPING: &[CrashPoint] = &[CrashPoint::AfterDrain, CrashPoint::BeforeUnlock];

/// Reached by the first daemon of a home.
const FIRST: &[CrashPoint] = &[CrashPoint::MidMigration];

#[test]
fn f_02_every_point_is_in_exactly_one_test() {
    let all = [WORK, WISHES, STARTING, STOPPING, FIRST].concat();
    let missing: Vec<_> = CrashPoint::ALL
        .iter()
        .filter(|point| !all.contains(point))
        .collect();
    assert!(missing.is_empty(), "no test dies at {missing:?}");
    assert_eq!(all.len(), CrashPoint::ALL.len(), "none is in two tests");
}

/// A daemon dies at the point in the middle of what the person wants; everything is judged.
pub(crate) fn die_at(
    world: &World,
    person: &mut Person<'_>,
    at: (CrashPoint, u32),
    want: fn(&mut Person<'_>),
) {
    let what = die(world, person, at, want);
    judge(world, person, &what);
}

/// A daemon dies at the point in the middle of what the person wants.
fn die(
    world: &World,
    person: &mut Person<'_>,
    (point, n): (CrashPoint, u32),
    want: fn(&mut Person<'_>),
) -> String {
    let what = format!("{}:{n}", point.name());
    let mut daemon = world.start(&Switches::crash_at(point.name(), n));
    let outcome = person.live(&mut daemon, |person| {
        want(person);
        false
    });
    assert_eq!(outcome, While::Died, "{what}");
    assert!(
        daemon.was_killed(),
        "{what}: it died of something else\n{}",
        world.log()
    );
    let crashes = std::fs::read_to_string(world.path("crashes")).unwrap();
    assert_eq!(
        crashes.lines().last(),
        Some(point.name()),
        "it died where it was told to"
    );
    what
}

/// The last life finishes everything, and stops gently.
pub(crate) fn finish(world: &World, person: &mut Person<'_>) {
    end(world, person);
    assert!(person.is_content(), "{:?}\n{}", person.runs, world.log());
}

/// The last life brings everything to an end, and stops gently.
pub(crate) fn end(world: &World, person: &mut Person<'_>) {
    let mut daemon = world.start_well();
    assert_eq!(
        person.live(&mut daemon, |person| person.open() == 0 && person.wishes() == 0),
        While::Done
    );
    // What steps kept is let go of with their runs, whichever life ended those.
    let homes = world.home().join("homes");
    let kept = || -> Vec<_> {
        let entries = std::fs::read_dir(&homes).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    };
    let mut left = kept();
    let until = std::time::Instant::now() + PATIENCE;
    while !left.is_empty() {
        assert!(
            std::time::Instant::now() < until,
            "no home of any step is left, but {left:?}\n{}",
            world.log()
        );
        std::thread::park_timeout(std::time::Duration::from_millis(5));
        left = kept();
    }
    daemon.stop();
    let seen = judge(world, person, "at the end");
    judge_processes(&seen);
    judge_leftovers(world);
}

fn walk(points: &[CrashPoint], want: fn(&mut Person<'_>)) {
    let mut case = Case::open("F-02");
    let world = World::new(4);
    let mut person = Person::new(&world);
    for n in 1..=3 {
        for _ in 0..sized(1, 20) {
            for point in points {
                case.tried();
                die_at(&world, &mut person, (*point, n), want);
                case.hit();
            }
        }
    }
    finish(&world, &mut person);
    case.pass(points.len() as u64 * 3);
}

#[test]
fn f_02_death_in_the_middle_of_work() {
    walk(WORK, |person| {
        while person.open() < 2 {
            person.wants_run("work");
        }
    });
}

#[test]
fn f_02_death_in_the_middle_of_wishes() {
    walk(WISHES, |person| {
        if person.open() < 2 {
            person.wants_one_cancelled();
            person.wants_run("asks");
            person.wants_run("limited");
            person.wants_units();
        }
    });
}

/// Before each death there is one without warning, so that there is something to recover.
#[test]
fn f_02_death_while_starting() {
    let mut case = Case::open("F-02");
    let world = World::new(4);
    let mut person = Person::new(&world);
    for _ in 0..sized(3, 60) {
        for point in STARTING {
            kill_in_the_middle(&world, &mut person);
            case.tried();
            die_at(&world, &mut person, (*point, 1), |_| {});
            case.hit();
        }
    }
    finish(&world, &mut person);
    case.pass(STARTING.len() as u64 * 3);
}

/// A daemon is killed while tasks of the person's are under way; again, when they came to their end just before.
pub(crate) fn kill_in_the_middle(world: &World, person: &mut Person<'_>) {
    let want = |person: &mut Person<'_>| {
        while person.open() < 2 {
            person.wants_run("work");
        }
    };
    while unburied(world) == 0 {
        let mut daemon = world.start_well();
        let is_busy = |person: &mut Person<'_>| {
            want(person);
            unburied(world) > 0
        };
        assert_eq!(person.live(&mut daemon, is_busy), While::Done);
        daemon.kill();
    }
}

#[test]
fn f_02_death_while_stopping() {
    let mut case = Case::open("F-02");
    let world = World::new(4);
    let mut person = Person::new(&world);
    for _ in 0..sized(3, 60) {
        for point in STOPPING {
            case.tried();
            while person.open() < 2 {
                person.wants_run("work");
            }
            let mut daemon = world.start(&Switches::crash_at(point.name(), 1));
            assert_eq!(
                person.live(&mut daemon, |person| person.wishes() == 0),
                While::Done
            );
            daemon.signal(Signal::TERM);
            assert!(daemon.was_killed(), "{}", point.name());
            judge(&world, &person, point.name());
            case.hit();
        }
    }
    finish(&world, &mut person);
    case.pass(STOPPING.len() as u64 * 3);
}

/// The first daemon of a home dies while it makes the schema; the next makes it whole, and runs.
#[test]
fn f_02_death_in_the_first_life() {
    let mut case = Case::open("F-02");
    for point in FIRST {
        for n in 1..=sized(3, 20) {
            case.tried();
            let world = World::new(4);
            let mut person = Person::new(&world);
            // In the first, and in a later step of the schema; there is no history to judge yet.
            die(&world, &mut person, (*point, 1 + u32::from(n == 2)), |_| {});
            case.hit();
            if n == 1 {
                person.wants_run("small");
            }
            finish(&world, &mut person);
        }
    }
    case.pass(FIRST.len() as u64 * 3);
}
