//! Simulated worlds: random plans, people, crashes and faults from one seed, judged by their histories.
//!
//! `SIM_SEED=n` replays one world and tells its history; `SIM_WORLDS=n` says how many to try.

mod faults;
mod oracle;
mod people;
mod plan;
mod script;
mod world;

pub(crate) use plan::random as random_plan;
use std::collections::BTreeMap;
use std::sync::RwLock;
use world::World;

/// Held for writing while mistakes are planted: they are the whole process's.
pub(crate) static PLANTING: RwLock<()> = RwLock::new(());

pub(crate) type Hits = BTreeMap<&'static str, u64>;

/// Everything that must have happened in some world, or the simulation proves nothing.
const MUST_HIT: &[&str] = &[
    "died before a commit",
    "died after a commit",
    "died at any moment",
    "conflict",
    "full",
    "down",
    "doubled report",
    "survivor",
    "slow stop",
    "slot passed on",
    "reported late",
    "failed",
    "failed for good",
    "logged out",
    "interrupted",
    "gate refused",
    "parked with reset",
    "parked without reset",
    "parked with a reset that has passed",
    "not begun",
    "a reader wrote",
    "merge conflict",
    "branch moved",
    "drain",
    "cancel",
    "pause",
    "resume",
    "retry",
    "skip",
    "answer",
    "unit edit",
    "definition changed",
    "run completed",
    "run failed",
    "run cancelled",
    "unit done",
];

/// One world from its beginning to its end.
pub(crate) fn one(seed: u64) -> Result<Hits, String> {
    World::new(seed).play()
}

#[test]
fn worlds() {
    let _nothing_planted = PLANTING.read().unwrap();
    if let Ok(seed) = std::env::var("SIM_SEED") {
        return replay(seed.parse().unwrap());
    }
    let count = std::env::var("SIM_WORLDS").map_or(10_000, |count| count.parse().unwrap());
    let threads = 2;
    let results: Vec<Result<Hits, String>> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || many((thread..count).step_by(2))))
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    let mut hits = Hits::new();
    for result in results {
        let of_thread = result.unwrap_or_else(|broken| panic!("{broken}"));
        of_thread
            .into_iter()
            .for_each(|(what, times)| *hits.entry(what).or_default() += times);
    }
    println!("worlds={count} hits={hits:?}");
    let missed: Vec<_> = MUST_HIT.iter().filter(|what| !hits.contains_key(*what)).collect();
    assert!(missed.is_empty(), "these never happened: {missed:?}");
}

fn many(seeds: impl Iterator<Item = u64>) -> Result<Hits, String> {
    let mut hits = Hits::new();
    for seed in seeds {
        let of_world = one(seed).map_err(|broken| format!("SIM_SEED={seed}: {broken}"))?;
        of_world
            .into_iter()
            .for_each(|(what, times)| *hits.entry(what).or_default() += times);
    }
    Ok(hits)
}

#[expect(
    clippy::print_stdout,
    reason = "whoever replays a seed wants to read what happened"
)]
fn replay(seed: u64) {
    let mut world = World::new(seed);
    let result = world.play();
    for (recorded, (batch, kept_at)) in world.history().iter().zip(world.batches()) {
        println!(
            "{batch:>4} {kept_at} {:?} {} {:?}",
            recorded.stream, recorded.seq, recorded.event
        );
    }
    println!("{result:?}");
    assert!(result.is_ok(), "SIM_SEED={seed}: {result:?}");
}
