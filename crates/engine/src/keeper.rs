//! Keeps one run going: takes what arrives, decides, stores, and only then acts.
//!
//! Owns: the run in memory and the handles of what is under way for it. Start-up and recovery are this same path: a
//! keeper reads the history, compares what must be under way with what is, and carries on.
//! Leaves out: what may happen (`domain`), how a task is done (`work`), who gets a slot (`domain::admit`).

use crate::ports::{
    AdvanceSpec, Append, Batch, CommitError, Idempotency, MergeSpec, PromptAsk, Rendered, TaskFile,
};
use crate::shared::Shared;
use crate::work::{self, Job, Report};
use crate::{EngineError, Health, board};
use domain::{
    Begin, BoardInput, Duty, Event, Input, Moment, Phase, Run, RunEvent, RunId, StepKey, Stream, TaskId,
    Trusted, Want, decide, duties, follow, next_wake,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many messages are decided on before they are stored together.
const TURN_MAX: usize = 512;
/// How long to wait before a full disk is tried again.
const FULL_PAUSE_MS: u64 = 1_000;

/// What a keeper is sent.
pub(crate) enum Message {
    /// A person's wish, and the way to answer it.
    Command(Box<Command>),
    /// News of what is under way.
    Report(Report),
    /// A slot for what this step instance owes.
    Admitted(StepKey),
    /// Look at what is owed: the run is new, its time has come, or the daemon has just started.
    Look,
    /// Stop what is under way and leave.
    Drain,
}

pub(crate) struct Command {
    pub(crate) input: Input,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) answer: Answer,
}

/// The way back to whoever asked.
pub(crate) type Answer = oneshot::Sender<Result<(), EngineError>>;

impl Message {
    /// Whether it must reach the run even while the daemon stops.
    pub(crate) const fn is_owed(&self) -> bool {
        match self {
            Self::Report(_) => true,
            Self::Command(_) | Self::Admitted(_) | Self::Look | Self::Drain => false,
        }
    }

    pub(crate) fn refuse(self) {
        if let Self::Command(command) = self {
            // Whoever asked may have left.
            let _ = command.answer.send(Err(EngineError::Stopping));
        }
    }
}

pub(crate) async fn keep(shared: Arc<Shared>, id: RunId, inbox: mpsc::UnboundedReceiver<Message>) {
    let mut guard = LostKeeper {
        shared: Arc::clone(&shared),
        run: id,
        is_armed: true,
    };
    let mut keeper = Keeper {
        shared,
        id,
        inbox,
        run: None,
        under_way: BTreeMap::new(),
        told: BTreeMap::new(),
        again: VecDeque::new(),
        is_draining: false,
        is_checked: false,
    };
    keeper.work_until_idle().await;
    guard.is_armed = false;
}

/// A keeper that panics must not leave a run that nobody can reach.
struct LostKeeper {
    shared: Arc<Shared>,
    run: RunId,
    is_armed: bool,
}

impl Drop for LostKeeper {
    fn drop(&mut self) {
        if self.is_armed {
            self.shared.board().forget(self.run);
            self.shared.lost(self.run);
        }
    }
}

struct Keeper {
    shared: Arc<Shared>,
    id: RunId,
    inbox: mpsc::UnboundedReceiver<Message>,
    run: Option<Run>,
    /// What is being done, by what it is for.
    under_way: BTreeMap<Effort, Handle>,
    /// What the tasks that were ordered in this life are told, until they begin.
    told: BTreeMap<StepKey, Rendered>,
    /// What must be decided on again because it could not be stored.
    again: VecDeque<Message>,
    is_draining: bool,
    /// Whether the definition was compared with what its name stands for now.
    is_checked: bool,
}

/// What something under way is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    /// A task.
    Task(TaskId),
    /// A merge step.
    Merge(StepKey),
    /// The run's branch.
    Publish,
}

struct Handle {
    /// The step instance whose slot it holds.
    key: Option<StepKey>,
    stop: Option<oneshot::Sender<()>>,
}

/// What one turn of messages led to, to be stored and then carried out.
#[derive(Default)]
struct Turn {
    events: Vec<RunEvent>,
    idempotency: Option<Idempotency>,
    answers: Vec<(Answer, Result<(), EngineError>)>,
    /// Slots to give back once stored.
    freed: Vec<StepKey>,
    /// Messages that must be decided on again if this is not stored.
    retained: Vec<Message>,
    /// Tasks whose start is in `events`.
    go: Vec<(TaskId, oneshot::Sender<()>)>,
}

