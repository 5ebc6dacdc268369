//! Agents that follow a script, and the processes they leave behind when a daemon dies.
//!
//! The machine counts every effect outside of the engine, and writes down what must never be: that is how a
//! simulation knows better than the history.

use super::{Disk, Life, lock};
use crate::ports::{AgentEnd, Agents, BeginError, Begun, Clock, Entry, EntryKind, Later, Running, WorkOrder};
use domain::{
    Access, Ending, Event, FailureClass, Moment, Name, ProcessIdentity, RunEvent, RunId, StepKey, Stream,
    TaskId, Usage,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// How a task goes.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Why its process cannot be begun.
    pub refusal: Option<BeginError>,
    /// How long its process takes to exist.
    pub begins_ms: u64,
    /// How long it works.
    pub lasts_ms: u64,
    /// Its final message: judged like any other, and the output when `ending` is a completion.
    pub says: Option<String>,
    /// How it ends when nobody stops it.
    pub ending: Ending,
    /// What it uses.
    pub usage: Usage,
    /// How long it ignores being stopped.
    pub stops_ms: u64,
    /// How long after its end the end is reported.
    pub reports_ms: u64,
    /// Whether its process outlives the daemon until somebody ends it.
    pub survives: bool,
}

impl Scene {
    /// It works for a while and completes with these words.
    #[must_use]
    pub fn says(words: &str, lasts_ms: u64) -> Self {
        Self {
            refusal: None,
            begins_ms: 1,
            lasts_ms,
            says: Some(words.to_owned()),
            ending: Ending::Completed {
                output: words.into(),
                change: None,
            },
            usage: Usage::default(),
            stops_ms: 1,
            reports_ms: 0,
            survives: false,
        }
    }

    /// It works for a while and ends like this.
    #[must_use]
    pub fn ends(ending: Ending, lasts_ms: u64) -> Self {
        Self {
            says: None,
            ending,
            ..Self::says("", lasts_ms)
        }
    }
}

/// What tasks do.
pub trait Script: Send + Sync {
    /// Whether the agent could begin right now.
    fn ready(&self, _agent: &Name, _access: Access) -> Result<(), BeginError> {
        Ok(())
    }

    /// How this task goes, begun now.
    fn scene(&self, order: &WorkOrder, now: Moment) -> Scene;
}

impl<F: Fn(&WorkOrder, Moment) -> Scene + Send + Sync> Script for F {
    fn scene(&self, order: &WorkOrder, now: Moment) -> Scene {
        self(order, now)
    }
}

/// A process, dead or alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Whose.
    pub run: RunId,
    /// Whose.
    pub key: StepKey,
    /// Who it is.
    pub identity: ProcessIdentity,
    /// Which life of the daemon started it.
    pub life: u64,
    /// When it came to be.
    pub begun_at: Moment,
    /// When it was let go.
    pub released_at: Option<Moment>,
    /// When it was gone.
    pub gone_at: Option<Moment>,
}

/// All processes, of all lives.
#[derive(Default)]
pub struct Machine {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lives: u64,
    processes: BTreeMap<TaskId, Process>,
    alive: BTreeMap<TaskId, bool>,
    wrongs: Vec<String>,
    slots: Option<usize>,
}

/// How a process comes to be.
struct Birth {
    /// Whether it outlives its daemon.
    survives: bool,
    /// Which life of the daemon begins it.
    life: u64,
    now: Moment,
}

impl Machine {
    /// All processes there ever were.
    #[must_use]
    pub fn processes(&self) -> BTreeMap<TaskId, Process> {
        lock(&self.state).processes.clone()
    }

    /// Processes of a run that are alive.
    #[must_use]
    pub fn alive_of(&self, run: RunId) -> Vec<TaskId> {
        let state = lock(&self.state);
        let alive = state.alive.keys();
        alive
            .copied()
            .filter(|task| state.processes[task].run == run)
            .collect()
    }

    /// Whether a task's process is alive.
    #[must_use]
    pub fn is_alive(&self, task: TaskId) -> bool {
        lock(&self.state).alive.contains_key(&task)
    }

    /// How many processes are alive.
    #[must_use]
    pub fn alive(&self) -> usize {
        lock(&self.state).alive.len()
    }

    /// What was seen that must never be.
    #[must_use]
    pub fn wrongs(&self) -> Vec<String> {
        lock(&self.state).wrongs.clone()
    }

    /// Writes down something that must never be.
    pub fn accuse(&self, wrong: String) {
        lock(&self.state).wrongs.push(wrong);
    }

