//! Whatever goes wrong, the answer is a problem document that says what, because and, where there is one, a hint.

use crate::world::{World, request};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

#[tokio::test]
async fn s3_31_every_error_is_a_problem_document() {
    let world = World::new().await;
    world.get("/api/nothing").await.refused(404, "not_found");
    world.get("/elsewhere").await.refused(404, "not_found");
    world.get("/api/runs/nobody").await.refused(404, "unknown_run");
    world.get("/api/tasks/nobody").await.refused(404, "not_found");
    world
        .get("/api/tasks/00000000-0000-0000-0000-000000000001")
        .await
        .refused(404, "unknown_task");
    world.get("/api/flows/nothing").await.refused(404, "unknown_flow");
    world
        .get("/api/feed?after=x")
        .await
        .refused(400, "wrong_parameters");
    world
        .get("/api/feed?topics=all")
        .await
        .refused(400, "wrong_parameters");
    world
        .get("/api/feed?after=9999")
        .await
        .refused(409, "unknown_position");
    let wrong = world.send(request("PUT", "/api/work-units", None)).await;
    wrong.refused(405, "method_not_allowed");
    assert_eq!(wrong.headers[header::ALLOW], "GET,HEAD,POST");
    world
        .act("/api/runs/nobody/cancel")
        .await
        .refused(404, "unknown_run");
    let nobody = "/api/runs/00000000-0000-0000-0000-000000000001";
    world
        .act(&format!("{nobody}/cancel"))
        .await
        .refused(404, "unknown_run");
    world
        .act(&format!("{nobody}/steps/a%5Bx%5D/retry"))
        .await
        .refused(404, "unknown_step");
    let answer = json!({"choice": "approve"});
    let missing = "/api/attention/00000000-0000-0000-0000-000000000001/answer";
    world
        .post(missing, answer)
        .await
        .refused(404, "unknown_attention");
    world
        .delete("/api/projects/00000000-0000-0000-0000-000000000001")
        .await
        .refused(404, "unknown_project");
    assert_eq!(world.position().await, 0);
}

fn with_body(kind: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method("POST").uri("/api/work-units");
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    request.body(body.into()).unwrap()
}

#[tokio::test]
async fn a_06_only_json_is_taken() {
    let world = World::new().await;
    let body = r#"{"chunk": "one"}"#;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
        Some(""),
    ] {
        world.send(with_body(kind, body)).await.refused(415, "not_json");
    }
    assert_eq!(world.position().await, 0);
    let good = world
        .send(with_body(Some("Application/JSON; charset=utf-8"), body))
        .await;
    assert_eq!(good.status, 201);
}

#[tokio::test]
async fn a_14_a_body_that_is_no_json_is_400_and_a_wrong_one_422() {
    let world = World::new().await;
    let deep = format!(
        r#"{{"chunk": "one", "order": {{"flow": "f", "question": "q", "extra": {{"x": {}"#,
        "[".repeat(10_000)
    );
    for body in [
        "",
        "{",
        "{]",
        "\u{0}",
        deep.as_str(),
        r#"{"chunk": "one"} trailing"#,
    ] {
        world
            .send(with_body(Some("application/json"), body.to_owned()))
            .await
            .refused(400, "bad_json");
    }
    for body in [
        "[]",
        "1",
        "null",
        r#"{"chunk": "a", "chunk": "b"}"#,
        r#"{"chunk": "a", "priority": 1e400}"#,
    ] {
        let reply = world
            .send(with_body(Some("application/json"), body.to_owned()))
            .await;
        assert!(matches!(reply.status.as_u16(), 400 | 422), "{body}: {reply:?}");
        reply.problem();
    }
    assert_eq!(world.position().await, 0);
}

#[tokio::test]
async fn a_70_a_large_body_is_refused_announced_or_not() {
    let world = World::new().await;
    let large = vec![b' '; 1024 * 1024 + 1];
    let mut announced = with_body(Some("application/json"), Body::empty());
    announced
        .headers_mut()
        .insert(header::CONTENT_LENGTH, "100000000".parse().unwrap());
    world.send(announced).await.refused(413, "too_large");
    let chunks = futures::stream::iter(
        large
            .chunks(1_000)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    );
    world
        .send(with_body(Some("application/json"), Body::from_stream(chunks)))
        .await
        .refused(413, "too_large");
    assert_eq!(world.position().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_70_a_body_that_does_not_come_is_408() {
    let world = World::new().await;
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let reply = world
        .send(with_body(Some("application/json"), Body::from_stream(never)))
        .await;
    reply.refused(408, "too_slow");
}