impl Keeper {
    async fn work_until_idle(&mut self) {
        loop {
            let Some(first) = self.next_message().await else {
                return;
            };
            if self.run.is_none()
                && let Err(error) = self.load().await
            {
                self.fail(first, error);
                continue;
            }
            let turn = self.take_turn(first);
            self.store_and_act(turn).await;
            if self.under_way.is_empty() && self.again.is_empty() && self.leave() {
                return;
            }
        }
    }

    async fn next_message(&mut self) -> Option<Message> {
        if let Some(message) = self.again.pop_front() {
            return Some(message);
        }
        self.inbox.recv().await
    }

    /// Reads the history. What it says is under way, but is not, was lost with an earlier life.
    async fn load(&mut self) -> Result<(), EngineError> {
        let recorded = self.shared.ports.store.load(Stream::Run(self.id), 0).await?;
        let events = recorded.iter().filter_map(|recorded| match &recorded.event {
            Event::Run(event) => Some(event),
            Event::Unit(_) | Event::Board(_) => None,
        });
        let run = Run::replay(self.id, events).ok_or(EngineError::UnknownRun(self.id))?;
        let hash = &run.start().flow.hash;
        if !self.shared.ports.definitions.has(hash) {
            let bundle = self.shared.ports.store.blob(hash.clone()).await?;
            self.shared.ports.definitions.restore(&bundle)?;
        }
        self.run = Some(run);
        Ok(())
    }

    fn fail(&mut self, message: Message, error: EngineError) {
        tracing::error!(run.id = %self.id, %error, "a run cannot be read");
        match message {
            Message::Command(command) => {
                // Whoever asked may have left.
                let _ = command.answer.send(Err(error));
            }
            Message::Admitted(key) => self.shared.board().give_back(self.id, &key),
            Message::Report(_) | Message::Look | Message::Drain => {}
        }
        if self.shared.may_leave(self.id, &self.inbox) {
            self.inbox.close();
        }
    }

    /// Decides on what has arrived, as much as may be stored together.
    fn take_turn(&mut self, first: Message) -> Turn {
        let mut turn = Turn::default();
        let now = self.shared.ports.clock.now();
        let mut next = Some(first);
        for _ in 0..TURN_MAX {
            let Some(message) = next.take() else { break };
            self.take(message, &mut turn, now);
            // A request that may be repeated is stored by itself, with its answer.
            if turn.idempotency.is_some() {
                break;
            }
            next = self.again.pop_front().or_else(|| self.inbox.try_recv().ok());
        }
        if let Some(message) = next {
            self.again.push_front(message);
        }
        self.check_definition(&mut turn, now);
        self.begin_what_is_owed(&mut turn, now);
        turn
    }

    fn run(&self) -> &Run {
        self.run
            .as_ref()
            .expect("a keeper loads its run before it takes a turn")
    }

    fn take(&mut self, message: Message, turn: &mut Turn, now: Moment) {
        match message {
            Message::Command(command) => {
                let Command {
                    input,
                    idempotency,
                    answer,
                } = *command;
                let result = self.decide(input, turn, now).map_err(EngineError::Refused);
                if result.is_ok() {
                    turn.idempotency = idempotency;
                }
                turn.answers.push((answer, result));
            }
            Message::Report(report) => self.take_report(report, turn, now),
            Message::Admitted(key) => self.admitted(key, turn, now),
            Message::Look => {}
            Message::Drain => self.is_draining = true,
        }
    }

    fn decide(&mut self, input: Input, turn: &mut Turn, now: Moment) -> Result<(), domain::Refusal> {
        let events = decide(self.run(), input, now)?;
        self.remember(events, turn);
        Ok(())
    }

    /// Applies events and all that follows from them.
    fn remember(&mut self, mut events: Vec<RunEvent>, turn: &mut Turn) {
        let run = self
            .run
            .as_mut()
            .expect("a keeper loads its run before it takes a turn");
        while !events.is_empty() {
            events.iter().for_each(|event| run.apply(event));
            turn.events.append(&mut events);
            events = follow(run);
        }
    }