    /// No more processes than this may be alive at once.
    pub fn limit(&self, slots: usize) {
        lock(&self.state).slots = Some(slots);
    }

    fn begin(&self, disk: &Disk, order: &WorkOrder, birth: Birth) -> ProcessIdentity {
        let Birth { survives, life, now } = birth;
        let is_order = |event: &Event| matches!(event, Event::Run(RunEvent::TaskOrdered(known)) if known.task == order.task);
        let is_ordered = disk.holds(Stream::Run(order.run), is_order);
        let mut state = lock(&self.state);
        let mut wrongs = Vec::new();
        if !is_ordered {
            wrongs.push("effects-after-commit: a process of a task that is not in the history");
        }
        if state.processes.contains_key(&order.task) {
            wrongs.push("one-process: a task got two processes");
        }
        let others: Vec<&Process> = state.alive.keys().map(|task| &state.processes[task]).collect();
        if others
            .iter()
            .any(|other| other.run == order.run && other.key == order.key)
        {
            wrongs.push("one-process: two processes of one step instance at once");
        }
        if others.iter().any(|other| other.life < life) {
            wrongs.push("leftovers: begun while a process of an earlier life is alive");
        }
        if state.slots.is_some_and(|slots| others.len() >= slots) {
            wrongs.push("slots: more processes than slots");
        }
        let wrongs: Vec<String> = wrongs
            .iter()
            .map(|wrong| {
                format!(
                    "{wrong}: {} of {} at {now}; alive: {:?}",
                    order.key,
                    order.run,
                    state.alive.keys().collect::<Vec<_>>()
                )
            })
            .collect();
        state.wrongs.extend(wrongs);
        let count = state.processes.len();
        let identity = ProcessIdentity {
            pid: u32::try_from(count + 100).unwrap_or(u32::MAX),
            start_ticks: now.as_ms(),
            boot_id: "boot".to_owned(),
        };
        state.processes.insert(
            order.task,
            Process {
                run: order.run,
                key: order.key.clone(),
                identity: identity.clone(),
                life,
                begun_at: now,
                released_at: None,
                gone_at: None,
            },
        );
        state.alive.insert(order.task, survives);
        identity
    }

    fn release(&self, disk: &Disk, run: RunId, task: TaskId, now: Moment) {
        let is_start = |event: &Event| matches!(event, Event::Run(RunEvent::TaskStarted { task: known, .. }) if *known == task);
        let is_stored = disk.holds(Stream::Run(run), is_start);
        let mut state = lock(&self.state);
        if !is_stored {
            let wrong = format!("effects-after-commit: let go before its start was stored: {task}");
            state.wrongs.push(wrong);
        }
        if let Some(process) = state.processes.get_mut(&task) {
            process.released_at = Some(now);
        }
    }

    fn gone(&self, task: TaskId, now: Moment) {
        let mut state = lock(&self.state);
        if state.alive.remove(&task).is_some()
            && let Some(process) = state.processes.get_mut(&task)
        {
            process.gone_at = Some(now);
        }
    }

    /// The daemon died: so does every process that does not outlive it.
    pub fn daemon_died(&self, now: Moment) {
        let dying: Vec<TaskId> = {
            let state = lock(&self.state);
            let alive = state.alive.iter();
            alive
                .filter(|(_, survives)| !**survives)
                .map(|(task, _)| *task)
                .collect()
        };
        dying.into_iter().for_each(|task| self.gone(task, now));
    }

    fn is_someone_else(&self, task: TaskId, process: Option<&ProcessIdentity>) -> bool {
        let state = lock(&self.state);
        let known = state.processes.get(&task).map(|known| &known.identity);
        matches!((known, process), (Some(known), Some(process)) if known != process)
    }
}

/// Agents as one life of a daemon reaches them.
pub struct FakeAgents {
    shared: Arc<Shared>,
    script: Arc<dyn Script>,
    leftover_ms: AtomicU64,
}

struct Shared {
    machine: Arc<Machine>,
    disk: Arc<Disk>,
    life: Life,
    clock: Arc<dyn Clock>,
    number: u64,
}

impl Shared {
    async fn wait(&self, ms: u64) {
        self.clock.sleep_until(self.clock.now().plus_ms(ms)).await;
        self.life.go_on().await;
    }
}

