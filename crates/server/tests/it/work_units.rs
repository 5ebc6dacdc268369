//! Work units over HTTP.

use crate::world::{World, request};
use serde_json::{Value as Json, json};

async fn with_unit(chunk: &str) -> World {
    let world = World::new().await;
    let created = world.post("/api/work-units", json!({"chunk": chunk})).await;
    assert_eq!(created.status, 201, "{created:?}");
    world
}

#[tokio::test]
async fn s3_26_all_units_are_listed_by_pages() {
    let world = World::new().await;
    assert_eq!(
        world.get("/api/work-units").await.json(),
        json!({"items": [], "next": null})
    );
    for number in 0..5 {
        world
            .post("/api/work-units", json!({"chunk": format!("u{number}")}))
            .await;
    }
    let mut chunks = Vec::new();
    let mut path = "/api/work-units?limit=2".to_owned();
    loop {
        let page = world.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        chunks.extend(
            items
                .iter()
                .map(|unit| unit["chunk"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/api/work-units?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(chunks, ["u0", "u1", "u2", "u3", "u4"]);
    let ready = world.get("/api/work-units?status=DONE").await.json();
    assert_eq!(ready["items"], json!([]));
    world
        .get("/api/work-units?cursor=x")
        .await
        .refused(400, "bad_cursor");
    world
        .get("/api/work-units?status=done")
        .await
        .refused(400, "wrong_parameters");
    world
        .get("/api/work-units?colour=red")
        .await
        .refused(400, "wrong_parameters");
}

#[tokio::test]
async fn s3_27_one_unit_is_shown_and_an_unknown_one_is_404() {
    let world = with_unit("one").await;
    let unit = world.get("/api/work-units/one").await;
    assert_eq!(unit.status, 200);
    assert_eq!(unit.json()["status"], "READY");
    let problem = world
        .get("/api/work-units/two")
        .await
        .refused(404, "unknown_chunk");
    assert_eq!(problem.detail, "cannot show the work unit `two`");
    assert_eq!(problem.because.as_deref(), Some("there is no work unit `two`"));
    assert!(problem.hint.is_some());
}

#[tokio::test]
async fn s3_28_a_unit_is_created_once() {
    let world = World::new().await;
    let reply = world
        .post(
            "/api/work-units",
            json!({"chunk": "one", "phase": "PLAN", "priority": 3}),
        )
        .await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.headers["location"], "/api/work-units/one");
    let unit = reply.json();
    let expected =
        json!({"chunk": "one", "phase": "PLAN", "status": "READY", "blocked_by": [], "priority": 3});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(unit[name], *value, "{name}");
    }
    assert_eq!(unit["created_at"], unit["updated_at"]);
    assert_eq!(world.get("/api/work-units/one").await.json(), unit);

    let before = world.position().await;
    world
        .post("/api/work-units", json!({"chunk": "one"}))
        .await
        .refused(409, "chunk_taken");
    assert_eq!(world.position().await, before);
    let units = world.get("/api/work-units").await.json();
    assert_eq!(units["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s3_28_a_wrong_unit_creates_nothing() {
    let world = World::new().await;
    let long = "x".repeat(101);
    let wrong: [(Json, u16, &str); 9] = [
        (json!({}), 422, "wrong_body"),
        (json!({"chunk": "one", "colour": "red"}), 422, "wrong_body"),
        (json!({"chunk": "one", "phase": "goal"}), 422, "wrong_body"),
        (json!({"chunk": 1}), 422, "wrong_body"),
        (json!({"chunk": ""}), 422, "bad_chunk"),
        (json!({"chunk": "-one"}), 422, "bad_chunk"),
        (json!({"chunk": long}), 422, "bad_chunk"),
        (
            json!({"chunk": "one", "blocked_by": ["none"]}),
            422,
            "unknown_blocker",
        ),
        (
            json!({"chunk": "one", "project_id": "00000000-0000-0000-0000-000000000009"}),
            422,
            "unknown_project",
        ),
    ];
    for (body, status, code) in wrong {
        world
            .post("/api/work-units", body.clone())
            .await
            .refused(status, code);
    }
    assert_eq!(world.position().await, 0);
}

#[tokio::test]
async fn a_35_names_that_are_no_names_are_refused_whole() {
    let world = World::new().await;
    let hostile = [
        "--upload-pack=x",
        "$(id)",
        "a;b",
        "a'b",
        "a\"b",
        "a\r\nb",
        "a\0b",
        "a\u{1b}[2J",
        "\u{202e}a",
        "a/../b",
        "../a",
        "HEAD",
        "a@{1}",
        "💥",
        "a b",
        ".a",
    ];
    for name in hostile {
        let problem = world
            .post("/api/work-units", json!({"chunk": name}))
            .await
            .refused(422, "bad_chunk");
        assert!(!problem.detail.is_empty());
    }
    assert_eq!(world.position().await, 0);
}

#[tokio::test]
async fn s3_29_a_unit_is_changed_along_the_table() {
    let world = with_unit("one").await;
    let changed = world
        .patch(
            "/api/work-units/one",
            json!({"status": "RUNNING", "phase": "IMPLEMENT"}),
        )
        .await;
    assert_eq!(changed.status, 200);
    assert_eq!(
        (&changed.json()["status"], &changed.json()["phase"]),
        (&json!("RUNNING"), &json!("IMPLEMENT"))
    );

    let renamed = world
        .patch("/api/work-units/one", json!({"chunk": "uno", "priority": 2}))
        .await;
    assert_eq!(renamed.status, 200);
    assert_eq!(renamed.json()["chunk"], "uno");
    world
        .get("/api/work-units/one")
        .await
        .refused(404, "unknown_chunk");

    let before = (
        world.position().await,
        world.get("/api/work-units/uno").await.json(),
    );
    let refused: [(Json, u16, &str); 6] = [
        (json!({"phase": "GOAL"}), 409, "phase_refused"),
        (json!({"status": "RUNNING"}), 409, "nothing_to_do"),
        (json!({}), 422, "nothing_to_do"),
        (json!({"state": "DONE"}), 422, "wrong_body"),
        (json!({"blocked_by": ["uno"]}), 409, "blockers_circle"),
        // All of it or nothing: the priority alone would do.
        (json!({"priority": 9, "phase": "GOAL"}), 409, "phase_refused"),
    ];
    for (body, status, code) in refused {
        world
            .patch("/api/work-units/uno", body)
            .await
            .refused(status, code);
    }
    let done = world
        .patch("/api/work-units/uno", json!({"status": "DONE"}))
        .await
        .json();
    assert_eq!(
        (&done["status"], &done["phase"]),
        (&json!("DONE"), &json!("COMPLETE"))
    );
    let position = world.position().await;
    let problem = world
        .patch("/api/work-units/uno", json!({"status": "READY"}))
        .await;
    assert!(
        problem
            .refused(409, "status_refused")
            .hint
            .unwrap()
            .contains("retry")
    );
    assert_eq!(world.position().await, position);
    assert!(position > before.0 && before.1["status"] == "RUNNING");
    world
        .patch("/api/work-units/none", json!({"priority": 1}))
        .await
        .refused(404, "unknown_chunk");
}

#[tokio::test]
async fn s3_30_a_unit_is_removed_and_its_history_stays() {
    let world = with_unit("one").await;
    let gone = world.delete("/api/work-units/one").await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    world
        .get("/api/work-units/one")
        .await
        .refused(404, "unknown_chunk");
    let before = world.position().await;
    world
        .delete("/api/work-units/one")
        .await
        .refused(404, "unknown_chunk");
    assert_eq!(world.position().await, before);
    assert_eq!(world.get("/api/work-units/one/history").await.status, 200);
}

#[tokio::test]
async fn s3_16_the_history_of_a_unit_begins_with_its_creation() {
    let world = with_unit("one").await;
    world
        .patch(
            "/api/work-units/one",
            json!({"status": "NEEDS_ATTENTION", "reason": "look here"}),
        )
        .await;
    world
        .patch("/api/work-units/one", json!({"status": "DONE"}))
        .await;
    let retried = world.act("/api/work-units/one/retry").await;
    assert_eq!(
        (retried.status.as_u16(), &retried.json()["status"]),
        (200, &json!("READY"))
    );
    let history = world.get("/api/work-units/one/history").await.json();
    let changes: Vec<(Json, Json, Json)> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            (
                change["old_status"].clone(),
                change["new_status"].clone(),
                change["forced"].clone(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            (json!(null), json!("READY"), json!(false)),
            (json!("READY"), json!("NEEDS_ATTENTION"), json!(false)),
            (json!("NEEDS_ATTENTION"), json!("DONE"), json!(false)),
            (json!("DONE"), json!("READY"), json!(true)),
        ]
    );
    assert_eq!(history["items"][1]["reason"], "look here");
    world
        .get("/api/work-units/none/history")
        .await
        .refused(404, "unknown_chunk");
    world
        .act("/api/work-units/one/retry")
        .await
        .refused(409, "nothing_to_do");
}

#[tokio::test]
async fn a_unit_without_an_agent_takes_the_one_that_a_run_would_take() {
    let world = World::new().await;
    let project = world
        .post("/api/projects", json!({"path": world.project()}))
        .await
        .json();
    let order = json!({"flow": "try", "question": "q"});
    let body = json!({"chunk": "one", "project_id": project["id"], "order": order});
    assert_eq!(world.post("/api/work-units", body).await.status, 201);
    let claimed = async {
        loop {
            let run = world.get("/api/runs").await.json()["items"][0].clone();
            if !run.is_null() {
                return run;
            }
            let unit = world.get("/api/work-units/one").await.json();
            assert_ne!(unit["status"], "NEEDS_ATTENTION", "{unit:#}");
            tokio::task::yield_now().await;
        }
    };
    let limit = std::time::Duration::from_secs(60);
    let run = tokio::time::timeout(limit, claimed).await.unwrap();
    assert_eq!(run["input"]["agent"], "quick");
}

#[tokio::test]
async fn s3_42_units_survive_a_restart() {
    let world = with_unit("one").await;
    let unit = world.get("/api/work-units/one").await.json();
    let again = world.reopen().await;
    assert_eq!(again.get("/api/work-units/one").await.json(), unit);
}

#[tokio::test]
async fn s3_17_units_created_at_once_are_all_there() {
    let world = World::new().await;
    let creations = (0..40).map(|number| {
        let body = json!({"chunk": format!("u{}", number % 20)});
        world.send(request("POST", "/api/work-units", Some(body)))
    });
    let replies = futures::future::join_all(creations).await;
    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(201), count(409)), (20, 20));
    let units = world.get("/api/work-units?limit=100").await.json();
    assert_eq!(units["items"].as_array().unwrap().len(), 20);
}
