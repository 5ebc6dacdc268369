//! Which units are claimed next: most blocking first, however far around, then the weightier, then the older.

use crate::world::at_ms;
use domain::{
    Board, BoardEvent, Name, RunId, Size, UnitCreated, UnitEvent, UnitId, UnitOrder, UnitPhase, UnitStatus,
    Units, claimable,
};
use std::collections::BTreeMap;

/// A unit to be claimed, in few words.
struct Unit {
    created: UnitCreated,
    age: u64,
}

fn unit(chunk: &str) -> Unit {
    Unit {
        created: UnitCreated {
            chunk: chunk.to_owned(),
            phase: UnitPhase::Goal,
            status: UnitStatus::Ready,
            blocked_by: Vec::new(),
            priority: 0,
            project: None,
            order: Some(UnitOrder {
                flow: Name::from("fix"),
                question: "why?".to_owned(),
                size: Size::Small,
                fast: false,
                agent: None,
                model: None,
                extra: BTreeMap::new(),
            }),
        },
        age: 0,
    }
}

impl Unit {
    fn waits_for(mut self, chunks: &[&str]) -> Self {
        self.created.blocked_by = chunks.iter().map(|chunk| (*chunk).to_owned()).collect();
        self.is(UnitStatus::Blocked)
    }

    fn is(mut self, status: UnitStatus) -> Self {
        self.created.status = status;
        self
    }

    fn weighs(mut self, priority: i64) -> Self {
        self.created.priority = priority;
        self
    }

    fn created_at(mut self, ms: u64) -> Self {
        self.age = ms;
        self
    }

    fn without_order(mut self) -> Self {
        self.created.order = None;
        self
    }
}

fn units(all: impl IntoIterator<Item = Unit>) -> Units {
    let mut units = Units::default();
    for (id, unit) in (1..).zip(all) {
        let created = UnitEvent::Created(Box::new(unit.created));
        units.apply(UnitId::from_bits(id), &created, at_ms(unit.age));
    }
    units
}

fn board(slots: u32, claimed: &[u128]) -> Board {
    let mut board = Board::default();
    board.apply(&BoardEvent::SlotsChanged { slots });
    for unit in claimed {
        board.apply(&BoardEvent::UnitClaimed {
            unit: UnitId::from_bits(*unit),
            run: RunId::from_bits(*unit),
        });
    }
    board
}

/// The chunks that are claimed now.
fn claimed(board: &Board, units: &Units) -> Vec<String> {
    claimable(board, units)
        .into_iter()
        .map(|id| units.get(id).expect("a known unit").chunk.clone())
        .collect()
}

#[test]
fn what_blocks_most_goes_first_however_far_around() {
    let all = units([
        unit("blocks-one").weighs(9),
        unit("blocks-three"),
        unit("x").waits_for(&["blocks-one"]),
        unit("y").waits_for(&["blocks-three"]),
        unit("z").waits_for(&["y"]),
        unit("zz").waits_for(&["z", "y"]),
    ]);

    assert_eq!(claimed(&board(8, &[]), &all), ["blocks-three", "blocks-one"]);
}

#[test]
fn what_is_done_is_blocked_by_nobody() {
    let all = units([
        unit("blocks-done"),
        unit("heavy").weighs(1),
        unit("x").waits_for(&["blocks-done"]).is(UnitStatus::Done),
    ]);

    assert_eq!(claimed(&board(8, &[]), &all), ["heavy", "blocks-done"]);
}

#[test]
fn then_the_weightier_goes_first_then_the_older_then_the_lower_id() {
    let all = units([
        unit("light").weighs(-1).created_at(0),
        unit("young").created_at(20),
        unit("twin-one").created_at(10),
        unit("twin-two").created_at(10),
        unit("heavy").weighs(5).created_at(99),
    ]);

    assert_eq!(
        claimed(&board(8, &[]), &all),
        ["heavy", "twin-one", "twin-two", "young", "light"]
    );
}

#[test]
fn no_more_are_claimed_than_there_are_slots_for() {
    let all = || units([unit("a"), unit("b"), unit("c"), unit("d")]);

    assert_eq!(claimed(&board(2, &[]), &all()), ["a", "b"]);
    assert_eq!(claimed(&board(3, &[1, 2]), &all()), ["c"]);
    assert_eq!(claimed(&board(2, &[1, 2]), &all()), Vec::<String>::new());
    assert_eq!(claimed(&board(1, &[1, 2]), &all()), Vec::<String>::new());
}

#[test]
fn only_ready_units_with_an_order_are_claimed() {
    let all = units([
        unit("running").is(UnitStatus::Running),
        unit("blocked").is(UnitStatus::Blocked),
        unit("asks").is(UnitStatus::NeedsAttention),
        unit("done").is(UnitStatus::Done),
        unit("by-hand").without_order(),
        unit("claimed"),
        unit("ready"),
    ]);

    assert_eq!(claimed(&board(8, &[6]), &all), ["ready"]);
}
