//! What spans runs: who gets the free slots, projects, claims and trusted commands.

use crate::world::{at_ms, key};
use domain::{
    Admission, Board, BoardEvent, BoardInput, Moment, Name, ProjectId, Refusal, RunId, StepKey, UnitId, Want,
    admit, admit_beside, board_wake, decide_board, rest_until,
};
use std::collections::BTreeSet;

const NOW: Moment = at_ms(1_000);

fn run(bits: u128) -> RunId {
    RunId::from_bits(bits)
}

fn want(step: &str) -> Want {
    Want {
        key: key(step),
        account: Name::from("hand/default"),
        not_before: None,
        priority: 0,
    }
}

fn want_at(step: &str, not_before: Moment) -> Want {
    Want {
        not_before: Some(not_before),
        ..want(step)
    }
}

fn want_of(step: &str, account: &str) -> Want {
    Want {
        account: Name::from(account),
        ..want(step)
    }
}

fn board(slots: u32) -> Board {
    let mut board = Board::default();
    board.apply(&BoardEvent::SlotsChanged { slots });
    board
}

fn keys(steps: &[&str]) -> BTreeSet<StepKey> {
    steps.iter().map(|step| key(step)).collect()
}

fn limit(board: &mut Board, account: &str, until: Moment) {
    board.apply(&BoardEvent::AccountLimited {
        account: Name::from(account),
        until,
        strikes: 0,
        reason: "enough".to_owned(),
    });
}

/// A run says what it wants and holds nothing.
fn wants(board: &mut Board, of: u128, wants: impl IntoIterator<Item = Want>) {
    assert_eq!(
        board.settle(run(of), &BTreeSet::new(), wants, NOW),
        Vec::<StepKey>::new()
    );
}

/// What is admitted, as `run step`.
fn admitted(board: &Board) -> Vec<String> {
    admit(board, NOW)
        .into_iter()
        .map(|admission| format!("{} {}", admission.run.bits(), admission.key))
        .collect()
}

#[test]
fn no_more_begin_than_there_are_slots() {
    let mut board = board(2);
    wants(&mut board, 1, [want("a"), want("b"), want("c")]);

    assert_eq!(
        admit(&board, NOW),
        ["a", "b"].map(|step| Admission {
            run: run(1),
            key: key(step),
            account: Name::from("hand/default"),
        })
    );
}

#[test]
fn what_may_not_begin_yet_takes_no_slot_from_what_may() {
    let mut board = board(1);
    limit(&mut board, "claude/me", at_ms(5_000));
    wants(
        &mut board,
        1,
        [want_at("a", at_ms(1_001)), want_of("b", "claude/me"), want("c")],
    );

    assert_eq!(admitted(&board), ["1 c"]);
}

#[test]
fn what_was_to_wait_until_now_begins_now() {
    let mut board = board(8);
    limit(&mut board, "claude/me", NOW);
    wants(&mut board, 1, [want_at("a", NOW), want_of("b", "claude/me")]);

    assert_eq!(admitted(&board), ["1 a", "1 b"]);
}

#[test]
fn the_run_with_the_fewest_slots_is_served_first_and_what_is_admitted_meanwhile_counts() {
    let mut board = board(6);
    let held = keys(&["x", "y"]);
    board.settle(run(1), &held, [want("a"), want("b")], NOW);
    wants(&mut board, 2, [want("a"), want("b"), want("c"), want("d")]);

    // Run 2 catches up with the two slots that run 1 holds; then they take turns, the older first.
    assert_eq!(admitted(&board), ["2 a", "2 b", "1 a", "2 c"]);
}

#[test]
fn between_runs_with_as_many_slots_the_weightier_goes_first_then_the_older() {
    let mut board = board(2);
    let heavy = Want {
        priority: 3,
        ..want("a")
    };
    wants(&mut board, 1, [want("a")]);
    wants(&mut board, 2, [want("a")]);
    wants(&mut board, 3, [heavy]);

    assert_eq!(admitted(&board), ["3 a", "1 a"]);
}

