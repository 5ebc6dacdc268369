//! The daemon itself: status, metrics, health.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn s3_25_status_gives_uptime_pid_and_counts() {
    let world = World::new().await;
    for (chunk, blocked_by) in [("one", vec![]), ("two", vec!["one"])] {
        let created = world
            .post(
                "/api/work-units",
                json!({"chunk": chunk, "blocked_by": blocked_by}),
            )
            .await;
        assert_eq!(created.status, 201);
    }
    let reply = world.get("/api/status").await;
    assert_eq!(reply.status, 200);
    let status: api::Status = serde_json::from_str(&reply.text).unwrap();
    assert_eq!((status.pid, status.version.as_str()), (4_321, "1.2.3"));
    assert_eq!(status.started_at, "2023-11-14T22:13:20.000Z");
    assert!(status.uptime_s < 60);
    let counts = api::UnitCounts {
        ready: 1,
        blocked: 1,
        ..api::UnitCounts::default()
    };
    assert_eq!(status.counts.work_units, counts);
    assert_eq!(status.counts.runs, api::RunCounts::default());
    assert_eq!((status.slots.total, status.slots.busy), (8, 0));
    assert_eq!(
        status.health,
        api::Health {
            state: api::HealthState::Good,
            detail: None
        }
    );
    assert_eq!(status.position, world.position().await);
}

#[tokio::test]
async fn s3_10_the_status_has_the_shape_that_programs_read() {
    let world = World::new().await;
    let status = world.get("/api/status").await.json();
    let names: Vec<&str> = status.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "pid",
            "uptime_s",
            "version",
            "home",
            "started_at",
            "health",
            "counts",
            "slots",
            "limits",
            "position"
        ]
    );
    let counts = json!({"READY": 0, "RUNNING": 0, "BLOCKED": 0, "NEEDS_ATTENTION": 0, "DONE": 0});
    assert_eq!(status["counts"]["work_units"], counts);
    let runs = json!({"running": 0, "completed": 0, "failed": 0, "cancelled": 0});
    assert_eq!(status["counts"]["runs"], runs);
}

#[tokio::test]
async fn metrics_say_what_the_status_says() {
    let world = World::new().await;
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    let reply = world.get("/api/metrics").await;
    assert_eq!(reply.status, 200);
    assert!(
        reply.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    for line in [
        "partita_work_units{status=\"READY\"} 1",
        "partita_runs{status=\"running\"} 0",
        "partita_healthy 1",
        "partita_slots 8",
    ] {
        assert!(
            reply.text.lines().any(|found| found == line),
            "{line} in\n{}",
            reply.text
        );
    }
}
