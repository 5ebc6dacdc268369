//! Death while recovering from a death, to depth three: the same home is brought to the same end, whatever happened on
//! the way.

use crate::daemon::Switches;
use crate::oracle::{judge, live_tasks, unburied};
use crate::person::{Person, While};
use crate::points::STARTING;
use crate::world::{World, is_soak};
use cases::Case;
use engine::faults::CrashPoint;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What makes a state: the home, the project's repository, and what was done outside.
const PARTS: [&str; 3] = ["home", "project", "effects"];

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// A home whose daemon died with tasks of two runs under way.
fn prepare(world: &World) {
    let mut person = Person::new(world);
    person.wants_run("long");
    person.wants_run("work");
    let mut daemon = world.start_well();
    let is_busy = |_: &mut Person<'_>| {
        let history = store::read_history(&store::Home::at(world.home()), 0).unwrap();
        live_tasks(&history) >= 3
    };
    assert_eq!(person.live(&mut daemon, is_busy), While::Done);
    daemon.kill();
    judge(world, &person, "before any recovery");
    // Made anew by each start.
    let _ = std::fs::remove_file(world.home().join("ballast"));
    std::fs::create_dir(world.path("saved")).unwrap();
    for part in PARTS {
        copy(&world.path(part), &world.path("saved"));
    }
}

fn restore(world: &World) {
    for part in PARTS {
        std::fs::remove_dir_all(world.path(part)).unwrap();
        copy(&world.path("saved").join(part), &world.path(part));
    }
}

/// Times, processes and places in the feed differ from life to life; commits carry times.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !name.ends_with("_at") && !["pid", "position", "head", "base"].contains(&name.as_str())
            });
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// Everything that is shown of every run, and the files on its branch.
fn rows(world: &World, person: &Person<'_>) -> Vec<String> {
    let client = world.client();
    let mut rows = Vec::new();
    for run in person.runs.keys() {
        let detail = world.wait(client.run(run)).unwrap();
        if let Some(branch) = &detail.run.branch {
            rows.push(world.git(&["rev-parse", &format!("{branch}^{{tree}}")]));
        }
        let mut shown = serde_json::to_value(&detail).unwrap();
        without_times(&mut shown);
        // A report is a value of many lines.
        let text = serde_json::to_string_pretty(&shown).unwrap().replace("\\n", "\n");
        let head = detail.run.head.as_deref().and_then(|head| head.get(..12));
        let text = head.map_or(text.clone(), |head| text.replace(head, "its head"));
        rows.extend(text.lines().map(str::to_owned));
    }
    rows
}

/// Dies at each of these, one after the other, then recovers and finishes. How often it died.
fn end_of(world: &World, deaths: &[CrashPoint]) -> (u64, Vec<String>) {
    restore(world);
    let mut died = 0;
    let mut person = Person::new(world);
    for point in deaths {
        let is_of_tasks = matches!(point, CrashPoint::AfterLeftover | CrashPoint::BeforeDispatch);
        if is_of_tasks && unburied(world) == 0 {
            // An earlier death came after the last burial: there is no such moment any more.
            continue;
        }
        let mut daemon = world.start(&Switches::crash_at(point.name(), 1));
        assert_eq!(person.live(&mut daemon, |_| false), While::Died, "{deaths:?}");
        died += u64::from(daemon.was_killed());
    }
    world.write("effects/go", "");
    let mut daemon = world.start_well();
    let is_over = |person: &mut Person<'_>| person.runs.len() == 2 && person.open() == 0;
    assert_eq!(person.live(&mut daemon, is_over), While::Done);
    let rows = rows(world, &person);
    daemon.stop();
    judge(world, &person, &format!("{deaths:?}"));
    (died, rows)
}

/// Every point comes first, second and third; in a night every pair and every triple does.
fn sequences() -> Vec<Vec<CrashPoint>> {
    let count = STARTING.len();
    let at = |step: usize| STARTING[step % count];
    let apart = if is_soak() { 0..count } else { 1..2 };
    let steps = apart
        .clone()
        .flat_map(|second| apart.clone().map(move |third| (second, third)));
    let pairs = (0..count).flat_map(|first| {
        apart
            .clone()
            .map(move |second| vec![at(first), at(first + second)])
    });
    let triples = (0..count).flat_map(|first| {
        steps
            .clone()
            .map(move |(second, third)| vec![at(first), at(first + second), at(first + second + third)])
    });
    pairs.chain(triples).collect()
}

#[test]
fn f_03_every_way_through_recovery_ends_alike() {
    let mut case = Case::open("F-03");
    let world = World::new(4);
    prepare(&world);
    let (_, clean) = end_of(&world, &[]);
    assert!(clean.len() > 100, "two runs, one with a branch: {clean:#?}");
    let mut deepest = 0;
    for deaths in sequences() {
        case.tried_times(deaths.len() as u64);
        let (died, rows) = end_of(&world, &deaths);
        case.hit_times(died);
        deepest = deepest.max(died);
        let differ: Vec<_> = rows
            .iter()
            .zip(&clean)
            .filter(|(one, other)| one != other)
            .collect();
        assert!(
            differ.is_empty() && rows.len() == clean.len(),
            "{deaths:?}: {differ:#?}"
        );
    }
    assert_eq!(deepest, 3);
    case.pass(18);
}
