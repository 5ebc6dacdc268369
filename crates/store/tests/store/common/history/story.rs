//! What happens in it: units of work, a run that completes after trouble, one that fails twice, one that is cancelled.

use super::{
    CANCELLED_RUN, FAILED_RUN, OTHER_UNIT, PROJECT, RUN, START, Script, UNIT, ended, long_text, ordered,
    planned, started, task_started,
};
use domain::{
    Attention, AttentionId, AttentionKind, BoardEvent, Change, Choice, Ending, Event, FailureClass,
    ProjectId, Role, RunEvent, RunId, Size, StepKey, Stream, TaskId, UnitCreated, UnitEvent, UnitOrder,
    UnitPhase, UnitStatus, Value,
};
use engine::ports::Batch;
use std::collections::BTreeMap;

/// Everything that can happen, in an order in which it could.
pub(crate) fn everything() -> Vec<Batch> {
    let mut script = Script::default();
    script.board([
        BoardEvent::ProjectAdded {
            project: PROJECT,
            name: "lamp".to_owned(),
            path: "/src/lamp".to_owned(),
        },
        BoardEvent::ProjectAdded {
            project: ProjectId::from_bits(0x12),
            name: "gone".to_owned(),
            path: "/src/gone".to_owned(),
        },
        BoardEvent::ProjectRemoved {
            project: ProjectId::from_bits(0x12),
        },
        BoardEvent::SlotsChanged { slots: 4 },
        BoardEvent::CommandsApproved {
            hash: "c0de".repeat(16),
            by: "ada".to_owned(),
        },
        BoardEvent::AccountLimited {
            account: "claude/work".into(),
            until: START.plus_ms(3_600_000),
            strikes: 1,
            reason: "5-hour limit".to_owned(),
        },
        BoardEvent::AccountCleared {
            account: "claude/work".into(),
        },
        BoardEvent::AccountLimited {
            account: "codex/home".into(),
            until: START.plus_ms(7_200_000),
            strikes: 2,
            reason: "no reset was said".to_owned(),
        },
    ]);
    units(&mut script);
    good_run(&mut script);
    failed_run(&mut script);
    cancelled_run(&mut script);
    script.batches
}

fn units(script: &mut Script) {
    script.unit(
        UNIT,
        [UnitEvent::Created(Box::new(UnitCreated {
            chunk: "lock-leak".to_owned(),
            phase: UnitPhase::Goal,
            status: UnitStatus::Ready,
            blocked_by: Vec::new(),
            priority: 5,
            project: Some(PROJECT),
            order: Some(UnitOrder {
                flow: "review".into(),
                question: "Is the lock released?".to_owned(),
                size: Size::Large,
                fast: false,
                agent: Some("claude".into()),
                model: None,
                extra: BTreeMap::from([("branch".to_owned(), Value::from("main"))]),
            }),
        }))],
    );
    script.unit(
        OTHER_UNIT,
        [UnitEvent::Created(Box::new(UnitCreated {
            chunk: "docs".to_owned(),
            phase: UnitPhase::Plan,
            status: UnitStatus::Blocked,
            blocked_by: vec!["lock-leak".to_owned()],
            priority: 0,
            project: None,
            order: None,
        }))],
    );
    script.unit(
        OTHER_UNIT,
        [
            UnitEvent::PriorityChanged { priority: 9 },
            UnitEvent::Renamed {
                chunk: "manual".to_owned(),
            },
            UnitEvent::BlockersChanged {
                blocked_by: Vec::new(),
            },
            UnitEvent::StatusChanged {
                from: UnitStatus::Blocked,
                to: UnitStatus::Ready,
                reason: "nothing blocks it".to_owned(),
                forced: false,
            },
            UnitEvent::PhaseChanged {
                from: UnitPhase::Plan,
                to: UnitPhase::Implement,
            },
            UnitEvent::StatusChanged {
                from: UnitStatus::Ready,
                to: UnitStatus::Done,
                reason: "by hand".to_owned(),
                forced: true,
            },
            UnitEvent::Deleted,
        ],
    );
}

