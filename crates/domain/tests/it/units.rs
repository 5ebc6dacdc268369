//! Work units: the one table, phases, blockers, names.

use crate::common::{at, by};
use UnitStatus::{Blocked, Done, NeedsAttention, Ready, Running};
use domain::{
    Moment, NewUnit, Refusal, RunId, UnitCreated, UnitEvent, UnitId, UnitInput, UnitPhase, UnitStatus, Units,
    WorkUnit, decide_unit,
};

fn unit(status: UnitStatus) -> WorkUnit {
    let created = UnitCreated {
        chunk: "parser".to_owned(),
        phase: UnitPhase::Implement,
        status,
        blocked_by: Vec::new(),
        priority: 0,
        project: None,
        order: None,
    };
    WorkUnit::created(UnitId::from_bits(1), &created, Moment::from_ms(0))
}

fn moved(from: UnitStatus, to: UnitStatus, reason: &str, forced: bool) -> UnitEvent {
    UnitEvent::StatusChanged {
        from,
        to,
        reason: reason.to_owned(),
        forced,
    }
}

fn complete(from: UnitPhase) -> UnitEvent {
    UnitEvent::PhaseChanged {
        from,
        to: UnitPhase::Complete,
    }
}

#[test]
fn s3_07_phases_are_these_and_only_move_forward() {
    let words: Vec<_> = UnitPhase::ALL.iter().map(|phase| phase.word()).collect();
    assert_eq!(words, ["GOAL", "PLAN", "IMPLEMENT", "COMPLETE"]);
    for (index, phase) in UnitPhase::ALL.into_iter().enumerate() {
        assert_eq!(UnitPhase::of_word(words[index]), Some(phase));
    }
    let unit = unit(Ready);
    let set = |to| decide_unit(&unit, UnitInput::SetPhase { to }, None, false);
    let from = UnitPhase::Implement;
    for to in [UnitPhase::Goal, UnitPhase::Plan, UnitPhase::Implement] {
        assert_eq!(set(to), Err(Refusal::PhaseRefused { from, to }));
    }
    assert_eq!(set(UnitPhase::Complete), Ok(vec![complete(from)]));
}

#[test]
fn s3_08_statuses_are_these_and_the_table_has_these_moves() {
    let words: Vec<_> = UnitStatus::ALL.iter().map(|status| status.word()).collect();
    assert_eq!(words, ["READY", "RUNNING", "BLOCKED", "NEEDS_ATTENTION", "DONE"]);
    for (index, status) in UnitStatus::ALL.into_iter().enumerate() {
        assert_eq!(UnitStatus::of_word(words[index]), Some(status));
    }
    //                     ready running blocked attention done
    let table = [
        (Ready, [false, true, true, true, false]),
        (Running, [true, false, true, true, true]),
        (Blocked, [true, false, false, true, false]),
        (NeedsAttention, [true, false, true, false, true]),
        (Done, [false, false, false, false, false]),
    ];
    for (from, row) in table {
        for (to, may) in UnitStatus::ALL.into_iter().zip(row) {
            assert_eq!(from.may_become(to), may, "{from:?} to {to:?}");
            let input = UnitInput::SetStatus {
                to,
                reason: "so".to_owned(),
            };
            let expected = if may && to == Done {
                Ok(vec![moved(from, to, "so", false), complete(UnitPhase::Implement)])
            } else if may {
                Ok(vec![moved(from, to, "so", false)])
            } else if from == to {
                Err(Refusal::NothingToDo)
            } else {
                Err(Refusal::StatusRefused { from, to })
            };
            assert_eq!(decide_unit(&unit(from), input, None, false), expected);
        }
    }
}

