//! What the agents of a world do: mostly their work, sometimes everything else.

use domain::{Access, Ending, FailureClass, Moment, Name, Role, StepKey, Usage};
use engine::ports::{BeginError, WorkOrder};
use engine::testkit::{Git, Rng, Scene, Script};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// How long the slowest task ignores being stopped.
pub(super) const STOPS_MAX_MS: u64 = 4_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    /// So many of a thousand tasks do not complete.
    pub(super) trouble: u64,
    /// So many of a thousand processes outlive the daemon.
    pub(super) survives: u64,
    /// So many of a thousand tasks take very long.
    pub(super) long: u64,
}

pub(super) struct Actors {
    pub(super) rng: Rng,
    pub(super) mood: Mood,
    pub(super) git: Arc<Git>,
    pub(super) hits: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Actors {
    fn hit(&self, what: &'static str) {
        *self.hits.lock().unwrap().entry(what).or_default() += 1;
    }

    fn ending(&self, rng: &mut Rng, order: &WorkOrder, now: Moment) -> Ending {
        let is_command = order.agent.as_str() == "command";
        let failed = |class, reason: &str| Ending::Failed {
            class,
            reason: reason.to_owned(),
        };
        let classes = [
            FailureClass::Transient,
            FailureClass::Output,
            FailureClass::Timeout,
            FailureClass::Silence,
            FailureClass::NoSpace,
        ];
        match rng.below(20) {
            0..=7 => {
                self.hit("failed");
                failed(*rng.one_of(&classes), "it did not do")
            }
            8 => {
                self.hit("failed for good");
                failed(FailureClass::Permanent, "never")
            }
            9 => {
                self.hit("logged out");
                failed(FailureClass::Authentication, "not logged in")
            }
            10..=13 => {
                self.hit("interrupted");
                Ending::Interrupted {
                    reason: "a cable".to_owned(),
                }
            }
            _ if is_command => {
                self.hit("gate refused");
                failed(FailureClass::Permanent, "exit 1")
            }
            14..=16 => {
                self.hit("parked with reset");
                Ending::Parked {
                    account: Name::from(format!("{}/main", order.agent)),
                    until: Some(now.plus_ms(rng.between(1, 40) * 60_000)),
                    reason: "limit".to_owned(),
                }
            }
            17 => {
                self.hit("parked with a reset that has passed");
                Ending::Parked {
                    account: Name::from(format!("{}/main", order.agent)),
                    until: Some(Moment::from_ms(now.as_ms() - 60_000)),
                    reason: "limit".to_owned(),
                }
            }
            _ => {
                self.hit("parked without reset");
                Ending::Parked {
                    account: Name::from(format!("{}/main", order.agent)),
                    until: None,
                    reason: "limit".to_owned(),
                }
            }
        }
    }
}

impl Script for Actors {
    fn scene(&self, order: &WorkOrder, now: Moment) -> Scene {
        let mut rng = self.rng.fork(order.task.bits() as u64);
        let lasts_ms = match rng.below(1_000) {
            at if at < self.mood.long => rng.between(60_000, 300_000),
            at if at < 500 => rng.between(1, 50),
            _ => rng.between(50, 9_000),
        };
        let mut scene = Scene::says("done", lasts_ms);
        scene.begins_ms = rng.below(30);
        scene.stops_ms = if rng.in_thousand(300) {
            self.hit("slow stop");
            rng.between(500, STOPS_MAX_MS)
        } else {
            1
        };
        if rng.in_thousand(100) {
            self.hit("reported late");
            scene.reports_ms = rng.between(100, 3_000);
        }
        scene.survives = rng.in_thousand(self.mood.survives);
        scene.usage = Usage {
            output: 1,
            ..Usage::default()
        };
        if rng.in_thousand(self.mood.trouble) {
            scene.ending = self.ending(&mut rng, order, now.plus_ms(lasts_ms));
            scene.says = None;
        } else if rng.in_thousand(self.mood.trouble / 10) {
            self.hit("not begun");
            scene.refusal = Some(BeginError::Failed("no more processes".to_owned()));
        } else if order.access == Access::Read && rng.in_thousand(self.mood.trouble / 20) && is_work(order) {
            self.hit("a reader wrote");
            self.git.touch(order.run, &key_of(order));
        }
        scene
    }
}

fn is_work(order: &WorkOrder) -> bool {
    order.prompt.starts_with(&format!("{:?}", Role::Work))
}

fn key_of(order: &WorkOrder) -> StepKey {
    order.key.clone()
}