    fn take_report(&mut self, report: Report, turn: &mut Turn, now: Moment) {
        match report {
            Report::Spawned { task, process, go } => {
                match self.decide(
                    Input::TaskSpawned {
                        task,
                        process: process.clone(),
                    },
                    turn,
                    now,
                ) {
                    Ok(()) => turn.go.push((task, go)),
                    // Dropping `go` ends the process before it began.
                    Err(refusal) => tracing::info!(run.id = %self.id, task.id = %task, %refusal, "not begun"),
                }
            }
            Report::Ended { task, ending, usage } => {
                self.under_way.remove(&Effort::Task(task));
                if let Some(task) = self.run().tasks().get(&task) {
                    turn.freed.push(task.key.clone());
                }
                let input = Input::TaskEnded {
                    task,
                    ending: ending.clone(),
                    usage,
                };
                turn.retained
                    .push(Message::Report(Report::Ended { task, ending, usage }));
                self.note_stale(input, turn, now);
            }
            Report::Merged { key, merge } => {
                self.under_way.remove(&Effort::Merge(key.clone()));
                self.note_stale(Input::Merged { key, merge }, turn, now);
            }
            Report::Published(result) => {
                self.under_way.remove(&Effort::Publish);
                let input = match result {
                    Ok(head) => Input::Published { head },
                    Err(reason) => Input::PublishFailed { reason },
                };
                self.note_stale(input, turn, now);
            }
        }
    }

    /// Reports come late or twice after a crash; the rules refuse those, and that is all there is to it.
    fn note_stale(&mut self, input: Input, turn: &mut Turn, now: Moment) {
        if let Err(refusal) = self.decide(input, turn, now) {
            tracing::debug!(run.id = %self.id, %refusal, "a stale report");
        }
    }

    fn admitted(&mut self, key: StepKey, turn: &mut Turn, now: Moment) {
        let is_wanted = !self.is_draining
            && duties(self.run())
                .iter()
                .any(|duty| matches!(duty, Duty::Begin(begin) if begin.key == key));
        let begun = is_wanted && self.order(&key, turn, now);
        if !begun {
            turn.freed.push(key);
        }
    }

    /// Renders what a task is told and decides on it. False when there is no task after all.
    fn order(&mut self, key: &StepKey, turn: &mut Turn, now: Moment) -> bool {
        let rendered = self.render(key).map_err(|error| error.to_string());
        let prompt = rendered
            .as_ref()
            .map(|rendered| rendered.prompt.clone())
            .map_err(Clone::clone);
        let is_task = prompt.is_ok();
        if let Ok(rendered) = rendered {
            self.told.insert(key.clone(), rendered);
        }
        self.decide(
            Input::Admitted {
                key: key.clone(),
                prompt,
            },
            turn,
            now,
        )
        .is_ok()
            && is_task
    }

    fn render(&self, key: &StepKey) -> Result<Rendered, crate::ports::DefinitionError> {
        let run = self.run();
        let step = run.step(key).expect("only planned steps are admitted");
        let role = match &step.state {
            domain::StepState::Checking { .. } => domain::Role::Gate,
            _ => domain::Role::Work,
        };
        let ask = PromptAsk {
            run,
            key,
            role,
            before: step.before.as_deref(),
        };
        self.shared.ports.definitions.render(ask)
    }

    /// Once per life: does the flow's name still stand for what the run follows?
    fn check_definition(&mut self, turn: &mut Turn, now: Moment) {
        if std::mem::replace(&mut self.is_checked, true) || self.run().phase() != Phase::Active {
            return;
        }
        let start = self.run().start();
        let path = self.project_path();
        let (name, size) = (start.flow.name.as_str(), start.input.size);
        let hash = self
            .shared
            .ports
            .definitions
            .current_hash(path.as_deref(), name, size, start.input.fast);
        let hash = hash.unwrap_or_default();
        let is_news = hash != start.flow.hash && !self.run().has_noticed_drift(&hash);
        if is_news {
            self.note_stale(Input::DefinitionFound { hash }, turn, now);
        }
    }

    fn project_path(&self) -> Option<std::path::PathBuf> {
        let board = self.shared.board();
        board
            .projects
            .get(&self.run().start().project)
            .map(|project| project.path.clone().into())
    }

    /// Asks for slots for what is owed, begins what got one, and renders the report when all is done.
    fn begin_what_is_owed(&mut self, turn: &mut Turn, now: Moment) {
        loop {
            let owed = duties(self.run());
            let wants: Vec<Want> = owed.iter().filter_map(|duty| self.want(duty)).collect();
            let freed = std::mem::take(&mut turn.freed);
            {
                let mut board = self.shared.board();
                freed.iter().for_each(|key| board.give_back(self.id, key));
            }
            let own = if self.is_draining {
                Vec::new()
            } else {
                self.shared.want(self.id, wants)
            };
            let is_over = owed.contains(&Duty::Report);
            if is_over {
                let report = self.shared.ports.definitions.report(self.run());
                let report =
                    report.unwrap_or_else(|error| format!("The report could not be rendered: {error}\n"));
                self.note_stale(Input::Reported { report }, turn, now);
            }
            if own.is_empty() {
                return;
            }
            for admission in own {
                if !self.order(&admission.key, turn, now) {
                    turn.freed.push(admission.key);
                }
            }
            // What was admitted but gave no task has its slot to give back, and others may now be owed.
            if turn.freed.is_empty() {
                return;
            }
        }
    }

