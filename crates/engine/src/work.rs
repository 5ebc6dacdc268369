//! Does a task from beginning to end and reports how it went, or buries one that an earlier life left behind.

use crate::board;
use crate::faults::{Control, CrashPoint, is_off, reach};
use crate::judge::StepCheck;
use crate::ports::{AgentEnd, BeginError, Begun, Place, PlaceSpec, TaskFile, WorkOrder, WorkspaceError};
use crate::secrets;
use crate::shared::Shared;
use domain::planted::{self, Bug};
use domain::{
    Access, BoardInput, Change, ChatId, Ending, FailureClass, FlowRef, Merge, Name, Network, ProcessIdentity,
    Role, Run, RunId, StepKey, StepKind, TaskId, Usage,
};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How long to wait before a limit that could not be stored is tried again.
const NOTE_PAUSE_MS: u64 = 1_000;

pub(crate) const BROKEN: &str = "a defect of the daemon ended it; its log says more";

/// What whatever is under way tells its keeper.
pub(crate) enum Report {
    /// The task's process waits; dropping `go` ends it.
    Spawned {
        task: TaskId,
        process: ProcessIdentity,
        go: oneshot::Sender<()>,
    },
    /// The task's process and all it started are gone, or never were.
    Ended {
        task: TaskId,
        ending: Ending,
        usage: Usage,
    },
    /// A merge is done.
    Merged { key: StepKey, merge: Merge },
    /// The branch was moved, or not.
    Published(Result<String, String>),
    /// What the run kept outside the history was let go of, or a later life has to.
    Released { is_done: bool },
}

#[cfg(feature = "testkit")]
impl Report {
    /// The same news once more, where that can be.
    pub(crate) fn copy(&self) -> Option<Self> {
        match self {
            Self::Spawned { .. } | Self::Released { .. } => None,
            Self::Ended { task, ending, usage } => Some(Self::Ended {
                task: *task,
                ending: ending.clone(),
                usage: *usage,
            }),
            Self::Merged { key, merge } => Some(Self::Merged {
                key: key.clone(),
                merge: merge.clone(),
            }),
            Self::Published(result) => Some(Self::Published(result.clone())),
        }
    }
}

/// A task to be done.
pub(crate) struct Job {
    run: RunId,
    task: TaskId,
    role: Role,
    kind: StepKind,
    title: String,
    agent: Name,
    flow: FlowRef,
    place: PlaceSpec,
    order: OrderParts,
}

struct OrderParts {
    chat: ChatId,
    model: Option<String>,
    network: Network,
    prompt: String,
    files: Vec<TaskFile>,
    timeout_ms: u64,
    idle_timeout_ms: u64,
}

impl Job {
    /// The job of a task that was just ordered.
    pub(crate) fn of(
        run: &Run,
        task: TaskId,
        project: PathBuf,
        files: Vec<TaskFile>,
        prompt: String,
    ) -> Self {
        let known = &run.tasks()[&task];
        let plan = run
            .plan_of(&known.key)
            .expect("tasks belong to steps of the plan");
        let is_command = known.role == Role::Gate || plan.kind == StepKind::Command;
        Self {
            run: run.id(),
            task,
            role: known.role,
            kind: plan.kind,
            title: plan.title.clone(),
            agent: known.agent.clone(),
            flow: run.start().flow.clone(),
            place: PlaceSpec {
                project,
                run: run.id(),
                key: known.key.clone(),
                access: plan.access,
                base: run.line().to_owned(),
                fresh: false,
            },
            order: OrderParts {
                chat: known.key.chat(run.id()),
                model: if is_command {
                    None
                } else {
                    run.model_of(&known.key)
                },
                // What an agent may reach is not said of the command that checks it.
                network: if known.role == Role::Gate {
                    Network::None
                } else {
                    plan.network
                },
                prompt,
                files,
                timeout_ms: plan.timeout_ms,
                idle_timeout_ms: plan.idle_timeout_ms,
            },
        }
    }
}

/// Begins a task; the returned sender stops it.
pub(crate) fn begin(shared: Arc<Shared>, job: Job) -> oneshot::Sender<()> {
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        let mut reporter = Reporter::new(&shared, job.run, job.task);
        let (ending, usage) = do_task(&shared, &job, stopped).await;
        // An account's limit is told to the board in the agent's words, too.
        let ending = secrets::of_ending(shared.ports.transcripts.as_ref(), ending);
        let ending = settle_account(&shared, &job.agent, ending).await;
        reporter.ended(ending, usage);
    });
    stop
}

