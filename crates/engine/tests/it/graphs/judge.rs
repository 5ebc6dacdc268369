//! Reads a run's history and says when it went out of order. Knows nothing of the run's own state.

use domain::{Name, Plan, Role, RunEvent, StepKey, StepKind, TaskId, Trigger};
use std::collections::{BTreeMap, BTreeSet};

/// How a step instance stands, by what was recorded of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Open,
    Well,
    Badly,
}

/// What the history says. It knows nothing of the run's own state.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) instances: BTreeMap<StepKey, Stands>,
    left_out: BTreeSet<Name>,
    pub(super) live: BTreeSet<TaskId>,
    pub(super) is_cancelled: bool,
    pub(super) is_over: bool,
    pub(super) hits: Hits,
}

/// What took place, and how often.
pub(super) type Hits = BTreeMap<&'static str, u64>;

impl Judge {
    /// Hears what happened next.
    pub(super) fn hear(&mut self, plan: &Plan, event: &RunEvent) {
        assert!(
            !self.is_over || matches!(event, RunEvent::StepReopened { .. }) || self.instances.is_empty(),
            "after the end: {event:?}"
        );
        match event {
            RunEvent::StepsPlanned { steps } => {
                let planned = steps.iter().map(|step| (step.key.clone(), Stands::Open));
                self.instances.extend(planned);
            }
            RunEvent::StepsLeftOut { steps } => self.left_out.extend(steps.iter().cloned()),
            RunEvent::TaskOrdered(order) => {
                assert!(!self.is_cancelled, "a cancelled run begins {}", order.key);
                assert_eq!(
                    self.instances.get(&order.key),
                    Some(&Stands::Open),
                    "{}",
                    order.key
                );
                // A gate, or an answer, may come when somebody has opened a parent again since the work began.
                if order.role == Role::Work {
                    self.parents_have_ended(plan, &order.key);
                }
                self.live.insert(order.task);
                self.hit("begun");
            }
            RunEvent::TaskEnded { task, .. } => {
                assert!(self.live.remove(task), "a task ends once, after it began");
            }
            RunEvent::StepCompleted { key, .. } => {
                let is_at_once = plan
                    .step(&key.step)
                    .is_some_and(|step| step.kind == StepKind::Fold);
                if is_at_once {
                    self.parents_have_ended(plan, key);
                }
                self.stands(key, Stands::Well);
            }
            RunEvent::StepSkipped { key, .. } => {
                self.stands(key, Stands::Well);
                self.hit("skipped");
            }
            RunEvent::StepFailed { key, .. } => {
                self.stands(key, Stands::Badly);
                self.hit("step failed");
            }
            RunEvent::StepCancelled { key } => self.stands(key, Stands::Badly),
            RunEvent::StepReopened { key, .. } => {
                self.is_over = false;
                self.stands(key, Stands::Open);
                self.hit("reopened");
            }
            RunEvent::CancelRequested { .. } => {
                self.is_cancelled = true;
                self.hit("cancelled");
            }
            RunEvent::Completed { .. } | RunEvent::Failed { .. } | RunEvent::Cancelled => {
                assert_eq!(self.live, BTreeSet::new(), "a run ends after its tasks");
                let is_open = |stands: &&Stands| **stands == Stands::Open;
                assert_eq!(
                    self.instances.values().filter(is_open).count(),
                    0,
                    "and after its steps"
                );
                self.is_over = true;
            }
            _ => {}
        }
    }

    fn hit(&mut self, what: &'static str) {
        *self.hits.entry(what).or_default() += 1;
    }

    fn stands(&mut self, key: &StepKey, how: Stands) {
        self.instances.insert(key.clone(), how);
    }

    /// How each step stands: it has ended, it is open, or what came before never lets it begin, which is an end as well.
    fn verdicts<'p>(&self, plan: &'p Plan) -> BTreeMap<&'p Name, Stands> {
        let mut verdicts = BTreeMap::new();
        for step in &plan.steps {
            let of_step = self.instances.iter().filter(|(key, _)| key.step == step.id);
            let own: Vec<Stands> = of_step.map(|(_, stands)| *stands).collect();
            let parents: Vec<Stands> = step.needs.iter().map(|need| verdicts[need]).collect();
            let is_hopeless = match step.trigger {
                Trigger::AllSuccess => parents.contains(&Stands::Badly),
                Trigger::OneSuccess => {
                    let has_none = !parents.contains(&Stands::Open) && !parents.contains(&Stands::Well);
                    has_none && !parents.is_empty()
                }
                Trigger::AllDone => false,
            };
            let has_ended = !own.is_empty() && !own.contains(&Stands::Open);
            let stands = match has_ended {
                true if own.contains(&Stands::Badly) => Stands::Badly,
                true => Stands::Well,
                false if is_hopeless => Stands::Badly,
                false if self.left_out.contains(&step.id) => Stands::Well,
                false => Stands::Open,
            };
            verdicts.insert(&step.id, stands);
        }
        verdicts
    }

    /// No step begins before its trigger has heard enough of its parents.
    fn parents_have_ended(&mut self, plan: &Plan, key: &StepKey) {
        let step = plan.step(&key.step).expect("steps are of the plan");
        let verdicts = self.verdicts(plan);
        let parents: Vec<Stands> = step.needs.iter().map(|need| verdicts[need]).collect();
        let is_right = match step.trigger {
            Trigger::AllSuccess => parents.iter().all(|parent| *parent == Stands::Well),
            Trigger::AllDone => !parents.contains(&Stands::Open),
            Trigger::OneSuccess => parents.is_empty() || parents.contains(&Stands::Well),
        };
        assert!(
            is_right,
            "{key} goes by {:?} although its parents are {parents:?}",
            step.trigger
        );
        if !parents.is_empty() {
            self.hit("parent");
        }
    }
}
