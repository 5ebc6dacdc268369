//! Every measurement of `cargo xtask bench` yields numbers, with sizes cut to almost nothing. How large they are is
//! nobody's matter here: no machine of the tests is quiet.
#![expect(
    clippy::unwrap_used,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

use bench::{ALL, Bench, Budget, Scale};
use std::path::Path;

#[track_caller]
fn yields(name: &str, figures_min: usize) {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bench = Bench {
        partita: Path::new(env!("CARGO_BIN_EXE_partita")).to_owned(),
        scratch: scratch.path().to_owned(),
        budget: Budget {
            scale: Scale::Tiny,
            is_long: false,
        },
    };
    let measurement = ALL.iter().find(|one| one.name == name).unwrap();
    let (figures, _took) = measurement
        .take(&bench)
        .unwrap_or_else(|error| panic!("{error:#}"));
    assert!(figures.len() >= figures_min, "{figures:#?}");
    for figure in &figures {
        assert!(
            figure.value.median.is_finite() && figure.value.median >= 0.0,
            "{figure:#?}"
        );
        if let Some(floor) = &figure.floor {
            assert!(floor.value.median >= 0.0 && !floor.name.is_empty(), "{figure:#?}");
        }
    }
    let moving = figures.iter().filter(|figure| figure.value.median > 0.0);
    assert!(
        moving.count() * 2 > figures.len(),
        "most of it is more than nothing: {figures:#?}"
    );
}

#[test]
fn every_measurement_is_tried_here() {
    let mut names: Vec<_> = ALL.iter().map(|one| one.name).collect();
    names.sort_unstable();
    let tried = [
        "history",
        "idle",
        "lists",
        "live",
        "process-steps",
        "size",
        "startup",
        "steps",
        "worktree",
    ];
    assert_eq!(names, tried);
}

#[test]
fn steps_in_one_process_are_measured() {
    yields("steps", 9);
}

#[test]
fn steps_after_a_history_are_measured() {
    yields("history", 1);
}

#[test]
fn steps_of_the_daemon_are_measured() {
    yields("process-steps", 6);
}

#[test]
fn a_start_is_measured() {
    yields("startup", 1);
}

#[test]
fn lists_and_commands_are_measured() {
    yields("lists", 12);
}

#[test]
fn live_output_is_measured() {
    yields("live", 9);
}

#[test]
fn an_idle_daemon_is_measured() {
    yields("idle", 2);
}

#[test]
fn working_copies_are_measured() {
    yields("worktree", 2);
}

#[test]
fn the_program_is_weighed() {
    yields("size", 1);
}
