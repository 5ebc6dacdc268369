//! The feed: what it says, that it resumes anywhere without gap or double, and that a slow reader is a lone one.

use crate::world::{PATIENCE, World, request};
use cases::Case;
use futures::StreamExt;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// A line of the feed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) id: Option<String>,
    pub(crate) frame: Json,
}

/// Reads the feed in process.
pub(crate) struct Reader {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Reader {
    pub(crate) async fn open(world: &World, query: &str) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let mut asked = request("GET", &format!("/api/feed?{query}"), None);
        asked.headers_mut().insert("host", "localhost".parse().unwrap());
        let response = world.raw(server::Peer::Unix { uid }, asked).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut reader = Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        };
        let hello = reader.block().await.unwrap();
        assert!(
            hello.starts_with("event: hello") || hello.contains("\nevent: hello"),
            "{hello}"
        );
        reader
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next())
                .await
                .expect("the feed goes on")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The next frame; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_start().to_owned())
            };
            if let Some(data) = field("data:") {
                return Some(Line {
                    id: field("id:"),
                    frame: serde_json::from_str(&data).unwrap(),
                });
            }
        }
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.next().await.expect("more frames"));
        }
        lines
    }

    /// All frames up to the one that is wanted.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Json) -> bool) -> Vec<Line> {
        let mut lines = Vec::new();
        loop {
            let line = self.next().await.expect("more frames");
            let is_it = is_last(&line.frame);
            lines.push(line);
            if is_it {
                return lines;
            }
        }
    }
}

pub(crate) fn is_end(frame: &Json) -> bool {
    frame["type"] == "flow_run_step_updated" && frame["step_id"].is_null() && frame["run_status"] != "running"
}

#[tokio::test]
async fn s4_09_a_run_begins_with_its_manifest() {
    let world = World::new().await;
    let mut reader = Reader::open(&world, "topics=runs").await;
    let run = world.run("try", "quick").await;
    let lines = reader.until(is_end).await;
    let started = &lines[0].frame;
    assert_eq!(started["type"], "flow_run_started");
    assert_eq!(
        (&started["run_id"], &started["flow_name"], &started["size"]),
        (&json!(run), &json!("try"), &json!("small"))
    );
    let detail = world.get(&format!("/api/runs/{run}")).await.json();
    let expected = json!([
        {"step_id": "angles", "item": null, "fans_out": true, "agent": "quick", "kind": "agent", "chat_id": null,
         "label": "Look from both sides"},
        {"step_id": "sum", "item": null, "fans_out": false, "agent": "quick", "kind": "agent",
         "chat_id": detail["steps"][2]["chat_id"], "label": "Sum up"},
    ]);
    assert_eq!(started["steps"], expected);
    // The instances of the fan-out follow, each with its chat.
    let chats: BTreeSet<&str> = lines[1..]
        .iter()
        .filter(|line| line.frame["step_id"] == "angles" && line.frame["status"] == "pending")
        .map(|line| line.frame["chat_id"].as_str().unwrap())
        .collect();
    let known: BTreeSet<&str> = (0..2)
        .map(|index| detail["steps"][index]["chat_id"].as_str().unwrap())
        .collect();
    assert_eq!(chats, known);
}

#[tokio::test]
async fn s4_10_each_step_is_followed_to_its_end_and_the_report_comes_last() {
    let world = World::new().await;
    let mut reader = Reader::open(&world, "topics=runs").await;
    let run = world.run("try", "quick").await;
    let lines = reader.until(is_end).await;
    let of = |step: &str, item: Json| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.frame["step_id"] == step && line.frame["item"] == item)
            .map(|line| line.frame["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for (step, item) in [("angles", json!(0)), ("angles", json!(1)), ("sum", json!(null))] {
        let mut statuses = of(step, item.clone());
        assert_eq!(
            statuses.first().map(String::as_str),
            Some("pending"),
            "{step} {item}"
        );
        assert_eq!(
            statuses.last().map(String::as_str),
            Some("completed"),
            "{step} {item}"
        );
        statuses.retain(|status| status == "running");
        assert!(!statuses.is_empty(), "{step} {item}");
    }
    let end = &lines.last().unwrap().frame;
    let detail = world.get(&format!("/api/runs/{run}")).await.json();
    assert_eq!(
        (&end["run_status"], &end["report"]),
        (&json!("completed"), &detail["report"])
    );
    let others = lines[..lines.len() - 1]
        .iter()
        .filter(|line| line.frame.get("report").is_some());
    assert_eq!(others.count(), 0, "the report comes once");
    let positions: Vec<u64> = lines
        .iter()
        .map(|line| line.frame["position"].as_u64().unwrap())
        .collect();
    assert!(positions.is_sorted());
}

