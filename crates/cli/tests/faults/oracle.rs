//! The judge: reads what is on the disk, in the table of processes and in the file of effects, and what was
//! acknowledged. It never asks the daemon.

use crate::person::{Ack, Person};
use crate::world::{World, await_that};
use api::RunStatus;
use domain::{Choice, Ending, Event, Role, RunEvent, RunId, Stream, TaskId, UnitEvent};
use engine::ports::Recorded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::Home;

/// What the disk says after a daemon's end.
pub(crate) struct Seen {
    pub(crate) history: Vec<Recorded>,
    /// Each task and the step instance that it is an attempt at.
    pub(crate) tasks: BTreeMap<TaskId, Known>,
    /// The task of each effect, and where it stands in the file.
    pub(crate) effects: Vec<(u64, TaskId)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) run: RunId,
    pub(crate) key: String,
    pub(crate) role: Role,
    pub(crate) is_started: bool,
    pub(crate) is_completed: bool,
    pub(crate) is_ended: bool,
}

/// How many tasks are under way, as far as the history says.
pub(crate) fn live_tasks(history: &[Recorded]) -> usize {
    let mut tasks = BTreeMap::new();
    for recorded in history {
        if let (Stream::Run(run), Event::Run(event)) = (recorded.stream, &recorded.event) {
            note_task(&mut tasks, run, event);
        }
    }
    tasks
        .values()
        .filter(|task| !task.is_ended && task.is_started)
        .count()
}

/// What was under way in the moment of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The life had stored nothing yet.
    Starting,
    /// It had not yet buried the tasks of an earlier life.
    Recovering,
    /// A task was ordered, and its process not known.
    Ordered,
    /// A task was at work, before its effect.
    Working,
    /// A task's effect had happened, and its end was not stored.
    Effect,
    /// A gate was being checked.
    Checking,
    /// No task was under way, and a run went on: a merge, a move of the branch, a step between two tasks.
    Between,
}

/// Follows the history from death to death.
#[derive(Default)]
pub(crate) struct Watch {
    position: u64,
    /// Each task with the position of its order.
    tasks: BTreeMap<TaskId, (u64, Known)>,
    open_runs: BTreeSet<RunId>,
    effects: BTreeSet<TaskId>,
    /// Tasks that were ordered while tasks of an earlier life were still taken for live.
    pub(crate) early: Vec<TaskId>,
}

impl Watch {
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// How many tasks have not ended.
    pub(crate) fn live(&self) -> usize {
        self.tasks.values().filter(|(_, known)| !known.is_ended).count()
    }

    /// Reads what the last life left.
    pub(crate) fn look(&mut self, world: &World) {
        let home = Home::at(world.home());
        let is_there = home.database().exists();
        let history = if is_there {
            store::read_history(&home, self.position)
        } else {
            return;
        };
        let life = self.position;
        for recorded in history.unwrap_or_default() {
            self.position = recorded.position;
            let (Stream::Run(run), Event::Run(event)) = (recorded.stream, &recorded.event) else {
                continue;
            };
            match event {
                RunEvent::Started(_) | RunEvent::StepReopened { .. } => drop(self.open_runs.insert(run)),
                RunEvent::Completed { .. } | RunEvent::Failed { .. } | RunEvent::Cancelled => {
                    self.open_runs.remove(&run);
                }
                _ => {}
            }
            let mut noted = BTreeMap::new();
            if let RunEvent::TaskStarted { task, .. } | RunEvent::TaskEnded { task, .. } = event {
                noted.insert(*task, self.tasks[task].1.clone());
            }
            note_task(&mut noted, run, event);
            if let RunEvent::TaskOrdered(ordered) = event {
                let is_left = |(at, known): &(u64, Known)| *at <= life && !known.is_ended;
                self.early
                    .extend(self.tasks.values().any(is_left).then_some(ordered.task));
            }
            for (task, known) in noted {
                let at = self.tasks.get(&task).map_or(recorded.position, |(at, _)| *at);
                self.tasks.insert(task, (at, known));
            }
        }
        let text = std::fs::read_to_string(world.effects()).unwrap();
        self.effects = text.lines().filter_map(|line| line.parse().ok()).collect();
    }

