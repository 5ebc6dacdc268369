//! A person who wants things, reads the feed, answers what is asked, and remembers what the daemon acknowledged.

use crate::daemon::Daemon;
use crate::world::{PATIENCE, World};
use api::{
    Answer, Attention, AttentionId, AttentionState, Client, ClientError, Cursor, Feed, FeedAsk, Frame,
    IdempotencyKey, NewRun, NewRunInput, NewWorkUnit, RunId, RunStatus, Size, StepStatus, Topic,
    WorkUnitOrder,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Something that the daemon said was so. It must be so ever after.
#[derive(Clone, Debug)]
pub(crate) enum Ack {
    /// A step instance is done; and so many bytes of effects had been written by then.
    Completed {
        run: RunId,
        step: String,
        item: Option<u32>,
        effects_bytes: u64,
    },
    Ended(RunId, RunStatus),
    Started(RunId),
    Answered(AttentionId),
    Created(String),
    Cancelled(RunId),
}

/// Something that is asked for until it is acknowledged, under one key.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    key: IdempotencyKey,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Run(&'static str, Size),
    Unit(String, Option<String>),
    Answer(Box<Attention>),
    Cancel(RunId),
}

/// How a while with a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum While {
    Died,
    Done,
}

pub(crate) struct Person<'w> {
    world: &'w World,
    cursor: Cursor,
    wishes: VecDeque<Wish>,
    pub(crate) acks: Vec<Ack>,
    /// Runs that were begun for us, and how they are.
    pub(crate) runs: BTreeMap<RunId, RunStatus>,
    /// Runs that were to be cancelled; one may have come to its end before.
    unwanted: BTreeSet<RunId>,
    /// Every position that the feed told, so that none is told twice.
    told: BTreeSet<(u64, String)>,
    /// Whether what asks for a yes gets one.
    pub(crate) answers: bool,
    units: u32,
}

