//! A nervous client: every change is sent three times under one key, and happens once.

use crate::world::{Reply, World, request};
use axum::http::{Request, header};
use cases::Case;
use domain::{Event, RunEvent};
use serde_json::{Value as Json, json};
use server::routes;
use std::collections::BTreeSet;

fn keyed(method: &str, path: &str, body: Option<Json>, key: &str) -> Request<axum::body::Body> {
    let mut request = request(method, path, body);
    request
        .headers_mut()
        .insert("idempotency-key", key.parse().unwrap());
    request
}

/// Sends each change three times, and remembers which routes it did so with.
struct Thrice<'w> {
    world: &'w World,
    case: Case,
    sent: BTreeSet<(&'static str, &'static str)>,
}

impl<'w> Thrice<'w> {
    fn new(world: &'w World) -> Self {
        Self {
            world,
            case: Case::open("F-77"),
            sent: BTreeSet::new(),
        }
    }

    /// Of a route with nothing in its path to fill in.
    async fn plain(&mut self, method: &'static str, path: &'static str, body: Option<Json>) -> Reply {
        self.send((method, path), path, body).await
    }

    /// Sends it three times, at the path that the route has here; gives the one answer.
    async fn send(&mut self, route: (&'static str, &'static str), path: &str, body: Option<Json>) -> Reply {
        let (world, method) = (self.world, route.0);
        self.sent.insert(route);
        let key = format!("{method}-{}", path.replace('/', "-"));
        let first = world.send(keyed(method, path, body.clone(), &key)).await;
        assert!(first.status.is_success(), "{method} {path}: {first:?}");
        for _ in 0..2 {
            self.case.tried();
            let before = deeds(world).await;
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
            assert_eq!(deeds(world).await, before, "{method} {path}: it is done once");
            self.case.hit();
        }
        let other = keyed(method, path, Some(json!({"another": "body"})), &key);
        world.send(other).await.refused(409, "idempotency_key_reused");
        let elsewhere = json!({"chunk": "elsewhere"});
        let elsewhere = keyed("POST", "/api/work-units", Some(elsewhere), &key);
        world.send(elsewhere).await.refused(409, "idempotency_key_reused");
        let elsewhere = world.get("/api/work-units/elsewhere").await;
        elsewhere.refused(404, "unknown_chunk");
        first
    }
}

/// What people did, as the history has it: runs do much by themselves meanwhile.
async fn deeds(world: &World) -> usize {
    let recorded = world.store.reader().events_after(0, 10_000).await.unwrap();
    let is_deed = |event: &Event| match event {
        Event::Run(event) => matches!(
            event,
            RunEvent::Started(_)
                | RunEvent::StepReopened { .. }
                | RunEvent::StepSkipped { .. }
                | RunEvent::Paused { .. }
                | RunEvent::Resumed { .. }
                | RunEvent::CancelRequested { .. }
                | RunEvent::AttentionAnswered { .. }
        ),
        Event::Unit(_) | Event::Board(_) => true,
    };
    recorded
        .iter()
        .filter(|recorded| is_deed(&recorded.event))
        .count()
}

const UNIT: &str = "/api/work-units/{chunk}";

async fn change_units(thrice: &mut Thrice<'_>) {
    let world = thrice.world;
    let one = Some(json!({"chunk": "one"}));
    thrice.plain("POST", "/api/work-units", one).await;
    assert_eq!(world.position().await, 1);
    let path = "/api/work-units/one";
    let asks = Some(json!({"status": "NEEDS_ATTENTION"}));
    thrice.send(("PATCH", UNIT), path, asks).await;
    assert_eq!(world.position().await, 2);
    let retry = ("POST", "/api/work-units/{chunk}/retry");
    let retried = thrice.send(retry, "/api/work-units/one/retry", None).await;
    assert_eq!(
        (retried.json()["status"].as_str(), world.position().await),
        (Some("READY"), 3)
    );
    thrice.send(("DELETE", UNIT), path, None).await;
    assert_eq!(world.position().await, 4);
}

