//! How fast the store keeps batches, against SQLite alone committing the same rows in groups.
//!
//! `cargo run --release -p store --example rate -- [FOLDER]`; the folder's disk is what is measured.
#![expect(clippy::unwrap_used, reason = "a measurement breaks where it cannot go on")]

use domain::{
    ChatId, Ending, Event, FlowRef, Moment, Plan, PlanStep, PlannedStep, ProcessIdentity, ProjectId, Role,
    RunEvent, RunId, RunInput, RunStarted, Size, StepKey, StepKind, Stream, TaskId, TaskOrdered, Usage,
    Value,
};
use engine::ports::{Append, Batch, Store};
use rusqlite::Connection;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use store::{Home, Options, SqliteStore};

const AT: Moment = Moment::from_ms(1_790_000_000_000);
const PRODUCERS: u32 = 128;
const ROUNDS: u32 = 40;

fn main() {
    let parent = std::env::args().nth(1);
    let mut out = std::io::stdout();
    let mut best = (0.0_f64, 0.0_f64);
    // Other work on the machine only ever slows things down: the best of some rounds is what is told in the end.
    for _ in 0..5 {
        let folder = parent
            .as_ref()
            .map_or_else(tempfile::tempdir, tempfile::tempdir_in)
            .unwrap();
        let round = round(folder.path());
        writeln!(
            out,
            "store {:6.0} batches/s, SQLite {:6.0} batches/s; {}",
            round.store, round.bare, round.waits
        )
        .unwrap();
        best = (best.0.max(round.store), best.1.max(round.bare));
    }
    writeln!(
        out,
        "best: store {:.0}, SQLite {:.0} batches/s, ratio {:.2}",
        best.0,
        best.1,
        best.0 / best.1
    )
    .unwrap();
}

struct Round {
    store: f64,
    bare: f64,
    waits: String,
}