    fn want(&self, duty: &Duty) -> Option<Want> {
        let Duty::Begin(Begin {
            key,
            agent,
            not_before,
            ..
        }) = duty
        else {
            return None;
        };
        let account = self.shared.account(agent);
        Some(Want {
            key: key.clone(),
            account,
            not_before: *not_before,
            priority: 0,
        })
    }

    async fn store_and_act(&mut self, turn: Turn) {
        let Turn {
            events,
            idempotency,
            answers,
            freed: _,
            retained,
            go,
        } = turn;
        if events.is_empty() {
            // What was refused is answered all the same.
            answers
                .into_iter()
                .for_each(|(answer, result)| drop(answer.send(result)));
            return self.act(go);
        }
        let appended = u64::try_from(events.len()).expect("a turn is short");
        let ended = self.ending(&events);
        let batch = Batch {
            at: self.shared.ports.clock.now(),
            appends: vec![Append {
                stream: Stream::Run(self.id),
                expected_seq: self.run().seq() - appended,
                events: events.into_iter().map(Event::Run).collect(),
            }],
            idempotency,
            wakes: vec![(self.id, self.wake())],
        };
        match self.shared.ports.store.commit(batch).await {
            Ok(committed) => {
                self.shared.publish(committed.position);
                self.shared.set_health(Health::Good);
                #[cfg(feature = "testkit")]
                (self.shared.probe.stored)(self.run());
                answers
                    .into_iter()
                    .for_each(|(answer, result)| drop(answer.send(result)));
                if let Some(message) = ended {
                    // The board outlives its keepers' messages; when it is gone, so is the daemon.
                    let _ = self.shared.to_board.send(message);
                }
                self.act(go);
            }
            Err(error) => self.not_stored(error, answers, retained).await,
        }
    }

    /// Nothing was stored: forget what was decided, answer those who asked, and decide again on what must not be lost.
    async fn not_stored(
        &mut self,
        error: CommitError,
        answers: Vec<(Answer, Result<(), EngineError>)>,
        retained: Vec<Message>,
    ) {
        tracing::warn!(run.id = %self.id, %error, "not stored");
        let why = EngineError::from(error.clone());
        answers
            .into_iter()
            .for_each(|(answer, result)| drop(answer.send(result.and(Err(why.clone())))));
        self.run = None;
        self.again.extend(retained);
        self.again.push_back(Message::Look);
        let busy: Vec<StepKey> = self
            .under_way
            .values()
            .filter_map(|handle| handle.key.clone())
            .collect();
        self.shared.board().forget_all_but(self.id, &busy);
        match error {
            CommitError::Full => {
                self.shared.set_health(Health::Full);
                let clock = &self.shared.ports.clock;
                clock.sleep_until(clock.now().plus_ms(FULL_PAUSE_MS)).await;
            }
            CommitError::Down(why) => {
                self.shared.set_health(Health::Down(why));
                // Only a new process helps; until it comes, nothing more is decided here.
                std::future::pending::<()>().await;
            }
            CommitError::Conflict(_) | CommitError::Repeated { .. } | CommitError::KeyReused => {}
        }
    }

    /// What the board must be told once these events are stored.
    fn ending(&self, events: &[RunEvent]) -> Option<board::Message> {
        let unit = self.run().start().unit;
        let run = self.id;
        if let Some(end) = events.iter().find_map(board::End::of) {
            let project = self.run().start().project;
            return Some(board::Message::RunEnded {
                run,
                project,
                unit,
                end,
            });
        }
        let is_reopened = |event: &RunEvent| matches!(event, RunEvent::StepReopened { .. });
        match unit {
            Some(unit) if events.iter().any(is_reopened) => Some(board::Message::RunReopened { run, unit }),
            Some(_) | None => None,
        }
    }