impl FakeAgents {
    /// Agents that follow a script.
    #[must_use]
    pub fn new(
        machine: &Arc<Machine>,
        disk: &Arc<Disk>,
        life: &Life,
        clock: &Arc<dyn Clock>,
        script: Arc<dyn Script>,
    ) -> Self {
        let number = {
            let mut state = lock(&machine.state);
            state.lives += 1;
            state.lives
        };
        Self {
            shared: Arc::new(Shared {
                machine: Arc::clone(machine),
                disk: Arc::clone(disk),
                life: life.clone(),
                clock: Arc::clone(clock),
                number,
            }),
            script,
            leftover_ms: AtomicU64::new(10),
        }
    }

    /// How long a process that an earlier life left behind takes to be ended.
    #[must_use]
    pub fn with_leftover_ms(self, ms: u64) -> Self {
        self.leftover_ms.store(ms, Ordering::Relaxed);
        self
    }
}

impl Agents for FakeAgents {
    fn ready(&self, agent: &Name, access: Access) -> Later<'_, Result<(), BeginError>> {
        let ready = self.script.ready(agent, access);
        Box::pin(async move {
            self.shared.life.go_on().await;
            ready
        })
    }

    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            shared.life.go_on().await;
            let now = shared.clock.now();
            let scene = self.script.scene(&order, now);
            if let Some(refusal) = scene.refusal {
                return Err(refusal);
            }
            let process = shared.machine.begin(
                &shared.disk,
                &order,
                Birth {
                    survives: scene.survives,
                    life: shared.number,
                    now,
                },
            );
            let held = Held {
                shared: Arc::clone(&shared),
                task: order.task,
            };
            if scene.begins_ms > 0 {
                shared.wait(scene.begins_ms).await;
            }
            Ok(Begun {
                process,
                running: Box::new(Actor { held, scene, order }),
            })
        })
    }

    fn end_leftover(&self, task: TaskId, process: Option<ProcessIdentity>) -> Later<'_, ()> {
        Box::pin(async move {
            self.shared.life.go_on().await;
            if self.shared.machine.is_someone_else(task, process.as_ref()) {
                let wrong = format!("leftovers: another process was to be ended for {task}");
                lock(&self.shared.machine.state).wrongs.push(wrong);
            }
            self.shared.wait(self.leftover_ms.load(Ordering::Relaxed)).await;
            self.shared.machine.gone(task, self.shared.clock.now());
        })
    }

    fn account(&self, agent: &Name) -> Name {
        Name::from(format!("{agent}/main"))
    }

    fn forget_run(&self, _run: RunId) -> Later<'_, ()> {
        Box::pin(self.shared.life.go_on())
    }
}

/// A process ends when its holder is dropped, unless the whole daemon died.
struct Held {
    shared: Arc<Shared>,
    task: TaskId,
}

impl Held {
    fn gone(&self) {
        self.shared.machine.gone(self.task, self.shared.clock.now());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.shared.life.is_over() {
            self.gone();
        }
    }
}

struct Actor {
    held: Held,
    scene: Scene,
    order: WorkOrder,
}

impl Running for Actor {
    fn finish(self: Box<Self>, stop: Later<'static, ()>) -> Later<'static, AgentEnd> {
        Box::pin(self.play(stop))
    }
}

impl Actor {
    async fn play(self: Box<Self>, stop: Later<'static, ()>) -> AgentEnd {
        let shared = Arc::clone(&self.held.shared);
        shared.life.go_on().await;
        let now = shared.clock.now();
        shared
            .machine
            .release(&shared.disk, self.order.run, self.order.task, now);
        self.say("at work");
        let done_at = now.plus_ms(self.scene.lasts_ms);
        let is_stopped = tokio::select! {
            biased;
            () = stop => true,
            () = shared.clock.sleep_until(done_at) => false,
        };
        shared.life.go_on().await;
        let ending = if is_stopped {
            shared.wait(self.scene.stops_ms).await;
            Ending::Cancelled
        } else {
            self.ending()
        };
        self.held.gone();
        shared.wait(self.scene.reports_ms).await;
        let usage = self.scene.usage;
        AgentEnd { ending, usage }
    }

    fn ending(&self) -> Ending {
        match (&self.scene.ending, &self.scene.says) {
            (Ending::Completed { .. }, Some(words)) => {
                self.say(words);
                match self.order.check.check(words) {
                    Ok(output) => Ending::Completed { output, change: None },
                    Err(reason) => Ending::Failed {
                        class: FailureClass::Output,
                        reason,
                    },
                }
            }
            (ending, _) => ending.clone(),
        }
    }

    fn say(&self, words: &str) {
        self.order.transcripts.append(Entry {
            chat: self.order.chat,
            task: self.order.task,
            kind: EntryKind::Text(words.to_owned()),
        });
    }
}