/// Makes sure that nothing of a task of an earlier life is alive, then reports it lost.
pub(crate) fn bury(shared: Arc<Shared>, run: RunId, task: TaskId, process: Option<ProcessIdentity>) {
    tokio::spawn(async move {
        let mut reporter = Reporter::new(&shared, run, task);
        if !planted::is(Bug::LeftoversLive) {
            shared.ports.agents.end_leftover(task, process).await;
        }
        reach(CrashPoint::AfterLeftover);
        reporter.ended(interrupted("the daemon was restarted"), Usage::default());
    });
}

/// Reports a task's end exactly once, even when what does the task breaks.
struct Reporter {
    shared: Arc<Shared>,
    run: RunId,
    task: TaskId,
    is_done: bool,
}

impl Reporter {
    fn new(shared: &Arc<Shared>, run: RunId, task: TaskId) -> Self {
        Self {
            shared: Arc::clone(shared),
            run,
            task,
            is_done: false,
        }
    }

    fn ended(&mut self, ending: Ending, usage: Usage) {
        if !std::mem::replace(&mut self.is_done, true) {
            self.shared.ports.transcripts.close(self.task);
            let report = Report::Ended {
                task: self.task,
                ending,
                usage,
            };
            self.shared.report(self.run, report);
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        // A runtime that goes away takes everything with it; only a panic here leaves a daemon that must know.
        if std::thread::panicking() {
            self.ended(interrupted(BROKEN), Usage::default());
        }
    }
}

fn interrupted(reason: &str) -> Ending {
    Ending::Interrupted {
        reason: reason.to_owned(),
    }
}

fn failed(class: FailureClass, reason: impl Into<String>) -> Ending {
    Ending::Failed {
        class,
        reason: reason.into(),
    }
}

async fn do_task(shared: &Arc<Shared>, job: &Job, stopped: oneshot::Receiver<()>) -> (Ending, Usage) {
    reach(CrashPoint::AfterOrder);
    let mut stopped = Box::pin(async move {
        // A keeper that is gone leaves its tasks to the runtime that goes with it.
        let _ = stopped.await;
    });
    let begun = tokio::select! {
        biased;
        () = &mut stopped => return (Ending::Cancelled, Usage::default()),
        begun = begin_process(shared, job) => begun,
    };
    let (place, begun) = match begun {
        Ok(begun) => begun,
        Err(ending) => return (ending, Usage::default()),
    };
    let Begun { process, running } = begun;
    reach(CrashPoint::AfterSpawn);
    let (go, may_go) = oneshot::channel();
    shared.report(
        job.run,
        Report::Spawned {
            task: job.task,
            process,
            go,
        },
    );
    tokio::select! {
        biased;
        may_go = may_go => if may_go.is_err() {
            return (Ending::Cancelled, Usage::default());
        },
        () = &mut stopped => return (Ending::Cancelled, Usage::default()),
    }
    let AgentEnd { ending, usage } = running.finish(stopped).await;
    reach(CrashPoint::AfterExit);
    let ending = keep_what_came(shared, job, place, ending).await;
    reach(CrashPoint::AfterHarvest);
    (ending, usage)
}

/// Everything up to a process that waits: asked first, so that nothing is made for an agent that is not there.
async fn begin_process(shared: &Arc<Shared>, job: &Job) -> Result<(Place, Begun), Ending> {
    let ports = &shared.ports;
    if !is_off(Control::AskedFirst) {
        let ready = ports.agents.ready(&job.agent, job.place.access).await;
        ready.map_err(not_begun)?;
    }
    let place = ports
        .workspaces
        .prepare(job.place.clone())
        .await
        .map_err(no_place)?;
    reach(CrashPoint::AfterPlace);
    let setup = match (job.role, job.place.access) {
        (Role::Work, Access::Write) => ports.definitions.setup(&job.flow),
        (Role::Work, Access::Read) | (Role::Gate, _) => Ok(None),
    };
    let setup = setup.map_err(|error| failed(FailureClass::Missing, error.to_string()))?;
    let order = WorkOrder {
        task: job.task,
        chat: job.order.chat,
        run: job.run,
        key: job.place.key.clone(),
        agent: job.agent.clone(),
        model: job.order.model.clone(),
        place: place.path.clone(),
        readable: place.readable.clone(),
        access: job.place.access,
        network: job.order.network,
        prompt: job.order.prompt.clone(),
        files: job.order.files.clone(),
        timeout_ms: job.order.timeout_ms,
        idle_timeout_ms: job.order.idle_timeout_ms,
        setup,
        check: Arc::new(StepCheck {
            definitions: Arc::clone(&ports.definitions),
            flow: job.flow.clone(),
            step: job.place.key.step.clone(),
            tree: place.path.clone(),
            is_free: job.role == Role::Gate,
        }),
        transcripts: Arc::clone(&ports.transcripts),
    };
    let begun = ports.agents.begin(order).await.map_err(not_begun)?;
    Ok((place, begun))
}

fn not_begun(error: BeginError) -> Ending {
    let class = match &error {
        BeginError::Missing(_) | BeginError::Unenforceable(_) => FailureClass::Missing,
        BeginError::LoggedOut(_) => FailureClass::Authentication,
        BeginError::NoSpace(_) => FailureClass::NoSpace,
        BeginError::Failed(_) => FailureClass::Transient,
    };
    failed(class, error.to_string())
}

fn no_place(error: WorkspaceError) -> Ending {
    let class = match &error {
        WorkspaceError::NoSpace(_) => FailureClass::NoSpace,
        WorkspaceError::Missing(_) => FailureClass::Missing,
        WorkspaceError::Tampered(_) | WorkspaceError::Leaks(_) | WorkspaceError::BranchMoved { .. } => {
            FailureClass::AccessViolated
        }
        WorkspaceError::Failed(_) => FailureClass::Transient,
    };
    failed(class, error.to_string())
}

/// What a task that did its work leaves behind: nothing for a reader, one commit for a writer.
async fn keep_what_came(shared: &Arc<Shared>, job: &Job, place: Place, ending: Ending) -> Ending {
    let is_command = job.role == Role::Gate || job.kind == StepKind::Command;
    let output = match ending {
        Ending::Completed { output, .. } => output,
        // A command that ran and said no is a check that did not pass.
        Ending::Failed {
            class: FailureClass::Permanent,
            reason,
        } if is_command => {
            return failed(FailureClass::Gate, reason);
        }
        other => return other,
    };
    let kept = match (job.role, job.place.access) {
        (Role::Gate, _) => Ok(None),
        (Role::Work, Access::Read) => unchanged(shared, place).await,
        (Role::Work, Access::Write) => harvest(shared, job, place).await,
    };
    match kept {
        Ok(change) => Ending::Completed { output, change },
        Err(ending) => ending,
    }
}

async fn unchanged(shared: &Arc<Shared>, place: Place) -> Result<Option<Change>, Ending> {
    let changed = shared.ports.workspaces.changed(place).await.map_err(no_place)?;
    if changed.is_empty() || is_off(Control::TreeCompared) {
        return Ok(None);
    }
    let shown = changed
        .iter()
        .take(20)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    Err(failed(
        FailureClass::AccessViolated,
        format!("it had no write access, yet these files changed: {shown}"),
    ))
}

async fn harvest(shared: &Arc<Shared>, job: &Job, place: Place) -> Result<Option<Change>, Ending> {
    let message = format!(
        "{}\n\nFlow: {}\nStep: {}\nTask: {}\n",
        job.title, job.flow.name, job.place.key, job.task
    );
    shared
        .ports
        .workspaces
        .harvest(place, job.task, message)
        .await
        .map_err(no_place)
}

/// An account that met its limit parks all its tasks; one that worked again no longer does. Stored before the task's
/// own end, so that no crash forgets a limit. Says until when the account is believed to be parked.
async fn settle_account(shared: &Arc<Shared>, agent: &Name, ending: Ending) -> Ending {
    match ending {
        Ending::Parked {
            account,
            until,
            reason,
        } => {
            let limited = || BoardInput::Limited {
                account: account.clone(),
                until,
                reason: reason.clone(),
            };
            while !planted::is(Bug::LimitAfterEnd) && !note(shared, limited()).await {
                let clock = &shared.ports.clock;
                clock.sleep_until(clock.now().plus_ms(NOTE_PAUSE_MS)).await;
            }
            reach(CrashPoint::AfterLimit);
            let until = shared.board().accounts.get(&account).map(|limit| limit.until);
            Ending::Parked {
                account,
                until,
                reason,
            }
        }
        Ending::Completed { .. } => {
            let account = shared.account(agent);
            let now = shared.ports.clock.now();
            let is_over = shared
                .board()
                .accounts
                .get(&account)
                .is_some_and(|limit| limit.until <= now || planted::is(Bug::LimitLifted));
            if is_over {
                // The next task that does its work says so again.
                note(shared, BoardInput::Worked { account }).await;
            }
            ending
        }
        Ending::Failed { .. } | Ending::Interrupted { .. } | Ending::Cancelled => ending,
    }
}

/// Whether the board has stored it, or had no need to.
async fn note(shared: &Arc<Shared>, input: BoardInput) -> bool {
    let (done, stored) = oneshot::channel();
    if shared
        .to_board
        .send(board::Message::Note { input, done })
        .is_err()
    {
        // A board that is gone takes the daemon with it.
        return true;
    }
    stored.await.unwrap_or(true)
}