fn good_run(script: &mut Script) {
    let first = StepKey::item("angles", 0);
    let second = StepKey::item("angles", 1);
    let (fold, approve) = (StepKey::only("fold"), StepKey::only("approve"));
    script.batch(vec![
        (
            Stream::Board,
            vec![Event::Board(BoardEvent::UnitClaimed { unit: UNIT, run: RUN })],
        ),
        (
            Stream::Unit(UNIT),
            vec![
                Event::Unit(UnitEvent::RunAssigned { run: RUN }),
                Event::Unit(UnitEvent::StatusChanged {
                    from: UnitStatus::Ready,
                    to: UnitStatus::Running,
                    reason: "claimed".to_owned(),
                    forced: false,
                }),
            ],
        ),
        (
            Stream::Run(RUN),
            vec![
                Event::Run(started("calm-otter", Some(UNIT))),
                Event::Run(planned(&[first.clone(), second.clone()])),
                Event::Run(RunEvent::StepsLeftOut {
                    steps: vec!["merge".into()],
                }),
            ],
        ),
    ]);
    let task = |key: &StepKey, serial| TaskId::of(RUN, key, serial);
    script.run(
        RUN,
        [
            ordered(RUN, &first, Role::Work, 1),
            ordered(RUN, &second, Role::Work, 1),
        ],
    );
    script.run(
        RUN,
        [task_started(task(&first, 1)), task_started(task(&second, 1))],
    );
    script.run(
        RUN,
        [
            RunEvent::Paused { by: "ada".to_owned() },
            RunEvent::Resumed { by: "ada".to_owned() },
        ],
    );
    let failed = Ending::Failed {
        class: FailureClass::Transient,
        reason: "the provider said 529".to_owned(),
    };
    script.run(
        RUN,
        [
            ended(task(&first, 1), failed),
            RunEvent::RetryScheduled {
                key: first.clone(),
                failures: 1,
                not_before: START.plus_ms(30_000),
            },
        ],
    );
    script.run(
        RUN,
        [ended(
            task(&second, 1),
            Ending::Interrupted {
                reason: "the daemon died".to_owned(),
            },
        )],
    );
    script.run(
        RUN,
        [ordered(RUN, &first, Role::Work, 2), task_started(task(&first, 2))],
    );
    let parked = Ending::Parked {
        account: "claude/work".into(),
        until: Some(START.plus_ms(3_600_000)),
        reason: "5-hour limit".to_owned(),
    };
    script.run(
        RUN,
        [
            ended(task(&first, 2), parked),
            RunEvent::AgentChanged {
                key: first.clone(),
                agent: "codex".into(),
            },
        ],
    );
    for key in [&first, &second] {
        let (work, gate) = (task(key, 3), task(key, 4));
        script.run(RUN, [ordered(RUN, key, Role::Work, 3), task_started(work)]);
        let done = Ending::Completed {
            output: findings(),
            change: Some(change()),
        };
        script.run(
            RUN,
            [
                ended(work, done),
                ordered(RUN, key, Role::Gate, 4),
                task_started(gate),
            ],
        );
        let passed = Ending::Completed {
            output: Value::Null,
            change: None,
        };
        let output = if key.item == Some(0) {
            findings()
        } else {
            Value::from(long_text())
        };
        script.run(
            RUN,
            [
                ended(gate, passed),
                RunEvent::StepCompleted {
                    key: key.clone(),
                    output,
                    change: Some(change()),
                },
            ],
        );
    }
    script.run(
        RUN,
        [
            RunEvent::LinePublished { head: "c".repeat(40) },
            planned(std::slice::from_ref(&fold)),
            RunEvent::StepCompleted {
                key: fold,
                output: findings(),
                change: None,
            },
            RunEvent::DefinitionDrifted {
                found: "beef".repeat(16),
            },
            planned(std::slice::from_ref(&approve)),
        ],
    );
    let (asked, raised) = attention(RUN, 1, Some(approve.clone()), AttentionKind::Approval);
    let (moot, also_raised) = attention(RUN, 2, None, AttentionKind::Review);
    script.run(RUN, [raised, also_raised]);
    script.run(
        RUN,
        [
            RunEvent::AttentionAnswered {
                attention: asked,
                choice: Choice::Approve,
                text: "go on".to_owned(),
                by: "ada".to_owned(),
            },
            RunEvent::StepSkipped {
                key: approve,
                by: "ada".to_owned(),
            },
            RunEvent::AttentionWithdrawn { attention: moot },
        ],
    );
    script.batch(vec![
        (
            Stream::Run(RUN),
            vec![Event::Run(RunEvent::Completed {
                report: "# Report\n".to_owned() + &long_text(),
            })],
        ),
        (
            Stream::Board,
            vec![Event::Board(BoardEvent::ClaimReleased { unit: UNIT })],
        ),
        (
            Stream::Unit(UNIT),
            vec![Event::Unit(UnitEvent::StatusChanged {
                from: UnitStatus::Running,
                to: UnitStatus::Done,
                reason: "the run completed".to_owned(),
                forced: false,
            })],
        ),
    ]);
}

