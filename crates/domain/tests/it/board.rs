//! The board: who gets a slot, what limits hold, which projects and commands there are.

use crate::common::{at, by, key};
use domain::{
    Admission, Board, BoardEvent, BoardInput, Moment, Name, ProjectId, Refusal, RunId, StepKey, Want, admit,
    board_wake, decide_board, rest_until,
};
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;

fn run(number: u128) -> RunId {
    RunId::from_bits(number)
}

fn want(step: &str) -> Want {
    Want {
        key: key(step),
        account: Name::from("ada/main"),
        not_before: None,
        priority: 0,
    }
}

fn later(step: &str, ms: u64) -> Want {
    Want {
        not_before: Some(at(ms)),
        ..want(step)
    }
}

fn board(slots: u32) -> Board {
    let mut board = Board::default();
    board.apply(&BoardEvent::SlotsChanged { slots });
    board
}

/// A run says what it wants and holds nothing.
fn wants(board: &mut Board, number: u128, wants: impl IntoIterator<Item = Want>) -> Vec<StepKey> {
    board.settle(run(number), &BTreeSet::new(), wants, at(0))
}

fn given(board: &mut Board, now: Moment) -> Vec<(u128, String)> {
    let admissions = admit(board, now);
    admissions
        .iter()
        .for_each(|admission: &Admission| board.take(admission));
    admissions
        .into_iter()
        .map(|admission| (admission.run.bits(), admission.key.to_string()))
        .collect()
}

fn pairs(of: &[(u128, &str)]) -> Vec<(u128, String)> {
    of.iter().map(|(run, step)| (*run, (*step).to_owned())).collect()
}

#[test]
fn no_more_begin_than_there_are_slots_and_everything_of_one_go_counts() {
    let mut board = board(2);
    wants(&mut board, 1, [want("a"), want("b"), want("c")]);
    assert_eq!(given(&mut board, at(0)), pairs(&[(1, "a"), (1, "b")]));
    assert_eq!(given(&mut board, at(0)), pairs(&[]));
    assert_eq!(board.busy(), 2);
}

#[test]
fn runs_take_turns_and_the_one_with_fewest_slots_is_served_first() {
    let mut board = board(4);
    wants(&mut board, 1, [want("a"), want("b"), want("c")]);
    wants(&mut board, 2, [want("x"), want("y")]);
    assert_eq!(
        given(&mut board, at(0)),
        pairs(&[(1, "a"), (2, "x"), (1, "b"), (2, "y")])
    );
}

#[test]
fn the_weightier_comes_first_where_turns_are_equal() {
    let mut board = board(1);
    let heavy = Want {
        priority: 5,
        ..want("x")
    };
    wants(&mut board, 1, [want("a")]);
    wants(&mut board, 2, [heavy]);
    assert_eq!(given(&mut board, at(0)), pairs(&[(2, "x")]));
}

#[test]
fn what_may_not_begin_yet_takes_no_slot_from_what_may() {
    let mut board = board(1);
    wants(&mut board, 1, [later("a", 50), want("b")]);
    assert_eq!(given(&mut board, at(0)), pairs(&[(1, "b")]));
    assert_eq!(board_wake(&board, at(0)), Some(at(50)));
    assert_eq!(board_wake(&board, at(50)), None);
}

#[test]
fn nothing_of_an_account_begins_before_its_limit_ends() {
    let mut board = board(1);
    let (until, reason) = (at(80), "limit".to_owned());
    let account = Name::from("ada/main");
    board.apply(&BoardEvent::AccountLimited {
        account,
        until,
        strikes: 0,
        reason,
    });
    let other = Want {
        account: Name::from("bob/main"),
        ..want("z")
    };
    wants(&mut board, 1, [want("a"), other]);
    assert_eq!(given(&mut board, at(0)), pairs(&[(1, "z")]));
    assert_eq!(board_wake(&board, at(0)), Some(at(80)));
    wants(&mut board, 1, [want("a")]);
    assert_eq!(given(&mut board, at(79)), pairs(&[]));
    assert_eq!(given(&mut board, at(80)), pairs(&[(1, "a")]));
}

#[test]
fn a_slot_that_was_given_is_found_and_one_that_nobody_wants_is_given_back() {
    let mut board = board(2);
    wants(&mut board, 1, [want("a"), want("b")]);
    given(&mut board, at(0));
    assert_eq!(wants(&mut board, 1, [want("b")]), [key("b")]);
    assert_eq!(board.busy(), 1);
    assert_eq!(wants(&mut board, 1, []), [key("x"); 0]);
    assert_eq!(board.busy(), 0);
}

#[test]
fn what_a_task_held_is_asked_for_anew() {
    let mut board = board(1);
    let held = BTreeSet::from([key("a")]);
    assert_eq!(board.settle(run(1), &held, [], at(0)), [key("x"); 0]);
    assert_eq!(board.busy(), 1);
    assert_eq!(wants(&mut board, 1, [want("a")]), [key("x"); 0]);
    assert_eq!(given(&mut board, at(0)), pairs(&[(1, "a")]));
}

#[test]
fn a_run_leaves_to_time_only_what_waits_for_a_moment() {
    let mut board = board(1);
    wants(&mut board, 1, [later("a", 50), later("b", 70)]);
    assert_eq!(board.leave_to_time(run(1), at(0)), Some(at(50)));
    assert_eq!(given(&mut board, at(90)), pairs(&[]));
    wants(&mut board, 1, [later("a", 50), want("b")]);
    assert_eq!(board.leave_to_time(run(1), at(0)), None);
    assert_eq!(given(&mut board, at(0)), pairs(&[(1, "b")]));
}