#[test]
fn what_is_held_counts_against_the_slots() {
    let mut board = board(2);
    board.settle(run(1), &keys(&["x"]), [want("a"), want("b")], NOW);

    assert_eq!(board.busy(), 1);
    assert_eq!(admitted(&board), ["1 a"]);

    board.settle(run(1), &keys(&["x", "y", "z"]), [want("a")], NOW);
    assert_eq!(admitted(&board), Vec::<String>::new(), "fewer slots than tasks");
}

/// A task of the run has ended and nobody stored that yet; this is what the run wants next.
fn ends(board: &mut Board, of: u128, ending: &[&str], wants: impl IntoIterator<Item = Want>) {
    board.settle(run(of), &BTreeSet::new(), wants, NOW);
    board.keep_ending(run(of), &keys(ending));
}

/// What is admitted where a run's ending tasks make room for it, and taken.
fn taken_beside(board: &mut Board, of: u128) -> Vec<String> {
    let admissions = admit_beside(board, run(of), NOW);
    admissions.iter().for_each(|admission| board.take(admission));
    let shown = |admission: Admission| format!("{} {}", admission.run.bits(), admission.key);
    admissions.into_iter().map(shown).collect()
}

#[test]
fn the_slot_of_what_ends_is_free_for_nobody_else_before_that_is_stored() {
    let mut board = board(1);
    ends(&mut board, 2, &["a"], [want("b")]);
    wants(&mut board, 1, [want("a")]);

    // Run 1 is the older: it will have the slot, but not yet, and run 2 does not go on with it.
    assert_eq!(taken_beside(&mut board, 2), Vec::<String>::new());
    assert_eq!(board.busy(), 1);

    wants(&mut board, 2, [want("b")]);
    assert_eq!(admitted(&board), ["1 a"]);
}

#[test]
fn a_run_goes_on_with_the_slot_of_what_ends_when_the_rule_would_give_it_one() {
    let mut board = board(1);
    ends(&mut board, 1, &["a"], [want("b")]);
    wants(&mut board, 2, [want("a")]);

    assert_eq!(taken_beside(&mut board, 1), ["1 b"]);
    assert_eq!(board.busy(), 1);
    assert_eq!(admitted(&board), Vec::<String>::new());
}

#[test]
fn what_ends_counts_no_more_when_its_run_is_compared_with_others() {
    let mut board = board(3);
    wants(&mut board, 2, [want("a"), want("b")]);
    take_all(&mut board);
    ends(&mut board, 1, &["a"], [want("b"), want("c")]);
    board.settle(run(2), &keys(&["a", "b"]), [want("c")], NOW);

    assert_eq!(taken_beside(&mut board, 1), ["1 b"]);
    assert_eq!(board.busy(), 3);
}

#[test]
fn a_free_slot_is_everyones_while_a_task_ends() {
    let mut board = board(3);
    ends(&mut board, 2, &["a"], [want("a"), want("b")]);
    wants(&mut board, 1, [want("a"), want("b")]);

    // Two are free and one ends: each run gets one, and the third goes to the older, whose it is by the rule.
    assert_eq!(taken_beside(&mut board, 2), ["1 a", "2 a", "1 b"]);
    assert_eq!(board.busy(), 3);
}

#[test]
fn more_tasks_than_slots_make_no_room_when_one_ends() {
    let mut board = board(1);
    board.settle(run(1), &keys(&["x", "y"]), [want("b")], NOW);
    board.keep_ending(run(1), &keys(&["a"]));

    assert_eq!(taken_beside(&mut board, 1), Vec::<String>::new());
    assert_eq!(board.busy(), 3);
}

fn take_all(board: &mut Board) {
    for admission in admit(board, NOW) {
        board.take(&admission);
    }
}

