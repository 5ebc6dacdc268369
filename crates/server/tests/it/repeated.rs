//! A nervous client: every change is sent three times under one key, and happens once.

use crate::world::{Reply, World, request};
use axum::http::{Request, header};
use serde_json::{Value as Json, json};

fn keyed(method: &str, path: &str, body: Option<Json>, key: &str) -> Request<axum::body::Body> {
    let mut request = request(method, path, body);
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

/// Sends it three times; gives the one answer.
async fn thrice(world: &World, method: &str, path: &str, body: Option<Json>) -> Reply {
    let key = format!("{method}-{}", path.replace('/', "-"));
    let first = world.send(keyed(method, path, body.clone(), &key)).await;
    assert!(first.status.is_success(), "{first:?}");
    for _ in 0..2 {
        let again = world.send(keyed(method, path, body.clone(), &key)).await;
        assert_eq!(
            (again.status, &again.text),
            (first.status, &first.text),
            "{method} {path}"
        );
        for name in [header::LOCATION, header::CONTENT_TYPE] {
            assert_eq!(
                again.headers.get(&name),
                first.headers.get(&name),
                "{method} {path}"
            );
        }
    }
    let other = keyed(method, path, Some(json!({"another": "body"})), &key);
    world.send(other).await.refused(409, "idempotency_key_reused");
    let elsewhere = keyed(
        "POST",
        "/api/work-units",
        Some(json!({"chunk": "elsewhere"})),
        &key,
    );
    world.send(elsewhere).await.refused(409, "idempotency_key_reused");
    world
        .get("/api/work-units/elsewhere")
        .await
        .refused(404, "unknown_chunk");
    first
}

#[tokio::test]
async fn f_77_each_change_of_a_unit_happens_once() {
    let world = World::new().await;
    thrice(&world, "POST", "/api/work-units", Some(json!({"chunk": "one"}))).await;
    assert_eq!(world.position().await, 1);
    thrice(
        &world,
        "PATCH",
        "/api/work-units/one",
        Some(json!({"status": "NEEDS_ATTENTION"})),
    )
    .await;
    assert_eq!(world.position().await, 2);
    let retried = thrice(&world, "POST", "/api/work-units/one/retry", None).await;
    assert_eq!(
        (retried.json()["status"].as_str(), world.position().await),
        (Some("READY"), 3)
    );
    thrice(&world, "DELETE", "/api/work-units/one", None).await;
    assert_eq!(world.position().await, 4);
}

#[tokio::test]
async fn f_77_each_change_of_a_run_happens_once() {
    let world = World::new().await;
    let project = thrice(
        &world,
        "POST",
        "/api/projects",
        Some(json!({"path": world.project()})),
    )
    .await
    .json();
    let body =
        json!({"project_id": project["id"], "flow": "try", "input": {"question": "why?", "agent": "held"}});
    let started = thrice(&world, "POST", "/api/runs", Some(body)).await.json();
    let run = started["id"].as_str().unwrap();
    assert_eq!(
        world.get("/api/runs").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world
        .until(run, |detail| detail["steps"][1]["status"] == "running")
        .await;
    for verb in ["pause", "resume", "cancel"] {
        thrice(&world, "POST", &format!("/api/runs/{run}/{verb}"), None).await;
    }
    world.until_status(run, "cancelled").await;
    let failing = world.run("try", "failing").await;
    let run = failing.as_str();
    world.until_status(run, "failed").await;
    thrice(
        &world,
        "POST",
        &format!("/api/runs/{run}/steps/angles%5B0%5D/retry"),
        None,
    )
    .await;
    world.until_status(run, "failed").await;
    thrice(
        &world,
        "POST",
        &format!("/api/runs/{run}/steps/angles%5B0%5D/skip"),
        None,
    )
    .await;
    world.gate.send_replace(true);
    thrice(&world, "POST", &format!("/api/runs/{run}/retry"), None).await;
    world.until_status(run, "completed").await;

    let asking = json!({"project_id": project["id"], "flow": "asking", "input": {"question": "why?"}});
    let run = world.post("/api/runs", asking).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let detail = world
        .until(&run, |detail| detail["attention"][0]["state"] == "open")
        .await;
    let path = format!(
        "/api/attention/{}/answer",
        detail["attention"][0]["id"].as_str().unwrap()
    );
    thrice(&world, "POST", &path, Some(json!({"choice": "approve"}))).await;
    world.until_status(&run, "completed").await;
    thrice(
        &world,
        "DELETE",
        &format!("/api/projects/{}", project["id"].as_str().unwrap()),
        None,
    )
    .await;
}

#[tokio::test]
async fn f_77_requests_under_one_key_at_once_happen_once() {
    let world = World::new().await;
    let requests = (0..10).map(|_| {
        let body = json!({"chunk": "one"});
        world.send(keyed("POST", "/api/work-units", Some(body), "same"))
    });
    let replies = futures::future::join_all(requests).await;
    for reply in &replies {
        assert_eq!((reply.status.as_u16(), &reply.text), (201, &replies[0].text));
    }
    assert_eq!(world.position().await, 1);
}

#[tokio::test]
async fn f_77_a_key_is_remembered_over_a_restart() {
    let world = World::new().await;
    let create = || keyed("POST", "/api/work-units", Some(json!({"chunk": "one"})), "mine");
    let first = world.send(create()).await;
    world.patch("/api/work-units/one", json!({"priority": 5})).await;
    let again = world.reopen().await;
    let repeated = again.send(create()).await;
    assert_eq!(
        (repeated.status, repeated.text),
        (first.status, first.text),
        "the words of then"
    );
    assert_eq!(again.position().await, 2);
}

#[tokio::test]
async fn f_77_a_refusal_is_repeated_and_a_bad_key_is_refused() {
    let world = World::new().await;
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    let create = || keyed("POST", "/api/work-units", Some(json!({"chunk": "one"})), "first");
    let refused = world.send(create()).await;
    refused.refused(409, "chunk_taken");
    assert_eq!(world.delete("/api/work-units/one").await.status, 204);
    for _ in 0..2 {
        let again = world.send(create()).await;
        assert_eq!((again.status, &again.text), (refused.status, &refused.text));
        assert_eq!(
            again.headers[header::CONTENT_TYPE],
            refused.headers[header::CONTENT_TYPE]
        );
    }
    let other = keyed("POST", "/api/work-units", Some(json!({"chunk": "two"})), "first");
    world.send(other).await.refused(409, "idempotency_key_reused");
    for key in ["", " ", "a b", &"x".repeat(129)] {
        let request = keyed("POST", "/api/work-units", Some(json!({"chunk": "two"})), key);
        world.send(request).await.refused(400, "bad_idempotency_key");
    }
    assert_eq!(world.position().await, 2);
}
