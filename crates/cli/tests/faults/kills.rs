//! Deaths at random, hundreds of them, in the middle of many runs. What was under way at each is read afterwards from
//! the disk, so that the counts say which moments were hit, and which were not.

use crate::daemon::{Daemon, Switches};
use crate::oracle::{Phase, Watch, judge};
use crate::person::{Person, While};
use crate::points::end;
use crate::world::{World, said, sized};
use cases::Case;
use std::collections::BTreeMap;
use std::time::Duration;

/// A number that follows from the one before, spread evenly. The first is printed with what failed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// The kills come this long after the daemon answers, at most: time enough for a task to come to its end.
const LIFE_MS_MAX: u64 = 350;
/// Every so many deaths everything is judged; what is cheap is judged at each.
const JUDGED_EVERY: u64 = 10;

fn kill_at_random(seed: u64, kills: u64, want: fn(&mut Person<'_>)) -> (Vec<Duration>, BTreeMap<Phase, u64>) {
    let world = World::new(4);
    let mut person = Person::new(&world);
    let mut dice = Dice(seed);
    let mut watch = Watch::default();
    let (mut ready, mut hits) = (Vec::new(), BTreeMap::<Phase, u64>::new());
    let mut deaths = 0;
    while deaths < kills {
        let what = format!("seed {seed}, kill {deaths}");
        let before = watch.position();
        let mut daemon = world.start(&Switches::default());
        // Some die while they start.
        if dice.below(8) == 0 {
            daemon.kill_after(Duration::from_millis(dice.below(80)));
            let _ = daemon.end(crate::world::PATIENCE);
        } else {
            live_a_while(&mut daemon, &mut person, &mut dice, want);
            ready.push(daemon.ready_after());
        }
        let (status, _) = daemon.end(crate::world::PATIENCE);
        assert!(
            daemon.was_killed(),
            "{what}: it died by itself: {status}\n{}",
            world.log()
        );
        deaths += 1;
        watch.look(&world);
        assert!(
            watch.early.is_empty(),
            "{what}: {:?} began too early",
            watch.early
        );
        for phase in watch.phases(before) {
            *hits.entry(phase).or_default() += 1;
        }
        if deaths % JUDGED_EVERY == 0 {
            judge(&world, &person, &what);
        }
    }
    end(&world, &mut person);
    assert!(
        person.is_content(),
        "seed {seed}: {:?}\n{}",
        person.runs,
        world.log()
    );
    said(&format!(
        "seed {seed}: {deaths} deaths, {} runs, {} tasks",
        person.runs.len(),
        watch.tasks()
    ));
    (ready, hits)
}

fn live_a_while(daemon: &mut Daemon, person: &mut Person<'_>, dice: &mut Dice, want: fn(&mut Person<'_>)) {
    assert!(
        daemon.is_ready(),
        "it starts after every death: {}",
        daemon.word()
    );
    daemon.kill_after(Duration::from_millis(dice.below(LIFE_MS_MAX)));
    let outcome = person.live(daemon, |person| {
        want(person);
        false
    });
    assert_eq!(outcome, While::Died);
}

fn told(case: &mut Case, (mut ready, hits): (Vec<Duration>, BTreeMap<Phase, u64>), kills: u64) {
    case.tried_times(kills);
    case.hit_times(kills);
    ready.sort();
    let p95 = ready[(ready.len() - 1) * 95 / 100];
    let max = ready.last().unwrap();
    said(&format!(
        "ready after {p95:?} (p95), {max:?} at most; hits={hits:?}"
    ));
    assert!(*max < Duration::from_secs(20), "ready after {max:?}");
}

/// So many kills in each of the two tests.
fn kills() -> u64 {
    sized(100, 2_000)
}

#[test]
fn f_01_random_kills_among_writers() {
    let mut case = Case::open("F-01");
    let done = kill_at_random(0x9e37_79b9_7f4a_7c15, kills(), |person| {
        while person.open() < 4 {
            person.wants_run("work");
        }
    });
    for phase in [
        Phase::Starting,
        Phase::Recovering,
        Phase::Ordered,
        Phase::Working,
        Phase::Effect,
        Phase::Between,
    ] {
        let hit = done.1.get(&phase).copied().unwrap_or(0);
        assert!(hit >= kills() / 50, "{phase:?} was hit {hit} times: {:?}", done.1);
    }
    told(&mut case, done, kills());
    case.pass(kills());
}

#[test]
fn f_01_random_kills_among_many_small_things() {
    let mut case = Case::open("F-01");
    let done = kill_at_random(0xd1b5_4a32_d192_ed03, kills(), |person| {
        while person.open() < 6 {
            person.wants_run("small");
            person.wants_run("asks");
            person.wants_units();
        }
    });
    told(&mut case, done, kills());
    case.pass(kills());
}