#[test]
fn what_was_admitted_is_returned_to_its_run_and_not_admitted_again() {
    let mut board = board(8);
    wants(&mut board, 1, [want("a"), want("b")]);
    take_all(&mut board);
    assert_eq!(board.busy(), 2);
    assert_eq!(admitted(&board), Vec::<String>::new());

    let granted = board.settle(run(1), &BTreeSet::new(), [want("a"), want("b")], NOW);

    assert_eq!(granted, [key("a"), key("b")]);
    assert_eq!(board.busy(), 2);
}

#[test]
fn a_slot_for_what_is_no_longer_wanted_is_given_back() {
    let mut board = board(1);
    wants(&mut board, 1, [want("a")]);
    wants(&mut board, 2, [want("a")]);
    take_all(&mut board);
    assert_eq!(board.busy(), 1);

    wants(&mut board, 1, []);

    assert_eq!(board.busy(), 0);
    assert_eq!(admitted(&board), ["2 a"]);
}

#[test]
fn a_slot_that_a_task_had_is_asked_for_anew() {
    let mut board = board(1);
    board.settle(run(1), &keys(&["a"]), [], NOW);
    wants(&mut board, 2, [want("a")]);

    // Its task ended and the step wants another: the run does not simply go on with the slot.
    wants(&mut board, 1, [want("a")]);

    assert_eq!(board.busy(), 0);
    assert_eq!(admitted(&board), ["1 a"]);
}

#[test]
fn a_slot_that_was_given_is_not_used_once_the_account_met_its_limit() {
    let mut board = board(1);
    wants(&mut board, 1, [want("a")]);
    take_all(&mut board);
    limit(&mut board, "hand/default", at_ms(2_000));

    wants(&mut board, 1, [want("a")]);

    assert_eq!(board.busy(), 0);
    assert_eq!(board_wake(&board, NOW), Some(at_ms(2_000)));
}

#[test]
fn a_run_that_leaves_leaves_its_slots_and_its_wishes() {
    let mut board = board(8);
    board.settle(run(1), &keys(&["x"]), [want("a")], NOW);
    board.forget(run(1));

    assert_eq!(board.busy(), 0);
    assert_eq!(admitted(&board), Vec::<String>::new());
    board.forget(run(1));
    assert_eq!(board.busy(), 0, "twice is once");
}

#[test]
fn the_board_is_woken_at_the_first_moment_at_which_a_wish_may_be_granted() {
    let mut board = board(8);
    limit(&mut board, "claude/me", at_ms(3_000));
    assert_eq!(board_wake(&board, NOW), None, "nobody waits for the limit");

    let both = Want {
        not_before: Some(at_ms(9_000)),
        ..want_of("c", "claude/me")
    };
    wants(&mut board, 1, [want("a"), want_at("b", at_ms(4_000)), both]);
    assert_eq!(board_wake(&board, NOW), Some(at_ms(4_000)));

    wants(&mut board, 2, [want_of("a", "claude/me")]);
    assert_eq!(board_wake(&board, NOW), Some(at_ms(3_000)));
    assert_eq!(board_wake(&board, at_ms(3_000)), Some(at_ms(4_000)));
    assert_eq!(
        board_wake(&board, at_ms(4_000)),
        Some(at_ms(9_000)),
        "the later of both"
    );
    assert_eq!(board_wake(&board, at_ms(9_000)), None);
}

#[test]
fn a_run_rests_only_when_all_it_wants_waits_for_a_moment() {
    let mut board = board(8);
    limit(&mut board, "claude/me", at_ms(3_000));
    let limited = want_of("a", "claude/me");
    let later = want_at("b", at_ms(4_000));

    assert_eq!(
        rest_until(&board, &[later.clone(), limited.clone()], NOW),
        Some(at_ms(3_000))
    );
    assert_eq!(rest_until(&board, &[limited.clone(), want("c")], NOW), None);
    assert_eq!(rest_until(&board, &[], NOW), None);

    wants(&mut board, 1, [limited.clone(), want("c")]);
    assert_eq!(board.leave_to_time(run(1), NOW), None);
    assert_eq!(admitted(&board), ["1 c"], "what waits for a slot keeps waiting");

    wants(&mut board, 1, [limited, later]);
    assert_eq!(board.leave_to_time(run(1), NOW), Some(at_ms(3_000)));
    assert_eq!(board_wake(&board, NOW), None, "nothing of it stays");
    assert_eq!(board.leave_to_time(run(2), NOW), None);
}

