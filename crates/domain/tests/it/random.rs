//! Histories at random: whatever arrives in whatever order, replaying what happened gives what is.

use crate::common::*;
use domain::{Choice, Ending, FailureClass, Input, PlanStep, Run, StepKey, StepKind, Trigger};

/// A small generator (SplitMix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

fn steps(rng: &mut Rng) -> Vec<PlanStep> {
    let names = ["a", "b", "c", "d"];
    let count = 1 + rng.below(names.len());
    (0..count)
        .map(|index| {
            let needs: Vec<&str> = names[..index]
                .iter()
                .copied()
                .filter(|_| rng.below(2) == 0)
                .collect();
            let kinds = [
                StepKind::Agent,
                StepKind::Agent,
                StepKind::Fold,
                StepKind::Approval,
            ];
            let mut step = step(names[index], kinds[rng.below(4)], &needs);
            step.trigger = [Trigger::AllSuccess, Trigger::AllDone, Trigger::OneSuccess][rng.below(3)];
            step.gate = rng.below(3) == 0;
            step.retry.max = u32::try_from(rng.below(3)).unwrap();
            if step.kind == StepKind::Agent && rng.below(4) == 0 {
                step.each = expression("size.angles");
            }
            step
        })
        .collect()
}

fn input(rng: &mut Rng, run: &Run) -> Option<Input> {
    let keys: Vec<StepKey> = run.steps().keys().cloned().collect();
    let tasks: Vec<_> = run.tasks().keys().copied().collect();
    let any_key = |rng: &mut Rng| (!keys.is_empty()).then(|| keys[rng.below(keys.len())].clone());
    Some(match rng.below(12) {
        0..=4 => Input::Admitted {
            key: any_key(rng)?,
            prompt: if rng.below(20) == 0 {
                Err("no".to_owned())
            } else {
                Ok("do".to_owned())
            },
        },
        5..=7 if !tasks.is_empty() => {
            let endings = [
                done(),
                done(),
                failed(FailureClass::Transient),
                failed(FailureClass::Missing),
                interrupted(),
                parked(None),
                Ending::Cancelled,
            ];
            task_ended(
                tasks[rng.below(tasks.len())],
                endings[rng.below(endings.len())].clone(),
            )
        }
        8 => {
            let item = run.attention().values().next()?;
            Input::Answered {
                attention: item.id,
                choice: [
                    Choice::Retry,
                    Choice::Skip,
                    Choice::Approve,
                    Choice::Reject,
                    Choice::Cancel,
                ][rng.below(5)],
                text: "so".to_owned(),
                by: by(),
            }
        }
        9 => Input::Skip {
            key: any_key(rng)?,
            by: by(),
        },
        10 => Input::Retry { key: None, by: by() },
        11 => match rng.below(12) {
            0 => Input::Cancel { by: by() },
            1..=3 => Input::Pause { by: by() },
            4..=6 => Input::Resume { by: by() },
            _ => Input::Reported {
                report: "# report".to_owned(),
            },
        },
        _ => return None,
    })
}

#[test]
fn replaying_what_happened_gives_what_is() {
    let mut happened = 0;
    for seed in 0..3_000 {
        let mut rng = Rng(seed);
        let mut tale = Tale::of(steps(&mut rng));
        for now in 0..60 {
            if let Some(input) = input(&mut rng, &tale.run) {
                happened += usize::from(tale.when(input, at(now)).is_ok());
            }
        }
        assert_eq!(
            Run::replay(RUN, &tale.history).as_ref(),
            Some(&tale.run),
            "seed {seed}"
        );
        assert_eq!(tale.run.seq(), tale.history.len() as u64, "seed {seed}");
    }
    assert!(happened > 15_000, "{happened} inputs were taken");
}