#[tokio::test]
async fn units_and_questions_are_told() {
    let world = World::new().await;
    let mut units = Reader::open(&world, "topics=work_units").await;
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    world
        .patch("/api/work-units/one", json!({"status": "RUNNING"}))
        .await;
    world.patch("/api/work-units/one", json!({"chunk": "uno"})).await;
    world.delete("/api/work-units/uno").await;
    let told: Vec<(Json, Json, Json)> = units
        .take(4)
        .await
        .iter()
        .map(|line| {
            (
                line.frame["chunk"].clone(),
                line.frame["status"].clone(),
                line.frame["deleted"].clone(),
            )
        })
        .collect();
    let expected = [
        (json!("one"), json!("READY"), json!(false)),
        (json!("one"), json!("RUNNING"), json!(false)),
        (json!("uno"), json!("RUNNING"), json!(false)),
        (json!("uno"), json!("RUNNING"), json!(true)),
    ];
    assert_eq!(told, expected);

    let mut inbox = Reader::open(&world, "topics=attention").await;
    let run = world.run("asking", "quick").await;
    let raised = inbox.next().await.unwrap().frame;
    assert_eq!(
        (&raised["item"]["state"], &raised["item"]["run_id"]),
        (&json!("open"), &json!(run))
    );
    let path = format!("/api/attention/{}/answer", raised["item"]["id"].as_str().unwrap());
    world.post(&path, json!({"choice": "approve"})).await;
    let answered = inbox.next().await.unwrap().frame;
    assert_eq!(
        (&answered["item"]["state"], &answered["item"]["answer"]),
        (&json!("answered"), &json!("approve"))
    );
    // Read later, from the start: the same two frames.
    let mut again = Reader::open(&world, "topics=attention&after=0").await;
    let replayed = again.take(2).await;
    assert_eq!([&replayed[0].frame, &replayed[1].frame], [&raised, &answered]);
}

/// Numbers that look like chance and are the same every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[tokio::test]
async fn f_71_a_reader_that_is_dropped_a_thousand_times_has_the_whole_log() {
    let mut case = Case::open("F-71");
    let world = World::new().await;
    for number in 0..150 {
        let chunk = format!("u{number}");
        world.post("/api/work-units", json!({"chunk": chunk})).await;
    }
    for _ in 0..5 {
        let run = world.run("try", "quick").await;
        world.until_status(&run, "completed").await;
    }
    let last = world.position().await;
    let ids = |lines: &[Line]| -> Vec<(Option<String>, Json)> {
        lines
            .iter()
            .map(|line| (line.id.clone(), line.frame.clone()))
            .collect()
    };
    let topics = "topics=work_units,runs,attention";
    let is_last = |frame: &Json| frame["position"] == last;
    let whole = Reader::open(&world, &format!("{topics}&after=0"))
        .await
        .until(is_last)
        .await;
    let partial = whole
        .iter()
        .filter(|line| line.id.as_ref().unwrap().contains('.'))
        .count();
    assert!(
        partial > 0,
        "some events have several frames, and the log is cut between them, too"
    );

    let mut drops: u64 = 0;
    let mut dice = Dice(71);
    while drops < 1_000 {
        let mut log: Vec<Line> = Vec::new();
        let mut cursor = "0".to_owned();
        while log.len() < whole.len() {
            let mut reader = Reader::open(&world, &format!("{topics}&after={cursor}")).await;
            let count = (1 + dice.roll(6) as usize).min(whole.len() - log.len());
            let lines = reader.take(count).await;
            cursor = lines.last().unwrap().id.clone().unwrap();
            log.extend(lines);
            drops += 1;
            case.tried();
        }
        assert_eq!(ids(&log), ids(&whole));
    }
    case.hit_times(drops);
    case.pass(1_000);
}

#[tokio::test]
async fn f_71_a_reader_that_joins_while_things_happen_misses_nothing() {
    let world = World::new().await;
    let write = async {
        for number in 0..100 {
            world
                .post("/api/work-units", json!({"chunk": format!("u{number}")}))
                .await;
        }
    };
    let read = async {
        let mut seen = Vec::new();
        let mut cursor = "0".to_owned();
        while seen.len() < 100 {
            let mut reader = Reader::open(&world, &format!("after={cursor}")).await;
            for line in reader.take(7.min(100 - seen.len())).await {
                seen.push(line.frame["position"].as_u64().unwrap());
                cursor = line.id.unwrap();
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(write, read);
    assert_eq!(seen, (1..=100).collect::<Vec<u64>>());
}

#[tokio::test]
async fn f_70_a_reader_that_does_not_read_is_closed_by_name_and_the_others_go_on() {
    let world = World::new().await;
    let mut stalled = Reader::open(&world, "").await;
    let mut healthy = Reader::open(&world, "").await;
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    for reader in [&mut stalled, &mut healthy] {
        assert_eq!(reader.next().await.unwrap().frame["position"], 1);
    }
    for number in 0..1_200_u64 {
        world
            .patch("/api/work-units/one", json!({"priority": number + 1}))
            .await;
        assert_eq!(healthy.next().await.unwrap().frame["position"], number + 2);
    }
    let mut seen = 1;
    let closed = loop {
        let line = stalled.next().await.expect("it is told why");
        match line.frame["position"].as_u64() {
            Some(position) => {
                assert_eq!(position, seen + 1);
                seen = position;
            }
            None => break line.frame,
        }
    };
    assert_eq!(closed, json!({"code": "slow_client", "resume": seen.to_string()}));
    assert_eq!(stalled.next().await, None);
    let mut resumed = Reader::open(&world, &format!("after={seen}")).await;
    assert_eq!(resumed.next().await.unwrap().frame["position"], seen + 1);
}