fn round(folder: &Path) -> Round {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let home = Home::at(folder.join("home"));
    let store = Arc::new(SqliteStore::open(&home, &Options::default(), AT).unwrap());
    let lone = runtime.block_on(alone(&store));
    let flushes = bare_alone(&folder.join("alone.db"));
    let (took, mut waits) = runtime.block_on(together(&store));
    waits.sort();
    runtime.block_on(store.close());
    let rows = rows_of(&home.database());
    Round {
        store: waits.len() as f64 / took.as_secs_f64(),
        bare: bare(&folder.join("bare.db"), &rows),
        waits: format!(
            "p50 {:?}, p99 {:?} together; alone p50 {:?}, of SQLite {:?}",
            at(&waits, 50),
            at(&waits, 99),
            at(&lone, 50),
            at(&flushes, 50)
        ),
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// What a run with one wide fan-out commits, batch by batch: each task's order, start and end.
fn batches(run: RunId) -> Vec<Batch> {
    let mut step = PlanStep::new("angles", StepKind::Agent);
    step.title = "Look from every angle".to_owned();
    let keys: Vec<_> = (0..ROUNDS).map(|item| StepKey::item("angles", item)).collect();
    let planned = keys
        .iter()
        .map(|key| PlannedStep {
            key: key.clone(),
            item: Value::from("correctness"),
        })
        .collect();
    let mut all = vec![vec![
        RunEvent::Started(Box::new(RunStarted {
            project: ProjectId::from_bits(1),
            unit: None,
            slug: format!("calm-otter-{}", run.bits()),
            flow: FlowRef {
                name: "review".into(),
                version: 1,
                hash: "f".repeat(64),
            },
            plan: Arc::new(Plan {
                steps: vec![step],
                size: BTreeMap::new(),
            }),
            input: RunInput {
                question: "Is every lock released?".to_owned(),
                size: Size::Small,
                fast: false,
                agent: "claude".into(),
                model: None,
                extra: BTreeMap::new(),
            },
            base: "b".repeat(40),
        })),
        RunEvent::StepsPlanned { steps: planned },
    ]];
    for key in keys {
        let (task, chat): (TaskId, ChatId) = (TaskId::of(run, &key, 1), key.chat(run));
        all.push(vec![RunEvent::TaskOrdered(Box::new(TaskOrdered {
            task,
            key: key.clone(),
            chat,
            role: Role::Work,
            serial: 1,
            agent: "claude".into(),
            model: None,
            prompt: "Look for locks that are not released. ".repeat(8),
        }))]);
        let process = ProcessIdentity {
            pid: 4_242,
            start_ticks: 1,
            boot_id: "boot".to_owned(),
        };
        all.push(vec![RunEvent::TaskStarted { task, process }]);
        let output = Value::map([(
            "finding",
            Value::from("The lock in `drain` is kept over an await. ".repeat(6)),
        )]);
        let ending = Ending::Completed {
            output: output.clone(),
            change: None,
        };
        let usage = Usage {
            input_uncached: 100,
            input_cached: 10,
            output: 50,
            cost_micros: Some(1_000),
        };
        all.push(vec![
            RunEvent::TaskEnded { task, ending, usage },
            RunEvent::StepCompleted {
                key,
                output,
                change: None,
            },
        ]);
    }
    let mut expected_seq = 0;
    all.into_iter()
        .map(|events| {
            let events: Vec<_> = events.into_iter().map(Event::Run).collect();
            let append = Append {
                stream: Stream::Run(run),
                expected_seq,
                events,
            };
            expected_seq += append.events.len() as u64;
            Batch {
                at: AT,
                appends: vec![append],
                idempotency: None,
                wakes: Vec::new(),
            }
        })
        .collect()
}

async fn alone(store: &SqliteStore) -> Vec<Duration> {
    let mut waits = Vec::new();
    for batch in batches(RunId::from_bits(0xa10e)) {
        let begun = Instant::now();
        store.commit(batch).await.unwrap();
        waits.push(begun.elapsed());
    }
    waits.sort();
    waits
}

async fn together(store: &Arc<SqliteStore>) -> (Duration, Vec<Duration>) {
    let work: Vec<_> = (0..PRODUCERS)
        .map(|number| batches(RunId::from_bits(u128::from(number))))
        .collect();
    let begun = Instant::now();
    let producers: Vec<_> = work
        .into_iter()
        .map(|batches| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut waits = Vec::with_capacity(batches.len());
                for batch in batches {
                    let begun = Instant::now();
                    store.commit(batch).await.unwrap();
                    waits.push(begun.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for producer in producers {
        waits.extend(producer.await.unwrap());
    }
    (begun.elapsed(), waits)
}

/// A row, as SQLite alone would be given it: where it goes, and its columns.
#[derive(Clone)]
struct Row {
    insert: &'static str,
    values: Vec<rusqlite::types::Value>,
}

const EVENT: &str = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const RUN: &str = "INSERT INTO flow_runs VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const STEP: &str = "INSERT INTO flow_steps VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const TASK: &str = "INSERT INTO task_log VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The rows that the store kept for each producer, batch by batch: the events, and each row of a view once, as it
/// was in the end.
fn rows_of(database: &Path) -> Vec<Vec<Vec<Row>>> {
    let connection = Connection::open(database).unwrap();
    let rows = |insert: &'static str, sql: &str, run: RunId| -> VecDeque<Row> {
        let mut statement = connection.prepare(sql).unwrap();
        let width = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..width).map(|index| row.get(index)).collect();
        let rows = statement.query_map([run.to_string()], read).unwrap();
        rows.map(|values| Row {
            insert,
            values: values.unwrap(),
        })
        .collect()
    };
    let steps = "SELECT id, run_id, position, ordinal, step_key, step_id, item, item_value, kind, status, chat_id,
        agent, output, output_blob, skipped, origin_step, not_before, waiting_for, reason, failures, commit_base,
        commit_head, files, insertions, deletions, planned_at, started_at, ended_at FROM flow_steps WHERE run_id = ?";
    (0..PRODUCERS)
        .map(|number| {
            let run = RunId::from_bits(u128::from(number));
            let mut events = rows(
                EVENT,
                "SELECT * FROM events WHERE stream_id = ? ORDER BY seq",
                run,
            );
            let mut tasks = rows(
                TASK,
                "SELECT * FROM task_log WHERE run_id = ? ORDER BY ordered_at, rowid",
                run,
            );
            let mut of_batch = |(index, batch): (usize, &Batch)| -> Vec<Row> {
                let mut all: Vec<Row> = events.drain(..batch.appends[0].events.len()).collect();
                if index == 0 {
                    all.extend(rows(RUN, "SELECT * FROM flow_runs WHERE id = ?", run));
                    all.extend(rows(STEP, steps, run));
                } else if index % 3 == 1 {
                    all.extend(tasks.pop_front());
                }
                all
            };
            batches(run).iter().enumerate().map(&mut of_batch).collect()
        })
        .collect()
}

fn open_bare(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;";
    let schema = [
        pragmas,
        include_str!("../src/schema/0001_history.sql"),
        include_str!("../src/schema/views.sql"),
    ];
    schema
        .iter()
        .for_each(|sql| connection.execute_batch(sql).unwrap());
    connection
}

fn insert(connection: &Connection, row: &Row) {
    let mut statement = connection.prepare_cached(row.insert).unwrap();
    statement
        .execute(rusqlite::params_from_iter(&row.values))
        .unwrap();
}

fn bare_alone(path: &Path) -> Vec<Duration> {
    let connection = open_bare(path);
    let mut waits: Vec<_> = (1..=100)
        .map(|seq| {
            let text = |text: &str| rusqlite::types::Value::from(text.to_owned());
            let body = text(&"x".repeat(300));
            let values = vec![
                seq.into(),
                text("run"),
                text("s"),
                seq.into(),
                0.into(),
                text("k"),
                1.into(),
                body,
                0.into(),
            ];
            let begun = Instant::now();
            insert(
                &connection,
                &Row {
                    insert: EVENT,
                    values,
                },
            );
            begun.elapsed()
        })
        .collect();
    waits.sort();
    waits
}

/// Producers that wait for their own acknowledgement, one writer that commits what waits.
fn bare(path: &Path, rows: &[Vec<Vec<Row>>]) -> f64 {
    let connection = open_bare(path);
    let count: usize = rows.iter().map(Vec::len).sum();
    let (queue, waiting) = mpsc::sync_channel::<(Vec<Row>, tokio::sync::oneshot::Sender<()>)>(1_024);
    let writer = std::thread::spawn(move || {
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            while group.len() < 256 {
                let Ok(next) = waiting.try_recv() else { break };
                group.push(next);
            }
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
            for (rows, _) in &group {
                rows.iter().for_each(|row| insert(&connection, row));
            }
            connection.execute_batch("COMMIT").unwrap();
            for (_, reply) in group {
                let _unheard = reply.send(());
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let producers: Vec<_> = rows
            .iter()
            .cloned()
            .map(|batches| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    for batch in batches {
                        let (reply, answer) = tokio::sync::oneshot::channel();
                        queue.send((batch, reply)).unwrap();
                        answer.await.unwrap();
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await.unwrap();
        }
    });
    let took = begun.elapsed();
    drop(queue);
    writer.join().unwrap();
    count as f64 / took.as_secs_f64()
}
