//! Work units: how they come to be, the one table that says where they may go, and retries, claims and ends.

use crate::world::NOW;
use domain::{
    NewUnit, Refusal, RunId, UnitCreated, UnitEvent, UnitId, UnitInput, UnitPhase, UnitStatus, Units,
    WorkUnit, decide_unit,
};

pub(crate) const UNIT: UnitId = UnitId::from_bits(1);

pub(crate) fn new(chunk: &str, blocked_by: &[&str]) -> NewUnit {
    NewUnit {
        chunk: chunk.to_owned(),
        blocked_by: owned(blocked_by),
        ..NewUnit::default()
    }
}

pub(crate) fn owned(chunks: &[&str]) -> Vec<String> {
    chunks.iter().map(|chunk| (*chunk).to_owned()).collect()
}

/// Units by name, each with what it waits for, in the order of their age.
pub(crate) fn units(all: &[(&str, &[&str])]) -> Units {
    let mut units = Units::default();
    for (id, (chunk, blocked_by)) in (1..).zip(all) {
        let created = units.create(new(chunk, blocked_by)).expect("a unit of a test");
        units.apply(UnitId::from_bits(id), &created, NOW);
    }
    units
}

fn unit_of(status: UnitStatus, phase: UnitPhase) -> WorkUnit {
    let created = UnitCreated {
        chunk: "login".to_owned(),
        phase,
        status,
        blocked_by: Vec::new(),
        priority: 0,
        project: None,
        order: None,
    };
    WorkUnit::created(UNIT, &created, NOW)
}

pub(crate) fn unit_that_is(status: UnitStatus) -> WorkUnit {
    unit_of(status, UnitPhase::Goal)
}

pub(crate) fn status_changed(from: UnitStatus, to: UnitStatus, reason: &str) -> UnitEvent {
    UnitEvent::StatusChanged {
        from,
        to,
        reason: reason.to_owned(),
        forced: false,
    }
}

pub(crate) fn set_status(to: UnitStatus) -> UnitInput {
    UnitInput::SetStatus {
        to,
        reason: "says ada".to_owned(),
    }
}

fn phase_changed(from: UnitPhase, to: UnitPhase) -> UnitEvent {
    UnitEvent::PhaseChanged { from, to }
}

#[test]
fn s3_08_all_25_pairs_of_the_transition_table() {
    use UnitStatus::{Blocked, Done, NeedsAttention, Ready, Running};
    let table = [
        (Ready, [false, true, true, true, false]),
        (Running, [true, false, true, true, true]),
        (Blocked, [true, false, false, true, false]),
        (NeedsAttention, [true, false, true, false, true]),
        (Done, [false, false, false, false, false]),
    ];
    for (from, row) in table {
        for (to, may) in UnitStatus::ALL.into_iter().zip(row) {
            let unit = unit_of(from, UnitPhase::Complete);
            let expected = if from == to {
                Err(Refusal::NothingToDo)
            } else if may {
                Ok(vec![status_changed(from, to, "says ada")])
            } else {
                Err(Refusal::StatusRefused { from, to })
            };

            assert_eq!(
                decide_unit(&unit, set_status(to), None, false),
                expected,
                "{from:?} {to:?}"
            );
            assert_eq!(from.may_become(to), may, "{from:?} {to:?}");
        }
    }
}

#[test]
fn s3_08_statuses_keep_their_words() {
    let words = UnitStatus::ALL.map(UnitStatus::word);
    assert_eq!(words, ["READY", "RUNNING", "BLOCKED", "NEEDS_ATTENTION", "DONE"]);
    assert_eq!(words.map(UnitStatus::of_word), UnitStatus::ALL.map(Some));
    assert_eq!(UnitStatus::of_word("ready"), None);
}

