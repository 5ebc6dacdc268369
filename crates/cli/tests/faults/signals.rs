//! Told to stop in the middle of twenty tasks: nothing more begins, what is under way is asked, then made to end, and
//! all of it goes on at the next start.

use crate::oracle::{self, alive, judge, judge_leftovers};
use crate::person::{Person, While};
use crate::points::finish;
use crate::world::{World, await_that, said};
use cases::Case;
use domain::{Event, RunEvent};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::Duration;

const TASKS: usize = 20;
/// The product promises ten seconds; a machine on which others are busy gets some more.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

fn ordered(world: &World) -> BTreeSet<String> {
    let history = store::read_history(&store::Home::at(world.home()), 0).unwrap();
    let orders = history.iter().filter_map(|recorded| match &recorded.event {
        Event::Run(RunEvent::TaskOrdered(ordered)) => Some(ordered.task.to_string()),
        _ => None,
    });
    orders.collect()
}

/// How many tasks have said that they begun, or that they were asked to end and go on.
fn told(world: &World, what: &str) -> usize {
    let told = std::fs::read_to_string(world.path(&format!("effects/{what}.txt")));
    told.map_or(0, |told| told.lines().count())
}

#[test]
fn f_09_told_to_stop_in_the_middle_of_twenty_tasks() {
    let mut case = Case::open("F-09");
    let world = World::new(u32::try_from(TASKS).unwrap());
    let mut person = Person::new(&world);
    // Thirty want to be done; two of the first do not end when they are asked to.
    person.wants_large_run("long");
    for (round, signal) in [Signal::TERM, Signal::INT, Signal::HUP].into_iter().enumerate() {
        let mut daemon = world.start_well();
        let is_busy = |_: &mut Person<'_>| {
            oracle::live_tasks(&store::read_history(&store::Home::at(world.home()), 0).unwrap()) == TASKS
        };
        assert_eq!(person.live(&mut daemon, is_busy), While::Done);
        let before = ordered(&world);
        await_that(
            || told(&world, "begun") == TASKS * (round + 1),
            "all of them are at work",
        );
        case.tried();
        daemon.signal(signal);
        let (status, after) = daemon.end(ENDS_WITHIN);
        said(&format!("{signal:?}: ended after {after:?}"));
        assert!(status.success(), "{signal:?}: {status}\n{}", world.log());
        assert_eq!(ordered(&world), before, "nothing more began");
        assert_eq!(
            told(&world, "asked"),
            2 * (round + 1),
            "they were asked before they were made to"
        );
        await_that(|| alive(&before).is_empty(), "no orphan is left");
        case.hit();
        judge(&world, &person, "after the signal");
        judge_leftovers(&world);
    }
    world.write("effects/go", "");
    finish(&world, &mut person);
    case.pass(3);
}