fn decided(board: &Board, input: BoardInput) -> Result<Vec<BoardEvent>, Refusal> {
    decide_board(board, input, NOW)
}

#[test]
fn at_least_one_task_is_allowed_at_once() {
    let set = |slots| decided(&board(3), BoardInput::SetSlots { slots });

    assert_eq!(set(0), Err(Refusal::ZeroSlots));
    assert_eq!(set(3), Err(Refusal::NothingToDo));
    assert_eq!(set(1), Ok(vec![BoardEvent::SlotsChanged { slots: 1 }]));
}

fn add(id: u128, name: &str, path: &str) -> BoardInput {
    BoardInput::AddProject {
        project: ProjectId::from_bits(id),
        name: name.to_owned(),
        path: path.to_owned(),
    }
}

fn with(mut board: Board, input: BoardInput) -> Board {
    let events = decided(&board, input).expect("what a test begins with is not refused");
    events.iter().for_each(|event| board.apply(event));
    board
}

#[test]
fn a_folder_is_a_project_once_and_names_are_unique() {
    let board = with(board(1), add(1, "shop", "/a/shop"));
    let board = with(board, add(2, "shop", "/b/shop"));

    assert_eq!(
        decided(&board, add(3, "shop", "/c/shop")),
        Ok(vec![BoardEvent::ProjectAdded {
            project: ProjectId::from_bits(3),
            name: "shop-3".to_owned(),
            path: "/c/shop".to_owned(),
        }])
    );
    assert_eq!(
        decided(&board, add(3, "other", "/a/shop")),
        Err(Refusal::ProjectKnown("/a/shop".to_owned()))
    );
}

#[test]
fn a_project_is_removed_when_nothing_of_it_is_under_way() {
    let board = with(board(1), add(1, "shop", "/a/shop"));
    let remove = |id: u128, is_busy| {
        let project = ProjectId::from_bits(id);
        decided(&board, BoardInput::RemoveProject { project, is_busy })
    };

    assert_eq!(remove(1, true), Err(Refusal::ProjectBusy));
    assert_eq!(remove(2, true), Err(Refusal::UnknownProject));
    let project = ProjectId::from_bits(1);
    assert_eq!(remove(1, false), Ok(vec![BoardEvent::ProjectRemoved { project }]));
}

#[test]
fn a_unit_is_claimed_by_one_run_and_released_once() {
    let unit = UnitId::from_bits(5);
    let claim = |of| BoardInput::Claim { unit, run: run(of) };
    let claimed = with(board(1), claim(1));

    assert_eq!(
        decided(&claimed, claim(2)),
        Err(Refusal::UnitClaimed(unit.to_string()))
    );
    let released = with(claimed, BoardInput::Release { unit });
    assert_eq!(
        decided(&released, BoardInput::Release { unit }),
        Err(Refusal::NothingToDo)
    );
}

#[test]
fn commands_are_trusted_exactly_as_they_were_shown_and_once() {
    let approve = |hash: &str| BoardInput::ApproveCommands {
        hash: hash.to_owned(),
        by: "ada".to_owned(),
    };
    let board = with(board(1), approve("h1"));

    assert_eq!(decided(&board, approve("h1")), Err(Refusal::NothingToDo));
    assert!(board.approved.contains("h1") && !board.approved.contains("h2"));
    assert!(decided(&board, approve("h2")).is_ok());
}

#[test]
fn the_history_says_nothing_of_slots_and_they_outlive_its_reading() {
    let mut known = board(4);
    known.settle(run(1), &keys(&["x"]), [want("a")], NOW);

    let read = board(4).with_slots_of(known.clone());

    assert_eq!(read, known);
    assert_eq!((read.busy(), board(4).busy()), (1, 0));
}