impl<'w> Person<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self {
            world,
            cursor: Cursor::after(0),
            wishes: VecDeque::new(),
            acks: Vec::new(),
            runs: BTreeMap::new(),
            unwanted: BTreeSet::new(),
            told: BTreeSet::new(),
            answers: true,
            units: 0,
        }
    }

    fn wish(&mut self, what: What) {
        let key = self.world.key();
        self.wishes.push_back(Wish { key, what });
    }

    pub(crate) fn wants_run(&mut self, flow: &'static str) {
        self.wish(What::Run(flow, Size::Small));
    }

    pub(crate) fn wants_large_run(&mut self, flow: &'static str) {
        self.wish(What::Run(flow, Size::Large));
    }

    /// Two units that are done by runs, one after the other.
    pub(crate) fn wants_units(&mut self) {
        let first = format!("unit-{}", self.units);
        let second = format!("unit-{}", self.units + 1);
        self.units += 2;
        self.wish(What::Unit(first.clone(), None));
        self.wish(What::Unit(second, Some(first)));
    }

    /// The oldest run that goes on is to end.
    pub(crate) fn wants_one_cancelled(&mut self) {
        if let Some(run) = self.running().first().copied() {
            self.unwanted.insert(run);
            self.wish(What::Cancel(run));
        }
    }

    /// Whether every run has ended as it was to.
    pub(crate) fn is_content(&self) -> bool {
        self.runs.iter().all(|(run, status)| match status {
            RunStatus::Completed => true,
            RunStatus::Cancelled => self.unwanted.contains(run),
            RunStatus::Running | RunStatus::Failed => false,
        })
    }

    /// How many runs go on, those that are still wished for included.
    pub(crate) fn open(&self) -> usize {
        let is_start = |wish: &&Wish| matches!(wish.what, What::Run(..) | What::Unit(..));
        let wished = self.wishes.iter().filter(is_start).count();
        wished + self.running().len()
    }

    pub(crate) fn running(&self) -> Vec<RunId> {
        let running = self
            .runs
            .iter()
            .filter(|(_, status)| **status == RunStatus::Running);
        running.map(|(run, _)| *run).collect()
    }

    pub(crate) fn wishes(&self) -> usize {
        self.wishes.len()
    }

    /// Lives with a daemon until it dies or enough has happened.
    #[track_caller]
    pub(crate) fn live(
        &mut self,
        daemon: &mut Daemon,
        mut is_enough: impl FnMut(&mut Self) -> bool,
    ) -> While {
        if !daemon.is_ready() {
            let _ = daemon.end(PATIENCE);
            return While::Died;
        }
        let world = self.world;
        let client = world.client();
        let until = Instant::now() + PATIENCE;
        world.wait(async {
            let mut feed = client.feed(FeedAsk {
                after: Some(self.cursor),
                topics: vec![Topic::Runs, Topic::Attention],
                run: None,
                patience: Duration::ZERO,
            });
            loop {
                let outcome = if daemon.is_over() {
                    Some(While::Died)
                } else {
                    is_enough(self).then_some(While::Done)
                };
                if let Some(outcome) = outcome {
                    // What arrived before its death was acknowledged, too.
                    return outcome;
                }
                assert!(
                    Instant::now() < until,
                    "nothing comes of it: {:?}\n{}",
                    self.runs,
                    world.log()
                );
                self.ask(&client).await;
                self.listen(&mut feed).await;
            }
        })
    }

    async fn ask(&mut self, client: &Client) {
        while let Some(wish) = self.wishes.front().cloned() {
            let client = client.keyed(wish.key.clone());
            match self.ask_for(&client, &wish.what).await {
                Ok(ack) => {
                    self.wishes.pop_front();
                    if let Ack::Started(run) = ack {
                        self.runs.entry(run).or_insert(RunStatus::Running);
                    }
                    self.acks.push(ack);
                }
                Err(ClientError::Lost(_) | ClientError::NotRunning { .. } | ClientError::Timeout) => return,
                Err(refused) if is_late(&wish.what, &refused) => {
                    self.wishes.pop_front();
                }
                // It is about to stop: the next one is asked.
                Err(refused) if refused.problem().is_some_and(|problem| problem.status == 503) => return,
                Err(error) => panic!("{:?}: {error:?}\n{}", wish.what, self.world.log()),
            }
        }
    }

    async fn ask_for(&self, client: &Client, what: &What) -> Result<Ack, ClientError> {
        let project = self.world.project().to_str().unwrap().to_owned();
        Ok(match what {
            What::Run(flow, size) => {
                let input = NewRunInput {
                    agent: Some("rehearsal".to_owned()),
                    size: Some(*size),
                    ..NewRunInput::default()
                };
                let new = NewRun {
                    project_path: Some(project),
                    flow: (*flow).to_owned(),
                    input,
                    ..NewRun::default()
                };
                Ack::Started(client.start_run(&new).await?.id)
            }
            What::Unit(chunk, blocker) => {
                let projects = client.projects().await?.items;
                let project = projects.iter().find(|known| known.path == project);
                let order = WorkUnitOrder {
                    flow: "small".to_owned(),
                    question: "what is there to do".to_owned(),
                    agent: Some("rehearsal".to_owned()),
                    ..WorkUnitOrder::default()
                };
                let new = NewWorkUnit {
                    chunk: chunk.clone(),
                    blocked_by: blocker.iter().cloned().collect(),
                    project_id: project.map(|project| project.id),
                    order: Some(order),
                    ..NewWorkUnit::default()
                };
                client.create_work_unit(&new).await?;
                Ack::Created(chunk.clone())
            }
            What::Answer(item) => {
                let answer = Answer {
                    choice: item.choices[0],
                    text: None,
                    trusts: item.trusts.clone(),
                };
                client.answer(item.id, &answer).await?;
                Ack::Answered(item.id)
            }
            What::Cancel(run) => {
                client.cancel_run(run).await?;
                Ack::Cancelled(*run)
            }
        })
    }

    /// Reads what the feed has, for a short while.
    async fn listen(&mut self, feed: &mut Feed) {
        let while_ = Duration::from_millis(10);
        while let Ok(Ok(item)) = tokio::time::timeout(while_, feed.next()).await {
            self.cursor = item.cursor;
            self.hear(item.frame);
            if !self.wishes.is_empty() {
                return;
            }
        }
    }

    fn hear(&mut self, frame: Frame) {
        match frame {
            Frame::FlowRunStarted(started) => {
                self.once(started.position, "started");
                self.runs.entry(started.run_id).or_insert(RunStatus::Running);
            }
            Frame::FlowRunStepUpdated(updated) => {
                let step = updated.step_id.clone();
                self.once(updated.position, &format!("{step:?} {:?}", updated.item));
                let run = updated.run_id;
                if let (Some(step), Some(StepStatus::Completed)) = (step, updated.status) {
                    self.acks.push(Ack::Completed {
                        run,
                        step,
                        item: updated.item,
                        effects_bytes: std::fs::metadata(self.world.effects()).unwrap().len(),
                    });
                }
                if updated.run_status != RunStatus::Running {
                    self.acks.push(Ack::Ended(run, updated.run_status));
                }
                self.runs.insert(run, updated.run_status);
            }
            Frame::AttentionUpdate(update) => {
                self.once(update.position, &update.item.id.to_string());
                let is_open = update.item.state == AttentionState::Open;
                if is_open && self.answers {
                    self.wish(What::Answer(Box::new(update.item)));
                }
            }
            Frame::WorkUnitUpdate(_) | Frame::Delta(_) | Frame::ToolCall(_) | Frame::MessageComplete(_) => {}
        }
    }

    fn once(&mut self, position: u64, what: &str) {
        let is_first = self.told.insert((position, what.to_owned()));
        assert!(is_first, "the feed told {what} of {position} twice");
    }
}

/// A wish that came too late for what it was about: the item is closed, the run has ended.
fn is_late(what: &What, refused: &ClientError) -> bool {
    let is_about_a_moment = matches!(what, What::Answer(_) | What::Cancel(_));
    is_about_a_moment
        && refused
            .problem()
            .is_some_and(|problem| matches!(problem.status, 404 | 409))
}
