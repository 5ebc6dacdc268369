//! Known mistakes, and that the simulation notices each: a simulation is as good as its stated invariants and its
//! hostility.

use crate::sim;
use domain::planted::{Bug, plant};
use std::panic::catch_unwind;

/// So many worlds must do to notice a mistake.
const WORLDS_MAX: u64 = 4_000;

#[test]
fn every_planted_mistake_is_noticed() {
    let _alone = sim::PLANTING.write().unwrap();
    // What panics below is a belief that a mistake broke: that is noticing, too.
    std::panic::set_hook(Box::new(|_| {}));
    let mut caught = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        caught.push((bug, (0..WORLDS_MAX).find_map(noticed)));
    }
    plant(None);
    drop(std::panic::take_hook());
    for (bug, noticed) in &caught {
        println!("{bug:?}: {noticed:?}");
    }
    let missed: Vec<Bug> = caught
        .iter()
        .filter(|(_, noticed)| noticed.is_none())
        .map(|(bug, _)| *bug)
        .collect();
    assert!(missed.is_empty(), "nobody noticed {missed:?}");
}

/// Which oracle notices in this world, if one does.
fn noticed(seed: u64) -> Option<(u64, String)> {
    let oracle = match catch_unwind(|| sim::one(seed)) {
        Ok(Ok(_)) => return None,
        Ok(Err(broken)) => broken.split(':').next().unwrap_or_default().to_owned(),
        Err(_) => "belief".to_owned(),
    };
    Some((seed, oracle))
}