    /// Carries out what is owed and stored.
    fn act(&mut self, go: Vec<(TaskId, oneshot::Sender<()>)>) {
        for (_, go) in go {
            // A receiver that is gone belongs to a task that ended meanwhile; its report is on the way.
            let _ = go.send(());
        }
        if self.run.is_none() {
            return;
        }
        self.pass_on_trust();
        for duty in duties(self.run()) {
            match duty {
                Duty::Work { task } if self.is_draining => self.stop(task),
                Duty::Work { task } => self.ensure(task),
                Duty::Stop { task } => {
                    self.ensure(task);
                    self.stop(task);
                }
                Duty::Merge { key, onto, heads } if !self.is_draining => self.merge(key, onto, heads),
                Duty::Publish { from, to } if !self.is_draining => self.publish(from, to),
                Duty::Begin(_) | Duty::Report | Duty::Merge { .. } | Duty::Publish { .. } => {}
            }
        }
    }

    /// What a person trusts for this run is trusted for all. Said until the board knows, so that no crash forgets it.
    fn pass_on_trust(&self) {
        let Some(Trusted { hash, by }) = self.run().trusted() else {
            return;
        };
        if self.shared.board().approved.contains(hash) {
            return;
        }
        let input = BoardInput::ApproveCommands {
            hash: hash.clone(),
            by: by.clone(),
        };
        let (answer, _) = oneshot::channel();
        // A board that is gone takes the daemon with it.
        let _ = self.shared.to_board.send(board::Message::Change {
            input,
            idempotency: None,
            answer,
        });
    }

    /// A task that must be under way is, or is begun, or is found to have been lost.
    fn ensure(&mut self, task: TaskId) {
        if self.under_way.contains_key(&Effort::Task(task)) {
            return;
        }
        let key = self.run().tasks()[&task].key.clone();
        let handle = match self.job(task) {
            Some(job) => work::begin(Arc::clone(&self.shared), job),
            None => {
                let process = self.run().tasks()[&task].process.clone();
                work::bury(Arc::clone(&self.shared), self.id, task, process)
            }
        };
        self.under_way.insert(
            Effort::Task(task),
            Handle {
                key: Some(key),
                stop: Some(handle),
            },
        );
    }

    /// The job of a task that was ordered by this very life of the keeper; none for one from an earlier life.
    fn job(&mut self, task: TaskId) -> Option<Job> {
        let run = self.run.as_ref()?;
        let known = &run.tasks()[&task];
        let Rendered { prompt, files } = self.told.remove(&known.key)?;
        let files = files
            .into_iter()
            .map(|(name, content)| TaskFile { name, content })
            .collect();
        let project = self.project_path()?;
        Some(Job::of(run, task, project, files, prompt))
    }

    fn stop(&mut self, task: TaskId) {
        let handle = self.under_way.get_mut(&Effort::Task(task));
        if let Some(stop) = handle.and_then(|handle| handle.stop.take()) {
            // A task that is ending by itself needs no stop.
            let _ = stop.send(());
        }
    }

    fn merge(&mut self, key: StepKey, onto: String, heads: Vec<String>) {
        let effort = Effort::Merge(key.clone());
        let Some(project) = self.project_path() else {
            return;
        };
        if self.under_way.contains_key(&effort) {
            return;
        }
        work::merge(
            Arc::clone(&self.shared),
            self.id,
            key,
            MergeSpec {
                project,
                run: self.id,
                onto,
                heads,
            },
        );
        self.under_way.insert(
            effort,
            Handle {
                key: None,
                stop: None,
            },
        );
    }

    fn publish(&mut self, from: Option<String>, to: String) {
        let Some(project) = self.project_path() else {
            return;
        };
        if self.under_way.contains_key(&Effort::Publish) {
            return;
        }
        let slug = self.run().start().slug.clone();
        work::publish(
            Arc::clone(&self.shared),
            self.id,
            AdvanceSpec {
                project,
                slug,
                from,
                to,
            },
        );
        self.under_way.insert(
            Effort::Publish,
            Handle {
                key: None,
                stop: None,
            },
        );
    }

    /// When the run must be told the time, as stored: what is due already needs no clock.
    fn wake(&self) -> Option<Moment> {
        next_wake(self.run(), self.shared.ports.clock.now())
    }

    /// Nothing is in hand: leaves memory to others. What waits for a slot waits on the board, what waits for a moment
    /// with the timer.
    fn leave(&mut self) -> bool {
        if let Some(run) = &self.run {
            let now = self.shared.ports.clock.now();
            let wake = if self.is_draining || matches!(run.phase(), Phase::Ended(_)) {
                self.shared.board().forget(self.id);
                None
            } else {
                self.shared.board().leave_to_time(self.id, now)
            };
            self.shared.wakes.set(self.id, wake);
        }
        self.shared.may_leave(self.id, &self.inbox)
    }
}
