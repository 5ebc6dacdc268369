//! What people want of a run: to pause, to go on, to skip, to do again.

use crate::common::*;
use domain::{Duty, Input, Outcome, Phase, Refusal, RunEvent, StepState, duties};

fn pause() -> Input {
    Input::Pause { by: by() }
}

fn resume() -> Input {
    Input::Resume { by: by() }
}

fn skip(step: &str) -> Input {
    Input::Skip {
        key: key(step),
        by: by(),
    }
}

fn retry(step: Option<&str>) -> Input {
    Input::Retry {
        key: step.map(key),
        by: by(),
    }
}

#[test]
fn a_paused_run_starts_nothing_and_lets_what_is_under_way_go_on() {
    let mut tale = Tale::of(vec![agent("one"), agent("two")]);
    tale.admit("one").unwrap();
    let task = tale.task("one");
    assert_eq!(tale.when(pause(), at(0)), Ok(vec![RunEvent::Paused { by: by() }]));
    assert_eq!(duties(&tale.run), [Duty::Work { task }]);
    assert_eq!(tale.admit("two"), Err(Refusal::StepNotOpen(key("two"))));
    assert_eq!(tale.when(pause(), at(0)), Err(Refusal::PauseUnchanged));
    assert_eq!(
        tale.when(resume(), at(0)),
        Ok(vec![RunEvent::Resumed { by: by() }])
    );
    assert_eq!(tale.begins(), ["two"]);
    assert_eq!(tale.when(resume(), at(0)), Err(Refusal::PauseUnchanged));
}

#[test]
fn a_paused_run_wants_no_time() {
    let mut tale = Tale::of(vec![agent("one")]);
    tale.admit("one").unwrap();
    tale.end("one", parked(Some(at(500))), at(0)).unwrap();
    assert_eq!(domain::next_wake(&tale.run, at(0)), Some(at(500)));
    tale.when(pause(), at(0)).unwrap();
    assert_eq!(domain::next_wake(&tale.run, at(0)), None);
}

#[test]
fn a_skipped_step_counts_as_done_for_those_that_need_it() {
    let mut tale = Tale::of(vec![agent("one"), after(agent("two"), &["one"])]);
    assert_eq!(tale.when(skip("one"), at(0)), Ok(vec![skipped("one")]));
    assert_eq!(tale.begins(), ["two"]);
}

#[test]
fn a_step_that_is_under_way_or_done_is_not_skipped() {
    let mut tale = Tale::of(vec![agent("one"), agent("two")]);
    tale.admit("one").unwrap();
    assert_eq!(
        tale.when(skip("one"), at(0)),
        Err(Refusal::StepNotOpen(key("one")))
    );
    tale.complete("two");
    assert_eq!(
        tale.when(skip("two"), at(0)),
        Err(Refusal::StepNotOpen(key("two")))
    );
    assert_eq!(
        tale.when(skip("three"), at(0)),
        Err(Refusal::UnknownStep(key("three")))
    );
}

fn failed_run() -> Tale {
    let mut tale = Tale::of(vec![
        agent("one"),
        agent("two"),
        after(agent("last"), &["one", "two"]),
    ]);
    tale.complete("one");
    tale.fail("two");
    let reason = "step `two` failed: no".to_owned();
    let report = "# report".to_owned();
    assert_eq!(
        tale.report(),
        Ok(vec![cancelled("last"), RunEvent::Failed { reason, report }])
    );
    tale
}

#[test]
fn s4_25_a_failed_run_goes_on_with_what_failed_and_keeps_what_is_done() {
    let mut tale = failed_run();
    assert_eq!(
        tale.when(retry(None), at(0)),
        Ok(vec![reopened("two"), reopened("last")])
    );
    assert_eq!(tale.run.phase(), Phase::Active);
    assert_eq!(tale.begins(), ["two"]);
    tale.complete("two");
    tale.complete("last");
    assert_eq!(tale.report(), Ok(vec![run_completed()]));
}

#[test]
fn s4_25_a_failed_run_goes_on_without_what_failed() {
    let mut tale = failed_run();
    assert_eq!(
        tale.when(skip("two"), at(0)),
        Ok(vec![reopened("two"), reopened("last"), skipped("two")])
    );
    assert_eq!(tale.begins(), ["last"]);
}

#[test]
fn a_retry_starts_the_counts_anew() {
    let mut one = agent("one");
    one.retry.max = 1;
    let mut tale = Tale::of(vec![one]);
    for _ in 0..2 {
        tale.admit("one").unwrap();
        tale.end("one", failed(domain::FailureClass::Transient), at(0))
            .unwrap();
    }
    tale.when(retry(Some("one")), at(0)).unwrap();
    tale.admit("one").unwrap();
    let events = tale
        .end("one", failed(domain::FailureClass::Transient), at(0))
        .unwrap();
    assert!(
        matches!(events[1], RunEvent::RetryScheduled { failures: 1, .. }),
        "{events:?}"
    );
}

#[test]
fn s4_25_what_is_done_is_never_done_again() {
    let mut tale = failed_run();
    assert_eq!(
        tale.when(retry(Some("one")), at(0)),
        Err(Refusal::StepNotEnded(key("one")))
    );
    tale.when(retry(None), at(0)).unwrap();
    assert_eq!(tale.run.step(&key("one")).unwrap().state, StepState::Completed);
    assert_eq!(tale.admit("one"), Err(Refusal::StepNotOpen(key("one"))));
}

#[test]
fn a_retry_of_nothing_is_refused() {
    let mut tale = Tale::of(vec![agent("one")]);
    assert_eq!(tale.when(retry(None), at(0)), Err(Refusal::NothingToDo));
    assert_eq!(
        tale.when(retry(Some("one")), at(0)),
        Err(Refusal::StepNotEnded(key("one")))
    );
    tale.complete("one");
    tale.report().unwrap();
    assert_eq!(tale.run.phase(), Phase::Ended(Outcome::Completed));
    assert_eq!(tale.when(retry(None), at(0)), Err(Refusal::RunEnded));
}