/// Starts, holds, lets go and ends a run; gives the project.
async fn change_a_run(thrice: &mut Thrice<'_>) -> Json {
    let world = thrice.world;
    let folder = Some(json!({"path": world.project()}));
    let project = thrice.plain("POST", "/api/projects", folder).await.json();
    let body =
        json!({"project_id": project["id"], "flow": "try", "input": {"question": "why?", "agent": "held"}});
    let started = thrice.plain("POST", "/api/runs", Some(body)).await.json();
    let run = started["id"].as_str().unwrap();
    let runs = world.get("/api/runs").await.json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 1);
    world
        .until(run, |detail| detail["steps"][1]["status"] == "running")
        .await;
    for (route, verb) in [
        ("/api/runs/{id}/pause", "pause"),
        ("/api/runs/{id}/resume", "resume"),
        ("/api/runs/{id}/cancel", "cancel"),
    ] {
        thrice
            .send(("POST", route), &format!("/api/runs/{run}/{verb}"), None)
            .await;
    }
    world.until_status(run, "cancelled").await;
    project
}

async fn change_a_failed_run(thrice: &mut Thrice<'_>) {
    let world = thrice.world;
    let failing = world.run("try", "failing").await;
    let run = failing.as_str();
    world.until_status(run, "failed").await;
    let retry = ("POST", "/api/runs/{id}/steps/{step}/retry");
    let path = format!("/api/runs/{run}/steps/angles%5B0%5D/retry");
    thrice.send(retry, &path, None).await;
    world.until_status(run, "failed").await;
    let skip = ("POST", "/api/runs/{id}/steps/{step}/skip");
    let path = format!("/api/runs/{run}/steps/angles%5B0%5D/skip");
    thrice.send(skip, &path, None).await;
    world.gate.send_replace(true);
    let again = ("POST", "/api/runs/{id}/retry");
    thrice.send(again, &format!("/api/runs/{run}/retry"), None).await;
    world.until_status(run, "completed").await;
}

async fn answer_a_question(thrice: &mut Thrice<'_>, project: &Json) {
    let world = thrice.world;
    let asking = json!({"project_id": project["id"], "flow": "asking", "input": {"question": "why?"}});
    let asked = world.post("/api/runs", asking).await.json();
    let run = asked["id"].as_str().unwrap();
    let detail = world
        .until(run, |detail| detail["attention"][0]["state"] == "open")
        .await;
    let item = detail["attention"][0]["id"].as_str().unwrap();
    let answer = ("POST", "/api/attention/{id}/answer");
    let path = format!("/api/attention/{item}/answer");
    let approve = Some(json!({"choice": "approve"}));
    thrice.send(answer, &path, approve).await;
    world.until_status(run, "completed").await;
}

#[tokio::test]
async fn f_77_each_change_happens_once_and_no_route_is_forgotten() {
    let world = World::new().await;
    let served = world.serve();
    let mut thrice = Thrice::new(&world);
    change_units(&mut thrice).await;
    let project = change_a_run(&mut thrice).await;
    change_a_failed_run(&mut thrice).await;
    answer_a_question(&mut thrice, &project).await;
    let path = format!("/api/projects/{}", project["id"].as_str().unwrap());
    thrice.send(("DELETE", "/api/projects/{id}"), &path, None).await;
    let all = Some(json!({"agents": []}));
    thrice.plain("POST", "/api/agents/probe", all).await;
    thrice.plain("POST", "/api/port", Some(json!({}))).await;
    thrice.plain("DELETE", "/api/port", None).await;

    let Thrice { case, sent, .. } = thrice;
    let routes = routes();
    let changes = routes
        .iter()
        .filter(|route| !matches!(route.method, "GET" | "HEAD"));
    // Answers about logins hold secrets that are told once: they are never kept, and each is another.
    let kept = changes.filter(|route| !route.path.starts_with("/api/login"));
    let kept: BTreeSet<(&str, &str)> = kept.map(|route| (route.method, route.path.as_str())).collect();
    assert_eq!(sent, kept, "a route that changes something belongs here");
    served.end().await;
    case.pass(2 * 15);
}

#[tokio::test]
async fn f_77_requests_under_one_key_at_once_happen_once() {
    let mut case = Case::open("F-77");
    case.tried_times(10);
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
    case.hit_times(10);
    case.pass(10);
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
