//! Which ready work units are taken next: most blocking first, however far around, then the weightier, then the older.

use super::Board;
use crate::{UnitId, UnitStatus, Units, WorkUnit};
use std::collections::{BTreeMap, BTreeSet};

/// The units to claim now, in order. A unit needs an order to be claimed; no more than there are slots are claimed at
/// once.
#[must_use]
pub fn claimable(board: &Board, units: &Units) -> Vec<UnitId> {
    let free = (board.slots as usize).saturating_sub(board.claims.len());
    let is_ready = |unit: &&WorkUnit| {
        unit.status == UnitStatus::Ready && unit.order.is_some() && !board.claims.contains_key(&unit.id)
    };
    let mut ready: Vec<&WorkUnit> = if free == 0 {
        Vec::new()
    } else {
        units.by_id().values().filter(is_ready).collect()
    };
    if ready.len() > 1 {
        let dependents = dependents(units);
        ready.sort_by_cached_key(|unit| {
            let blocks = blocked_count(&dependents, &unit.chunk);
            (
                std::cmp::Reverse(blocks),
                std::cmp::Reverse(unit.priority),
                unit.created_at,
                unit.id,
            )
        });
    }
    ready.into_iter().take(free).map(|unit| unit.id).collect()
}

/// Open units by the chunk that they wait for.
fn dependents(units: &Units) -> BTreeMap<&str, Vec<&str>> {
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unit in units
        .by_id()
        .values()
        .filter(|unit| unit.status != UnitStatus::Done)
    {
        for blocker in &unit.blocked_by {
            dependents.entry(blocker).or_default().push(&unit.chunk);
        }
    }
    dependents
}

fn blocked_count(dependents: &BTreeMap<&str, Vec<&str>>, chunk: &str) -> usize {
    let mut seen = BTreeSet::new();
    let mut next = vec![chunk];
    while let Some(chunk) = next.pop() {
        for dependent in dependents.get(chunk).into_iter().flatten() {
            if seen.insert(*dependent) {
                next.push(dependent);
            }
        }
    }
    seen.len()
}