#[test]
fn s3_07_phases_keep_their_words_and_only_move_forward() {
    let words = UnitPhase::ALL.map(UnitPhase::word);
    assert_eq!(words, ["GOAL", "PLAN", "IMPLEMENT", "COMPLETE"]);
    assert_eq!(words.map(UnitPhase::of_word), UnitPhase::ALL.map(Some));

    for (at, from) in (0..).zip(UnitPhase::ALL) {
        for (target, to) in (0..).zip(UnitPhase::ALL) {
            let unit = unit_of(UnitStatus::Ready, from);
            let expected = if target > at {
                Ok(vec![phase_changed(from, to)])
            } else {
                Err(Refusal::PhaseRefused { from, to })
            };
            assert_eq!(
                decide_unit(&unit, UnitInput::SetPhase { to }, None, false),
                expected,
                "{from:?} {to:?}"
            );
        }
    }
}

#[test]
fn s3_35_a_unit_begins_with_its_goal_and_is_ready() {
    let created = Units::default().create(new("login", &[]));

    assert_eq!(
        created,
        Ok(UnitEvent::Created(Box::new(UnitCreated {
            chunk: "login".to_owned(),
            phase: UnitPhase::Goal,
            status: UnitStatus::Ready,
            blocked_by: Vec::new(),
            priority: 0,
            project: None,
            order: None,
        })))
    );
}

#[test]
fn a_unit_that_waits_for_another_begins_blocked_and_one_that_is_complete_is_done() {
    let known = units(&[("schema", &[])]);
    let status_of = |unit: NewUnit| match known.create(unit) {
        Ok(UnitEvent::Created(created)) => created.status,
        other => panic!("not created: {other:?}"),
    };
    let complete = |blocked_by: &[&str]| NewUnit {
        phase: UnitPhase::Complete,
        ..new("login", blocked_by)
    };

    assert_eq!(status_of(new("login", &["schema"])), UnitStatus::Blocked);
    assert_eq!(status_of(complete(&[])), UnitStatus::Done);
    assert_eq!(status_of(complete(&["schema"])), UnitStatus::Blocked);
}

#[test]
fn names_are_short_plain_and_unique() {
    let known = units(&[("login", &[])]);
    let longest = "a".repeat(100);
    for chunk in ["a", "0", "fix-login_2.1", &longest] {
        assert_eq!(known.check_chunk(chunk), Ok(()), "{chunk}");
    }
    let too_long = "a".repeat(101);
    for chunk in ["", "-a", ".a", "_a", "A", "a b", "a/b", "ä", "a\n", &too_long] {
        assert_eq!(
            known.check_chunk(chunk),
            Err(Refusal::BadChunk(chunk.to_owned())),
            "{chunk}"
        );
    }
    assert_eq!(
        known.create(new("login", &[])),
        Err(Refusal::ChunkTaken("login".to_owned()))
    );
}

#[test]
fn a_retry_against_the_table_is_forced_and_the_history_says_so() {
    let retry = |status: UnitStatus, open_blocker: Option<&str>| {
        let input = UnitInput::Retry { by: "ada".to_owned() };
        decide_unit(&unit_that_is(status), input, open_blocker, false)
    };
    let again = |from, to, forced| {
        Ok(vec![UnitEvent::StatusChanged {
            from,
            to,
            reason: "to be done again, says ada".to_owned(),
            forced,
        }])
    };
    use UnitStatus::{Blocked, Done, NeedsAttention, Ready};

    assert_eq!(retry(Done, None), again(Done, Ready, true));
    assert_eq!(retry(Done, Some("schema")), again(Done, Blocked, true));
    assert_eq!(retry(NeedsAttention, None), again(NeedsAttention, Ready, false));
    assert_eq!(
        retry(NeedsAttention, Some("schema")),
        again(NeedsAttention, Blocked, false)
    );
    assert_eq!(retry(Ready, None), Err(Refusal::NothingToDo));
    assert_eq!(retry(Blocked, Some("schema")), Err(Refusal::NothingToDo));
}