#[test]
fn a_person_does_not_move_what_a_run_does_or_what_waits() {
    let to_ready = || UnitInput::SetStatus {
        to: Ready,
        reason: "so".to_owned(),
    };
    let claimed = Refusal::UnitClaimed("parser".to_owned());
    for input in [to_ready(), UnitInput::Delete, UnitInput::Retry { by: by() }] {
        assert_eq!(
            decide_unit(&unit(Running), input, None, true),
            Err(claimed.clone())
        );
    }
    let waits = Refusal::StillBlocked("lexer".to_owned());
    assert_eq!(
        decide_unit(&unit(Blocked), to_ready(), Some("lexer"), false),
        Err(waits)
    );
}

#[test]
fn a_retry_goes_against_the_table_where_it_must_and_says_so() {
    let retry = |from, blocker| decide_unit(&unit(from), UnitInput::Retry { by: by() }, blocker, false);
    let reason = "to be done again, says sam";
    assert_eq!(retry(Done, None), Ok(vec![moved(Done, Ready, reason, true)]));
    assert_eq!(
        retry(NeedsAttention, None),
        Ok(vec![moved(NeedsAttention, Ready, reason, false)])
    );
    assert_eq!(
        retry(Done, Some("lexer")),
        Ok(vec![moved(Done, Blocked, reason, true)])
    );
    assert_eq!(retry(Ready, None), Err(Refusal::NothingToDo));
}

#[test]
fn a_claim_runs_the_unit_and_its_run_s_end_ends_it() {
    let run = RunId::from_bits(5);
    assert_eq!(
        decide_unit(&unit(Ready), UnitInput::Claimed { run }, None, false),
        Ok(vec![
            moved(Ready, Running, "claimed", false),
            UnitEvent::RunAssigned { run }
        ])
    );
    assert_eq!(
        decide_unit(&unit(Running), UnitInput::Finished, None, true),
        Ok(vec![
            moved(Running, Done, "its run completed", false),
            complete(UnitPhase::Implement),
        ])
    );
    let reason = "no".to_owned();
    assert_eq!(
        decide_unit(&unit(Running), UnitInput::Stopped { reason }, None, true),
        Ok(vec![moved(Running, NeedsAttention, "no", false)])
    );
}

fn register(units: &[(&str, &[&str])]) -> Units {
    let mut register = Units::default();
    for (bits, (chunk, blocked_by)) in (1..).zip(units) {
        let event = register.create(new(chunk, blocked_by)).unwrap();
        register.apply(UnitId::from_bits(bits), &event, at(u64::try_from(bits).unwrap()));
    }
    register
}

fn new(chunk: &str, blocked_by: &[&str]) -> NewUnit {
    NewUnit {
        chunk: chunk.to_owned(),
        blocked_by: blocked_by.iter().map(|chunk| (*chunk).to_owned()).collect(),
        ..NewUnit::default()
    }
}

fn names(chunks: &[&str]) -> Vec<String> {
    chunks.iter().map(|chunk| (*chunk).to_owned()).collect()
}

#[test]
fn a_unit_starts_blocked_while_a_blocker_is_open() {
    let units = register(&[("lexer", &[]), ("parser", &["lexer"])]);
    assert_eq!(units.of_chunk("lexer").unwrap().status, Ready);
    assert_eq!(units.of_chunk("parser").unwrap().status, Blocked);
    assert_eq!(units.open_blocker(&names(&["lexer"])), Some("lexer"));
}

#[test]
fn a_chunk_is_a_plain_name_that_nobody_has() {
    let units = register(&[("lexer", &[])]);
    for bad in ["", "Lexer", "-lexer", "a b", "ü", &"x".repeat(101)] {
        assert_eq!(
            units.create(new(bad, &[])),
            Err(Refusal::BadChunk(bad.to_owned()))
        );
    }
    assert_eq!(
        units.create(new("lexer", &[])),
        Err(Refusal::ChunkTaken("lexer".to_owned()))
    );
    assert_eq!(
        units.create(new("parser", &["nobody"])),
        Err(Refusal::UnknownChunk("nobody".to_owned()))
    );
    assert!(units.create(new("0.parser_x-1", &["lexer"])).is_ok());
}