#[test]
fn a_run_rests_until_the_first_moment_ahead_or_not_at_all() {
    let board = board(1);
    assert_eq!(rest_until(&board, &[], at(0)), None);
    assert_eq!(
        rest_until(&board, &[later("a", 50), later("b", 20)], at(0)),
        Some(at(20))
    );
    assert_eq!(rest_until(&board, &[later("a", 50), want("b")], at(0)), None);
    assert_eq!(rest_until(&board, &[later("a", 50)], at(50)), None);
}

fn limited(board: &Board, until: Option<Moment>, now: Moment) -> (Moment, u32) {
    let input = BoardInput::Limited {
        account: Name::from("ada/main"),
        until,
        reason: "limit".to_owned(),
    };
    match decide_board(board, input, now).as_deref() {
        Ok([BoardEvent::AccountLimited { until, strikes, .. }]) => (*until, *strikes),
        other => panic!("a limit was expected: {other:?}"),
    }
}

fn at_limit(board: &mut Board, (until, strikes): (Moment, u32)) {
    board.apply(&BoardEvent::AccountLimited {
        account: Name::from("ada/main"),
        until,
        strikes,
        reason: "limit".to_owned(),
    });
}

#[test]
fn a_reported_reset_is_believed_if_it_lies_ahead_and_not_too_far() {
    let board = board(1);
    assert_eq!(limited(&board, Some(at(70)), at(10)), (at(70), 0));
    let day_ms = 24 * 60 * MINUTE_MS;
    assert_eq!(
        limited(&board, Some(at(100 * day_ms)), at(0)),
        (at(8 * day_ms), 0)
    );
    assert_eq!(limited(&board, Some(at(5)), at(10)), (at(10 + 5 * MINUTE_MS), 1));
}

#[test]
fn a_guess_doubles_with_every_strike_up_to_an_hour() {
    let mut board = board(1);
    let mut now = 0;
    for (strikes, minutes) in [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60)] {
        let limit = limited(&board, None, at(now));
        assert_eq!(limit, (at(now + minutes * MINUTE_MS), strikes));
        at_limit(&mut board, limit);
        assert_eq!(
            limited(&board, None, at(now + 1)),
            limit,
            "one limit met twice is one strike"
        );
        now += minutes * MINUTE_MS;
    }
}

#[test]
fn an_account_that_works_again_has_no_limit_and_one_at_its_limit_keeps_it() {
    let mut board = board(1);
    let account = || Name::from("ada/main");
    let worked = |board: &Board, now| decide_board(board, BoardInput::Worked { account: account() }, now);
    assert_eq!(worked(&board, at(0)), Err(Refusal::NothingToDo));
    at_limit(&mut board, (at(100), 3));
    assert_eq!(worked(&board, at(99)), Err(Refusal::NothingToDo));
    let cleared = BoardEvent::AccountCleared { account: account() };
    assert_eq!(worked(&board, at(100)), Ok(vec![cleared.clone()]));
    board.apply(&cleared);
    assert_eq!(limited(&board, None, at(200)), (at(200 + 5 * MINUTE_MS), 1));
}

#[test]
fn projects_have_their_own_names_and_folders() {
    let mut board = board(1);
    let add = |bits, name: &str, path: &str| BoardInput::AddProject {
        project: ProjectId::from_bits(bits),
        name: name.to_owned(),
        path: path.to_owned(),
    };
    let added = |bits, name: &str, path: &str| BoardEvent::ProjectAdded {
        project: ProjectId::from_bits(bits),
        name: name.to_owned(),
        path: path.to_owned(),
    };
    for (bits, name, path) in [(1, "app", "/a"), (2, "app-2", "/b"), (3, "app-3", "/c")] {
        let events = decide_board(&board, add(bits, "app", path), at(0));
        assert_eq!(events, Ok(vec![added(bits, name, path)]));
        board.apply(&added(bits, name, path));
    }
    assert_eq!(
        decide_board(&board, add(4, "other", "/a"), at(0)),
        Err(Refusal::ProjectKnown("/a".to_owned()))
    );
    let remove = |bits, is_busy| BoardInput::RemoveProject {
        project: ProjectId::from_bits(bits),
        is_busy,
    };
    assert_eq!(
        decide_board(&board, remove(9, false), at(0)),
        Err(Refusal::UnknownProject)
    );
    assert_eq!(
        decide_board(&board, remove(1, true), at(0)),
        Err(Refusal::ProjectBusy)
    );
    let project = ProjectId::from_bits(1);
    assert_eq!(
        decide_board(&board, remove(1, false), at(0)),
        Ok(vec![BoardEvent::ProjectRemoved { project }])
    );
}

#[test]
fn slots_and_trust_change_when_there_is_something_to_change() {
    let mut board = board(3);
    let set = |slots| BoardInput::SetSlots { slots };
    assert_eq!(decide_board(&board, set(0), at(0)), Err(Refusal::ZeroSlots));
    assert_eq!(decide_board(&board, set(3), at(0)), Err(Refusal::NothingToDo));
    assert_eq!(
        decide_board(&board, set(4), at(0)),
        Ok(vec![BoardEvent::SlotsChanged { slots: 4 }])
    );
    let (hash, by) = ("beef".to_owned(), by());
    let trust = BoardInput::ApproveCommands {
        hash: hash.clone(),
        by: by.clone(),
    };
    let trusted = BoardEvent::CommandsApproved { hash, by };
    assert_eq!(
        decide_board(&board, trust.clone(), at(0)),
        Ok(vec![trusted.clone()])
    );
    board.apply(&trusted);
    assert_eq!(decide_board(&board, trust, at(0)), Err(Refusal::NothingToDo));
}
