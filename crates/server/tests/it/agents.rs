//! Agents that do what their name says, when the test lets them: `quick`, `held`, `failing`; `absent` is not there.

use domain::{Access, Ending, FailureClass, Name, ProcessIdentity, RunId, TaskId, Usage};
use engine::ports::{
    AgentEnd, Agents, BeginError, Begun, Entry, EntryKind, Later, Running, ToolStatus, Transcripts, WorkOrder,
};
use std::sync::Arc;
use tokio::sync::watch;

/// All agents of a test.
pub(crate) struct Actors {
    pub(crate) gate: watch::Receiver<bool>,
    pub(crate) transcripts: Arc<dyn Transcripts>,
}

struct Actor {
    order: WorkOrder,
    gate: watch::Receiver<bool>,
    transcripts: Arc<dyn Transcripts>,
}

impl Agents for Actors {
    fn ready(&self, agent: &Name, _access: Access) -> Later<'_, Result<(), BeginError>> {
        let answer = match agent.as_str() {
            "absent" => Err(BeginError::Missing("`absent` is not installed".to_owned())),
            "stranger" => Err(BeginError::LoggedOut("`stranger` is not logged in".to_owned())),
            _ => Ok(()),
        };
        Box::pin(async move { answer })
    }

    fn begin(&self, order: WorkOrder) -> Later<'_, Result<Begun, BeginError>> {
        let process = ProcessIdentity {
            pid: 4_242,
            start_ticks: 1,
            boot_id: "boot".to_owned(),
        };
        let (gate, transcripts) = (self.gate.clone(), Arc::clone(&self.transcripts));
        let running = Box::new(Actor {
            order,
            gate,
            transcripts,
        });
        Box::pin(async move {
            Ok(Begun {
                process,
                running: running as Box<dyn Running>,
            })
        })
    }

    fn end_leftover(&self, _task: TaskId, _process: Option<ProcessIdentity>) -> Later<'_, ()> {
        Box::pin(async {})
    }

    fn account(&self, agent: &Name) -> Name {
        Name::from(format!("{agent}/default"))
    }

    fn forget_run(&self, _run: RunId) -> Later<'_, ()> {
        Box::pin(async {})
    }
}

/// Every agent says this many words, each with the name of its step.
pub(crate) const WORDS: usize = 20;

impl Actor {
    fn say(&self, kind: EntryKind) {
        let (chat, task) = (self.order.chat, self.order.task);
        self.transcripts.append(Entry { chat, task, kind });
    }

    async fn act(&mut self) -> Ending {
        self.say(EntryKind::Prompt(self.order.prompt.clone()));
        for _ in 0..WORDS {
            self.say(EntryKind::Text(format!("{} ", self.order.key)));
            tokio::task::yield_now().await;
        }
        self.say(EntryKind::Tool {
            id: "call-1".to_owned(),
            title: "Read a file".to_owned(),
            status: ToolStatus::Completed,
            detail: String::new(),
        });
        self.say(EntryKind::Permission {
            title: "write a file".to_owned(),
            allowed: false,
            rule: "access is read".to_owned(),
        });
        self.say(EntryKind::MessageEnd);
        if self.order.agent.as_str() == "held" {
            let _ = self.gate.wait_for(|is_open| *is_open).await;
        }
        if self.order.agent.as_str() == "failing" && !*self.gate.borrow() {
            let reason = "it gave up".to_owned();
            return Ending::Failed {
                class: FailureClass::Permanent,
                reason,
            };
        }
        let words = format!("{} is done", self.order.key);
        match self.order.check.check(&words) {
            Ok(output) => Ending::Completed { output, change: None },
            Err(reason) => Ending::Failed {
                class: FailureClass::Output,
                reason,
            },
        }
    }
}

impl Running for Actor {
    fn finish(mut self: Box<Self>, stop: Later<'static, ()>) -> Later<'static, AgentEnd> {
        Box::pin(async move {
            let ending = tokio::select! {
                ending = self.act() => ending,
                () = stop => Ending::Cancelled,
            };
            let usage = Usage {
                input_uncached: 10,
                input_cached: 5,
                output: 3,
                cost_micros: Some(7),
            };
            self.transcripts.close(self.order.task);
            AgentEnd { ending, usage }
        })
    }
}