#[test]
fn nobody_waits_for_oneself_however_far_around() {
    let units = register(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
    for chunk in ["a", "b", "c"] {
        assert_eq!(
            units.check_blockers("a", &names(&[chunk])),
            Err(Refusal::BlockersCircle("a".to_owned()))
        );
    }
    assert_eq!(units.check_blockers("c", &names(&["a", "b"])), Ok(()));
}

#[test]
fn other_blockers_block_and_unblock() {
    let set = |status, blocker| {
        let blocked_by = names(&["lexer"]);
        decide_unit(
            &unit(status),
            UnitInput::SetBlockers { blocked_by },
            blocker,
            false,
        )
    };
    let changed = UnitEvent::BlockersChanged {
        blocked_by: names(&["lexer"]),
    };
    let because = "its blockers changed";
    assert_eq!(
        set(Ready, Some("lexer")),
        Ok(vec![changed.clone(), moved(Ready, Blocked, because, false)])
    );
    assert_eq!(
        set(Blocked, None),
        Ok(vec![changed.clone(), moved(Blocked, Ready, because, false)])
    );
    assert_eq!(set(Running, Some("lexer")), Ok(vec![changed]));
}

#[test]
fn the_last_blocker_s_end_unblocks() {
    let unblocked = |status, blocker| decide_unit(&unit(status), UnitInput::Unblocked, blocker, false);
    assert_eq!(
        unblocked(Blocked, None),
        Ok(vec![moved(Blocked, Ready, "all it waited for is done", false)])
    );
    assert_eq!(unblocked(Blocked, Some("lexer")), Err(Refusal::NothingToDo));
    assert_eq!(unblocked(Ready, None), Err(Refusal::NothingToDo));
}

#[test]
fn those_that_wait_follow_a_new_name() {
    let mut units = register(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &[])]);
    let id = |bits| UnitId::from_bits(bits);
    let follow = |blocked_by: &[&str]| UnitEvent::BlockersChanged {
        blocked_by: names(blocked_by),
    };
    let renamed = units.renamed("a", "x");
    assert_eq!(renamed, [(id(2), follow(&["x"])), (id(3), follow(&["x", "b"]))]);
    let chunk = "x".to_owned();
    units.apply(id(1), &UnitEvent::Renamed { chunk }, at(9));
    assert_eq!(units.of_chunk("a"), None);
    assert_eq!(units.of_chunk("x").unwrap().id, id(1));
}

#[test]
fn those_that_could_begin_wait_again_for_what_is_to_be_done_again() {
    let mut units = register(&[("a", &[]), ("b", &["a"])]);
    let (a, b) = (UnitId::from_bits(1), UnitId::from_bits(2));
    units.apply(a, &moved(Ready, Done, "", true), at(9));
    units.apply(b, &moved(Blocked, Ready, "", false), at(9));
    let again = moved(Ready, Blocked, "`a` is to be done again", false);
    assert_eq!(units.undone("a"), [(b, again)]);
}

#[test]
fn a_deleted_unit_frees_its_name() {
    let mut units = register(&[("a", &[])]);
    units.apply(UnitId::from_bits(1), &UnitEvent::Deleted, at(9));
    assert_eq!(units.of_chunk("a"), None);
    assert!(units.create(new("a", &[])).is_ok());
}

#[test]
fn a_unit_is_what_its_history_says() {
    let mut unit = unit(Ready);
    let created = UnitEvent::Created(Box::new(UnitCreated {
        chunk: "parser".to_owned(),
        phase: UnitPhase::Implement,
        status: Ready,
        blocked_by: Vec::new(),
        priority: 0,
        project: None,
        order: None,
    }));
    let history = [
        created,
        moved(Ready, Blocked, "so", false),
        UnitEvent::PriorityChanged { priority: 4 },
    ];
    history[1..].iter().for_each(|event| unit.apply(event));
    let events = history.iter().map(|event| (event, at(0)));
    assert_eq!(WorkUnit::replay(unit.id, events), Some(unit));
}
