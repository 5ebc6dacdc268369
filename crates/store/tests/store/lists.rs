//! Lists stay quick in a home that was used for years.

use crate::common::TestHome;
use domain::{ProjectId, RunId};
use std::time::Duration;
use store::{PageAsk, RunFilter, RunStatus, SqliteStore, UnitFilter};

const QUICK: Duration = Duration::from_millis(20);
/// The kernel counts in ticks of ten milliseconds: so many tries tell half a millisecond.
const TRIES: u32 = 20;

/// 100,000 runs of ten projects, one in a thousand of them open, with a step, a task and a question each.
const MANY: &str = "
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
    INSERT INTO flow_runs (id, position, project_id, slug, flow, flow_version, flow_hash, input, manifest, base, status,
                           started_at)
    SELECT printf('00000000-0000-0000-0000-%012x', n), n,
           printf('00000000-0000-0000-0000-%012x', n % 10), 'run-' || n, 'review', 1, 'f', '{\"question\": \"?\"}', '[]',
           '', iif(n % 1000 = 0, 'running', 'completed'), '2026-01-01T00:00:00.000Z' FROM numbers;
    INSERT INTO task_log (task_id, run_id, step_key, chat_id, role, serial, agent, state, ordered_at)
    SELECT id, id, 'scan', id, 'work', 1, 'claude', iif(status = 'running', 'running', 'completed'), started_at
    FROM flow_runs;
    INSERT INTO flow_steps (id, run_id, position, ordinal, step_key, step_id, kind, status, chat_id, task_id, planned_at)
    SELECT id, id, position, 0, 'scan', 'scan', 'agent', 'completed', id, id, started_at FROM flow_runs;
    INSERT INTO attention_items (id, position, run_id, kind, title, choices, state, raised_at)
    SELECT id, position, id, 'stuck', 'Stuck', '[]', iif(status = 'running', 'open', 'answered'), started_at
    FROM flow_runs;
    INSERT INTO work_units (chunk, phase, status, blocked_by, created_at, updated_at, id, position, priority)
    SELECT slug, 'GOAL', iif(status = 'running', 'READY', 'DONE'), '[]', started_at, started_at, id, position, 0
    FROM flow_runs;";

/// What the processor has done for this test: a busy machine makes everybody wait, and works for nobody the longer.
fn worked() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may hold anything. Eleven fields after it comes the time in the program, then in the kernel.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
}

/// How long an answer takes on a machine that does nothing else: the mean of as many as the kernel's ticks can tell.
async fn measured<T>(mut ask: impl AsyncFnMut() -> T) -> (Duration, T) {
    let begun = worked();
    for _ in 1..TRIES {
        ask().await;
    }
    let answer = ask().await;
    ((worked() - begun) / TRIES, answer)
}

#[tokio::test]
async fn lists_answer_within_20_ms_among_100_000_runs() {
    let home = TestHome::new();
    home.open().close().await;
    home.sqlite().execute_batch(MANY).unwrap();
    let store: SqliteStore = home.open();
    let reader = store.reader();
    let project = Some(ProjectId::from_bits(3));
    let all = RunFilter::default();
    let running = Some(RunStatus::Running);
    for (filter, after, expected) in [
        (all, None, 50),
        (all, Some("50000"), 50),
        (RunFilter { project, ..all }, Some("50000"), 50),
        (
            RunFilter {
                status: running,
                ..all
            },
            None,
            50,
        ),
        (
            RunFilter {
                status: running,
                ..all
            },
            Some("50000"),
            49,
        ),
        (
            RunFilter {
                project,
                status: running,
            },
            None,
            0,
        ),
        (
            RunFilter {
                project,
                status: Some(RunStatus::Completed),
            },
            Some("99990"),
            50,
        ),
    ] {
        let ask = PageAsk {
            after: after.map(ToOwned::to_owned),
            limit: None,
        };
        let (took, page) = measured(async || reader.runs(filter, ask.clone()).await.unwrap()).await;
        assert!(took < QUICK, "{filter:?} {ask:?} took {took:?}");
        assert_eq!(page.items.len(), expected, "{filter:?} {ask:?}");
    }
    let (took, open) = measured(async || reader.open_attention(PageAsk::default()).await.unwrap()).await;
    assert!(took < QUICK && open.items.len() == 50, "attention took {took:?}");
    let (took, live) = measured(async || reader.live_tasks().await.unwrap()).await;
    assert!(took < QUICK && live.len() == 100, "live tasks took {took:?}");
    let (took, run) = measured(async || reader.run(RunId::from_bits(0x7_777)).await.unwrap()).await;
    assert!(took < QUICK && run.is_some(), "one run took {took:?}");
    let (took, units) = measured(async || {
        reader
            .units(UnitFilter::default(), PageAsk::default())
            .await
            .unwrap()
    })
    .await;
    assert!(took < QUICK && units.items.len() == 50, "units took {took:?}");
    let (took, counts) = measured(async || reader.unit_counts().await.unwrap()).await;
    assert!(took < QUICK && counts[0].1 == 100, "counts took {took:?}");
    let (took, open) = measured(async || engine::ports::Store::open_runs(&store).await.unwrap()).await;
    assert!(took < QUICK && open.len() == 100, "open runs took {took:?}");
}