#[test]
fn a_claimed_unit_is_its_runs_matter() {
    let unit = unit_that_is(UnitStatus::Running);
    for input in [
        set_status(UnitStatus::Done),
        set_status(UnitStatus::Running),
        UnitInput::Delete,
        UnitInput::Retry { by: "ada".to_owned() },
    ] {
        assert_eq!(
            decide_unit(&unit, input.clone(), None, true),
            Err(Refusal::UnitClaimed("login".to_owned())),
            "{input:?}"
        );
    }
}

#[test]
fn a_claim_moves_a_ready_unit_and_no_other() {
    let run = RunId::from_bits(7);
    let claim = |status| decide_unit(&unit_that_is(status), UnitInput::Claimed { run }, None, false);

    assert_eq!(
        claim(UnitStatus::Ready),
        Ok(vec![
            status_changed(UnitStatus::Ready, UnitStatus::Running, "claimed"),
            UnitEvent::RunAssigned { run },
        ])
    );
    for from in UnitStatus::ALL
        .into_iter()
        .filter(|from| *from != UnitStatus::Ready)
    {
        let to = UnitStatus::Running;
        assert_eq!(claim(from), Err(Refusal::StatusRefused { from, to }), "{from:?}");
    }
}

#[test]
fn a_unit_whose_run_ended_well_is_done_and_complete() {
    let finish = |phase| {
        decide_unit(
            &unit_of(UnitStatus::Running, phase),
            UnitInput::Finished,
            None,
            true,
        )
    };
    let done = status_changed(UnitStatus::Running, UnitStatus::Done, "its run completed");

    assert_eq!(
        finish(UnitPhase::Plan),
        Ok(vec![
            done.clone(),
            phase_changed(UnitPhase::Plan, UnitPhase::Complete)
        ])
    );
    assert_eq!(finish(UnitPhase::Complete), Ok(vec![done]));
}

#[test]
fn a_unit_whose_run_did_not_end_well_is_put_to_a_person() {
    let unit = unit_that_is(UnitStatus::Running);
    let reason = "its run failed";
    let stopped = UnitInput::Stopped {
        reason: reason.to_owned(),
    };

    let moved = status_changed(UnitStatus::Running, UnitStatus::NeedsAttention, reason);
    assert_eq!(decide_unit(&unit, stopped, None, true), Ok(vec![moved]));
}

#[test]
fn what_is_as_it_was_asked_to_be_is_refused_and_the_rest_is_done() {
    let unit = unit_that_is(UnitStatus::Ready);
    let decided = |input| decide_unit(&unit, input, None, false);

    let same = "login".to_owned();
    assert_eq!(
        decided(UnitInput::Rename { chunk: same }),
        Err(Refusal::NothingToDo)
    );
    assert_eq!(
        decided(UnitInput::SetPriority { priority: 0 }),
        Err(Refusal::NothingToDo)
    );
    assert_eq!(
        decided(UnitInput::SetPriority { priority: -3 }),
        Ok(vec![UnitEvent::PriorityChanged { priority: -3 }])
    );
    assert_eq!(decided(UnitInput::Delete), Ok(vec![UnitEvent::Deleted]));
}

#[test]
fn a_deleted_unit_leaves_its_name_and_keeps_its_history() {
    let mut known = units(&[("login", &[])]);
    known.apply(UNIT, &UnitEvent::Deleted, NOW);

    assert_eq!(known, Units::default());

    let created = Units::default().create(new("login", &[])).expect("a unit");
    let history = [(&created, NOW), (&UnitEvent::Deleted, NOW)];
    let replayed = WorkUnit::replay(UNIT, history).expect("a unit that was");
    assert!(replayed.is_deleted);
    assert_eq!(replayed.seq, 2);
    assert_eq!(WorkUnit::replay(UNIT, [(&UnitEvent::Deleted, NOW)]), None);
}
