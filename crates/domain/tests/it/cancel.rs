//! Asked to end, a run stops what is under way, and ends when nothing is.

use crate::common::*;
use domain::{Duty, Input, Outcome, Phase, Refusal, RunEvent, duties};

fn cancel() -> Input {
    Input::Cancel { by: by() }
}

#[test]
fn a_cancelled_run_stops_its_tasks_and_ends_when_none_is_left() {
    let mut tale = Tale::of(vec![agent("one"), agent("two"), after(agent("last"), &["one"])]);
    tale.admit("one").unwrap();
    tale.admit("two").unwrap();
    let (one, two) = (tale.task("one"), tale.task("two"));
    assert_eq!(
        tale.when(cancel(), at(0)),
        Ok(vec![RunEvent::CancelRequested { by: by() }])
    );
    let mut stops = [Duty::Stop { task: one }, Duty::Stop { task: two }];
    stops.sort_by_key(|duty| matches!(duty, Duty::Stop { task } if *task == one.max(two)));
    assert_eq!(duties(&tale.run), stops);

    let stopped = domain::Ending::Cancelled;
    assert_eq!(
        tale.end("one", stopped.clone(), at(0)),
        Ok(vec![ended("one", 1, stopped.clone())])
    );
    assert_eq!(
        tale.end("two", stopped.clone(), at(0)),
        Ok(vec![
            ended("two", 1, stopped),
            cancelled("last"),
            cancelled("one"),
            cancelled("two"),
            RunEvent::Cancelled,
        ])
    );
    assert_eq!(tale.run.phase(), Phase::Ended(Outcome::Cancelled));
    assert_eq!(duties(&tale.run), []);
}

#[test]
fn a_run_with_nothing_under_way_ends_at_once() {
    let mut tale = Tale::of(vec![agent("one")]);
    assert_eq!(
        tale.when(cancel(), at(0)),
        Ok(vec![
            RunEvent::CancelRequested { by: by() },
            cancelled("one"),
            RunEvent::Cancelled,
        ])
    );
}

#[test]
fn what_was_done_before_the_stop_stays_done() {
    let mut tale = Tale::of(vec![agent("one")]);
    tale.admit("one").unwrap();
    tale.when(cancel(), at(0)).unwrap();
    assert_eq!(
        tale.end("one", done(), at(0)),
        Ok(vec![
            ended("one", 1, done()),
            completed("one", "done".into()),
            RunEvent::Cancelled,
        ])
    );
}

#[test]
fn a_setback_of_a_cancelled_run_asks_nobody() {
    let mut tale = Tale::of(vec![agent("one"), agent("two")]);
    tale.admit("one").unwrap();
    tale.admit("two").unwrap();
    tale.when(cancel(), at(0)).unwrap();
    let ending = failed(domain::FailureClass::Authentication);
    assert_eq!(
        tale.end("one", ending.clone(), at(0)),
        Ok(vec![ended("one", 1, ending)])
    );
}

#[test]
fn a_process_that_comes_too_late_is_not_let_go() {
    let mut tale = Tale::of(vec![agent("one")]);
    tale.admit("one").unwrap();
    let task = tale.task("one");
    tale.when(cancel(), at(0)).unwrap();
    let process = domain::ProcessIdentity {
        pid: 1,
        start_ticks: 1,
        boot_id: "boot".to_owned(),
    };
    assert_eq!(
        tale.when(Input::TaskSpawned { task, process }, at(0)),
        Err(Refusal::RunCancelling)
    );
}

#[test]
fn nothing_more_is_asked_of_a_run_that_ends_or_has_ended() {
    let mut tale = Tale::of(vec![agent("one")]);
    tale.admit("one").unwrap();
    tale.when(cancel(), at(0)).unwrap();
    let retry = || Input::Retry { key: None, by: by() };
    assert_eq!(tale.when(cancel(), at(0)), Err(Refusal::RunCancelling));
    assert_eq!(tale.when(retry(), at(0)), Err(Refusal::RunCancelling));
    tale.end("one", domain::Ending::Cancelled, at(0)).unwrap();
    assert_eq!(tale.when(cancel(), at(0)), Err(Refusal::RunEnded));
    assert_eq!(tale.when(retry(), at(0)), Err(Refusal::RunEnded));
}
