//! Which units are taken next: most blocking first, then the weightier, then the older.

use crate::common::at;
use domain::{
    Board, BoardEvent, BoardInput, Name, NewUnit, Refusal, RunId, Size, UnitEvent, UnitId, UnitOrder,
    UnitStatus, Units, claimable, decide_board,
};
use std::collections::BTreeMap;

fn order() -> UnitOrder {
    UnitOrder {
        flow: Name::from("review"),
        question: "why".to_owned(),
        size: Size::Small,
        fast: false,
        agent: None,
        model: None,
        extra: BTreeMap::new(),
    }
}

/// Units by name, weight and blockers; each older than the next.
fn units(of: &[(&str, i64, &[&str])]) -> Units {
    let mut units = Units::default();
    for (bits, (chunk, priority, blocked_by)) in (1..).zip(of) {
        let new = NewUnit {
            chunk: (*chunk).to_owned(),
            priority: *priority,
            blocked_by: blocked_by.iter().map(|chunk| (*chunk).to_owned()).collect(),
            order: Some(order()),
            ..NewUnit::default()
        };
        let event = units.create(new).unwrap();
        units.apply(UnitId::from_bits(bits), &event, at(u64::try_from(bits).unwrap()));
    }
    units
}

fn taken(board: &Board, units: &Units) -> Vec<String> {
    let ids = claimable(board, units);
    ids.into_iter()
        .map(|id| units.get(id).unwrap().chunk.clone())
        .collect()
}

#[test]
fn what_blocks_most_goes_first_however_far_around() {
    let units = units(&[
        ("lone", 9, &[]),
        ("near", 0, &[]),
        ("far", 0, &[]),
        ("x", 0, &["far"]),
        ("y", 0, &["x"]),
        ("z", 0, &["near"]),
    ]);
    assert_eq!(taken(&Board::default(), &units), ["far", "near", "lone"]);
}

#[test]
fn then_the_weightier_then_the_older() {
    let units = units(&[("old", 0, &[]), ("young", 0, &[]), ("heavy", 1, &[])]);
    assert_eq!(taken(&Board::default(), &units), ["heavy", "old", "young"]);
}

#[test]
fn no_more_are_taken_than_there_are_slots() {
    let units = units(&[("a", 0, &[]), ("b", 0, &[]), ("c", 0, &[])]);
    let mut board = Board::default();
    board.apply(&BoardEvent::SlotsChanged { slots: 2 });
    assert_eq!(taken(&board, &units), ["a", "b"]);
    let (unit, run) = (UnitId::from_bits(1), RunId::from_bits(1));
    board.apply(&BoardEvent::UnitClaimed { unit, run });
    assert_eq!(taken(&board, &units), ["b"]);
}

#[test]
fn only_what_is_ready_and_has_an_order_is_taken() {
    let mut units = units(&[("a", 0, &[]), ("b", 0, &["a"])]);
    let stopped = UnitEvent::StatusChanged {
        from: UnitStatus::Ready,
        to: UnitStatus::NeedsAttention,
        reason: String::new(),
        forced: false,
    };
    units.apply(UnitId::from_bits(1), &stopped, at(5));
    assert_eq!(taken(&Board::default(), &units), [""; 0]);
    let by_hand = NewUnit {
        chunk: "c".to_owned(),
        ..NewUnit::default()
    };
    let event = units.create(by_hand).unwrap();
    units.apply(UnitId::from_bits(3), &event, at(5));
    assert_eq!(taken(&Board::default(), &units), [""; 0]);
}

#[test]
fn a_unit_is_claimed_once_and_released_once() {
    let mut board = Board::default();
    let (unit, run) = (UnitId::from_bits(1), RunId::from_bits(1));
    let decide = |board: &Board, input| decide_board(board, input, at(0));
    let claimed = BoardEvent::UnitClaimed { unit, run };
    assert_eq!(
        decide(&board, BoardInput::Release { unit }),
        Err(Refusal::NothingToDo)
    );
    assert_eq!(
        decide(&board, BoardInput::Claim { unit, run }),
        Ok(vec![claimed.clone()])
    );
    board.apply(&claimed);
    let again = decide(&board, BoardInput::Claim { unit, run });
    assert_eq!(again, Err(Refusal::UnitClaimed(unit.to_string())));
    let released = BoardEvent::ClaimReleased { unit };
    assert_eq!(decide(&board, BoardInput::Release { unit }), Ok(vec![released]));
}