    /// What was under way when the life ended that began behind a position.
    pub(crate) fn phases(&self, before: u64) -> BTreeSet<Phase> {
        let live = self.tasks.iter().filter(|(_, (_, known))| !known.is_ended);
        let mut phases: BTreeSet<Phase> = live
            .map(|(task, (ordered_at, known))| match known {
                _ if *ordered_at <= before => Phase::Recovering,
                known if !known.is_started => Phase::Ordered,
                known if known.role == Role::Gate => Phase::Checking,
                _ if self.effects.contains(task) => Phase::Effect,
                _ => Phase::Working,
            })
            .collect();
        if self.position == before {
            phases.insert(Phase::Starting);
        }
        let is_busy = |run: &&RunId| {
            let mut tasks = self.tasks.values();
            tasks.any(|(_, known)| known.run == **run && !known.is_ended)
        };
        if self.open_runs.iter().any(|run| !is_busy(&run)) {
            phases.insert(Phase::Between);
        }
        phases
    }
}

/// How many tasks the history takes for live; of a dead daemon, those that the next has to bury.
pub(crate) fn unburied(world: &World) -> usize {
    let mut watch = Watch::default();
    watch.look(world);
    watch.live()
}

/// The processes that carry the mark of one of these tasks.
pub(crate) fn alive(tasks: &BTreeSet<String>) -> Vec<u32> {
    let mut alive = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let mut entries = environment.split(|byte| *byte == 0);
        let mark = entries.find_map(|entry| entry.strip_prefix(b"PARTITA_TASK="));
        if mark.is_some_and(|mark| tasks.contains(&*String::from_utf8_lossy(mark))) {
            alive.push(pid);
        }
    }
    alive
}

impl Seen {
    /// Reads everything. The daemon is dead.
    pub(crate) fn look(world: &World) -> Self {
        let home = Home::at(world.home());
        let history = if home.database().exists() {
            store::read_history(&home, 0).unwrap_or_default()
        } else {
            Vec::new()
        };
        let mut tasks = BTreeMap::new();
        for recorded in &history {
            if let (Stream::Run(run), Event::Run(event)) = (recorded.stream, &recorded.event) {
                note_task(&mut tasks, run, event);
            }
        }
        let text = std::fs::read_to_string(world.effects()).unwrap();
        let mut at = 0;
        let effects = text.lines().map(|line| {
            let place = at;
            at += line.len() as u64 + 1;
            (
                place,
                line.parse()
                    .unwrap_or_else(|_| panic!("an effect of no task: `{line}`")),
            )
        });
        Self {
            effects: effects.collect(),
            history,
            tasks,
        }
    }

    fn broken_effects(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut counts: BTreeMap<TaskId, u32> = BTreeMap::new();
        for (_, task) in &self.effects {
            *counts.entry(*task).or_default() += 1;
            if !self.tasks.contains_key(task) {
                broken.push(format!(
                    "task {task} had an effect, and the history does not know it"
                ));
            }
        }
        for (task, known) in &self.tasks {
            let count = counts.get(task).copied().unwrap_or(0);
            let is_counted = known.role == Role::Work && !known.key.starts_with("together");
            if count > 1 {
                broken.push(format!("task {task} of {} had {count} effects", known.key));
            }
            if is_counted && known.is_completed && count != 1 {
                broken.push(format!(
                    "task {task} of {} is complete without its effect",
                    known.key
                ));
            }
            if count > 0 && !known.is_started {
                broken.push(format!(
                    "task {task} of {} had its effect before it was known to run",
                    known.key
                ));
            }
        }
        broken
    }

    fn broken_acks(&self, acks: &[Ack]) -> Vec<String> {
        let mut broken = Vec::new();
        let facts = Facts::of(&self.history);
        for ack in acks {
            let is_kept = match ack {
                Ack::Completed {
                    run,
                    step,
                    item,
                    effects_bytes,
                } => {
                    let key = item.map_or_else(|| step.clone(), |item| format!("{step}[{item}]"));
                    let run = RunId::from_bits(run.bits());
                    broken.extend(self.effects_after(run, &key, *effects_bytes));
                    facts.completed.contains(&(run, key))
                }
                Ack::Ended(run, status) => facts.ended.get(&run.bits()) == Some(status),
                Ack::Started(run) => facts.started.contains(&run.bits()),
                Ack::Answered(item) => facts.answered.contains(&item.bits()),
                Ack::Created(chunk) => facts.created.contains(chunk),
                Ack::Cancelled(run) => facts.cancelled.contains(&run.bits()),
            };
            if !is_kept {
                broken.push(format!("acknowledged and lost: {ack:?}"));
            }
        }
        broken
    }

    /// Work of a step that was done after the step was known to be complete.
    fn effects_after(&self, run: RunId, key: &str, bytes: u64) -> Vec<String> {
        let later = self.effects.iter().filter(|(at, _)| *at >= bytes);
        let of_step = later.filter(|(_, task)| {
            let known = self.tasks.get(task);
            known.is_some_and(|known| known.run == run && known.key == key)
        });
        of_step
            .map(|(_, task)| format!("{key} was complete, and task {task} worked on it"))
            .collect()
    }
}