fn failed_run(script: &mut Script) {
    let check = StepKey::only("check");
    let task = |serial| TaskId::of(FAILED_RUN, &check, serial);
    script.run(
        FAILED_RUN,
        [
            started("brave-heron", None),
            planned(std::slice::from_ref(&check)),
        ],
    );
    let failed = || Ending::Failed {
        class: FailureClass::Permanent,
        reason: "exit code 1".to_owned(),
    };
    let step_failed = || RunEvent::StepFailed {
        key: check.clone(),
        reason: "the command failed".to_owned(),
    };
    let run_failed = || RunEvent::Failed {
        reason: "`check` failed".to_owned(),
        report: "# Half a report".to_owned(),
    };
    script.run(
        FAILED_RUN,
        [ordered(FAILED_RUN, &check, Role::Work, 1), task_started(task(1))],
    );
    script.run(
        FAILED_RUN,
        [ended(task(1), failed()), step_failed(), run_failed()],
    );
    script.run(
        FAILED_RUN,
        [RunEvent::StepReopened {
            key: check.clone(),
            by: "ada".to_owned(),
        }],
    );
    script.run(
        FAILED_RUN,
        [ordered(FAILED_RUN, &check, Role::Work, 2), task_started(task(2))],
    );
    script.run(
        FAILED_RUN,
        [ended(task(2), failed()), step_failed(), run_failed()],
    );
}

fn cancelled_run(script: &mut Script) {
    let check = StepKey::only("check");
    let task = TaskId::of(CANCELLED_RUN, &check, 1);
    script.run(
        CANCELLED_RUN,
        [started("lost-lynx", None), planned(std::slice::from_ref(&check))],
    );
    script.run(
        CANCELLED_RUN,
        [ordered(CANCELLED_RUN, &check, Role::Work, 1), task_started(task)],
    );
    script.run(
        CANCELLED_RUN,
        [RunEvent::CancelRequested { by: "ada".to_owned() }],
    );
    script.run(
        CANCELLED_RUN,
        [
            ended(task, Ending::Cancelled),
            RunEvent::StepCancelled { key: check },
            RunEvent::Cancelled,
        ],
    );
}

fn change() -> Change {
    Change {
        base: "b".repeat(40),
        head: "c".repeat(40),
        files: 2,
        insertions: 30,
        deletions: 4,
    }
}

fn findings() -> Value {
    Value::map([(
        "items",
        Value::List(vec![
            Value::from("the lock leaks"),
            Value::Null,
            Value::Bool(true),
        ]),
    )])
}

fn attention(run: RunId, serial: u32, key: Option<StepKey>, kind: AttentionKind) -> (AttentionId, RunEvent) {
    let id = AttentionId::of(run, serial);
    let item = Attention {
        id,
        kind,
        key,
        title: "Which database?".to_owned(),
        body: "There are two.".to_owned(),
        choices: vec![Choice::Retry, Choice::Skip, Choice::Cancel],
        trusts: Some("c0de".repeat(16)),
    };
    (id, RunEvent::AttentionRaised(Box::new(item)))
}
