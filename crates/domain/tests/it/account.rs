//! Accounts at their usage limit: the reported reset, or a guess that grows; and when they work again.

use crate::world::at_ms;
use domain::{Account, Board, BoardEvent, BoardInput, Moment, Name, Refusal, decide_board};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

fn me() -> Name {
    Name::from("claude/me")
}

fn meets_limit(until: Option<Moment>) -> BoardInput {
    BoardInput::Limited {
        account: me(),
        until,
        reason: "enough for today".to_owned(),
    }
}

fn limited(until: Moment, strikes: u32) -> Vec<BoardEvent> {
    vec![BoardEvent::AccountLimited {
        account: me(),
        until,
        strikes,
        reason: "enough for today".to_owned(),
    }]
}

fn worked() -> BoardInput {
    BoardInput::Worked { account: me() }
}

/// Takes it in, and says until when the account rests.
fn rests_until(board: &mut Board, input: BoardInput, now: Moment) -> Moment {
    let events = decide_board(board, input, now).expect("a limit is never refused");
    events.iter().for_each(|event| board.apply(event));
    board.accounts[&me()].until
}

#[test]
fn a_reported_reset_is_believed() {
    let until = at_ms(7 * DAY_MS);

    assert_eq!(
        decide_board(&Board::default(), meets_limit(Some(until)), at_ms(0)),
        Ok(limited(until, 0))
    );
}

#[test]
fn a_reset_that_is_too_far_ahead_or_has_passed_is_not_believed() {
    let now = at_ms(1_000);
    let decided = |until| decide_board(&Board::default(), meets_limit(Some(until)), now);

    assert_eq!(decided(at_ms(u64::MAX)), Ok(limited(now.plus_ms(8 * DAY_MS), 0)));
    let guess = now.plus_ms(5 * MINUTE_MS);
    assert_eq!(decided(now), Ok(limited(guess, 1)));
    assert_eq!(decided(at_ms(1)), Ok(limited(guess, 1)));
}

#[test]
fn a_guess_doubles_with_every_strike_up_to_an_hour() {
    let mut board = Board::default();
    let mut now = at_ms(0);
    for minutes in [5, 10, 20, 40, 60, 60].into_iter().chain([60; 70]) {
        let until = rests_until(&mut board, meets_limit(None), now);
        assert_eq!(until.ms_since(now), minutes * MINUTE_MS);
        now = until;
    }
}

#[test]
fn tasks_that_meet_the_same_limit_are_one_strike() {
    let mut board = Board::default();
    let first = rests_until(&mut board, meets_limit(None), at_ms(0));

    let second = decide_board(&board, meets_limit(None), at_ms(1_000));

    assert_eq!(second, Ok(limited(first, 1)));
}

#[test]
fn what_is_known_replaces_a_guess_and_a_guess_begins_small_after_it() {
    let mut board = Board::default();
    let guess = rests_until(&mut board, meets_limit(None), at_ms(0));
    let guess = rests_until(&mut board, meets_limit(None), guess);

    let reported = guess.plus_ms(DAY_MS);
    assert_eq!(
        rests_until(&mut board, meets_limit(Some(reported)), guess),
        reported
    );

    let again = rests_until(&mut board, meets_limit(None), reported);
    assert_eq!(again.ms_since(reported), 5 * MINUTE_MS);
}

#[test]
fn a_late_report_without_a_reset_does_not_shorten_a_known_one() {
    let mut board = Board::default();
    let reset = rests_until(&mut board, meets_limit(Some(at_ms(DAY_MS))), at_ms(0));

    assert_eq!(rests_until(&mut board, meets_limit(None), at_ms(1)), reset);
}

#[test]
fn an_account_that_works_after_its_reset_is_cleared_and_its_strikes_forgotten() {
    let mut board = Board::default();
    let until = rests_until(&mut board, meets_limit(None), at_ms(0));

    let events = decide_board(&board, worked(), until);

    assert_eq!(events, Ok(vec![BoardEvent::AccountCleared { account: me() }]));
    board.apply(&BoardEvent::AccountCleared { account: me() });
    assert_eq!(board.accounts.get(&me()), None);
    let again = rests_until(&mut board, meets_limit(None), until);
    assert_eq!(again.ms_since(until), 5 * MINUTE_MS);
}

#[test]
fn a_task_that_began_before_the_limit_does_not_lift_it() {
    let mut board = Board::default();
    assert_eq!(
        decide_board(&board, worked(), at_ms(0)),
        Err(Refusal::NothingToDo),
        "there is no limit"
    );

    let until = rests_until(&mut board, meets_limit(None), at_ms(0));
    let just_before = at_ms(until.as_ms() - 1);
    assert_eq!(
        decide_board(&board, worked(), just_before),
        Err(Refusal::NothingToDo)
    );
}

#[test]
fn accounts_rest_apart() {
    let mut board = Board::default();
    rests_until(&mut board, meets_limit(Some(at_ms(10))), at_ms(0));

    let limit = Account {
        until: at_ms(10),
        strikes: 0,
        reason: "enough for today".to_owned(),
    };
    assert_eq!(board.accounts.into_iter().collect::<Vec<_>>(), [(me(), limit)]);
}