fn note_task(tasks: &mut BTreeMap<TaskId, Known>, run: RunId, event: &RunEvent) {
    match event {
        RunEvent::TaskOrdered(ordered) => {
            let known = Known {
                run,
                key: ordered.key.to_string(),
                role: ordered.role,
                is_started: false,
                is_completed: false,
                is_ended: false,
            };
            tasks.insert(ordered.task, known);
        }
        RunEvent::TaskStarted { task, .. } => tasks.get_mut(task).unwrap().is_started = true,
        RunEvent::TaskEnded { task, ending, .. } => {
            let known = tasks.get_mut(task).unwrap();
            known.is_ended = true;
            known.is_completed = matches!(ending, Ending::Completed { .. });
        }
        _ => {}
    }
}

/// What the history says of what can be acknowledged.
#[derive(Default)]
struct Facts {
    completed: BTreeSet<(RunId, String)>,
    started: BTreeSet<u128>,
    ended: BTreeMap<u128, RunStatus>,
    cancelled: BTreeSet<u128>,
    answered: BTreeSet<u128>,
    created: BTreeSet<String>,
}

impl Facts {
    fn of(history: &[Recorded]) -> Self {
        let mut facts = Self::default();
        for recorded in history {
            match (recorded.stream, &recorded.event) {
                (Stream::Run(run), Event::Run(event)) => facts.take(run, event),
                (_, Event::Unit(UnitEvent::Created(created))) => {
                    facts.created.insert(created.chunk.clone());
                }
                _ => {}
            }
        }
        facts
    }

    fn take(&mut self, run: RunId, event: &RunEvent) {
        match event {
            RunEvent::Started(_) => drop(self.started.insert(run.bits())),
            RunEvent::StepCompleted { key, .. } => drop(self.completed.insert((run, key.to_string()))),
            RunEvent::StepReopened { key, .. } => drop(self.completed.remove(&(run, key.to_string()))),
            RunEvent::Completed { .. } => drop(self.ended.insert(run.bits(), RunStatus::Completed)),
            RunEvent::Failed { .. } => drop(self.ended.insert(run.bits(), RunStatus::Failed)),
            RunEvent::Cancelled => drop(self.ended.insert(run.bits(), RunStatus::Cancelled)),
            RunEvent::CancelRequested { .. } => drop(self.cancelled.insert(run.bits())),
            RunEvent::AttentionAnswered {
                attention, choice, ..
            } => {
                assert!(!matches!(choice, Choice::Dismiss), "nobody dismissed anything");
                self.answered.insert(attention.bits());
            }
            _ => {}
        }
    }
}

/// Everything that must hold after any death of the daemon.
#[track_caller]
pub(crate) fn judge(world: &World, person: &Person<'_>, what: &str) -> Seen {
    let home = Home::at(world.home());
    let mut broken = match home.database().exists() {
        true => store::verify(&home).unwrap_or_else(|error| panic!("{what}: {error}")),
        false => Vec::new(),
    };
    let seen = Seen::look(world);
    broken.extend(seen.broken_effects());
    broken.extend(seen.broken_acks(&person.acks));
    assert!(broken.is_empty(), "{what}: {broken:#?}\n{}", world.log());
    seen
}

/// Nothing that carries the mark of any task is alive; asked with a limit, for the kernel takes its moment.
#[track_caller]
pub(crate) fn judge_processes(seen: &Seen) {
    let tasks: BTreeSet<String> = seen.tasks.keys().map(ToString::to_string).collect();
    await_that(|| alive(&tasks).is_empty(), "no process of any task is alive");
}

/// What must not be there once a daemon has stopped gently.
#[track_caller]
pub(crate) fn judge_leftovers(world: &World) {
    let home = world.home();
    for name in ["orchestrator.pid", "orchestrator.sock"] {
        assert!(!home.join(name).exists(), "{name} is left");
    }
    let half_made = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Two are there on purpose: one that tells the agent's git no, and one that is held, not made, for a turn.
        let is_lock = name.ends_with(".lock") && name != "config.lock" && name != "partita.lock";
        is_lock || name.starts_with(".making-") || name.starts_with(".trash-")
    };
    for folder in [
        home.join("worktrees"),
        world.project().join(".git"),
        home.join("blobs/unfinished"),
    ] {
        let left: Vec<_> = walk(&folder).into_iter().filter(|path| half_made(path)).collect();
        assert!(left.is_empty(), "{left:#?}");
    }
    let unfinished = std::fs::read_dir(home.join("blobs/unfinished")).unwrap().count();
    assert_eq!(unfinished, 0, "no blob is half written");
}

/// Everything below, folders too.
pub(crate) fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                next.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}
