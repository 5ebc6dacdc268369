//! What agents say, live: keyed by chat, never mixed, whole after any interruption.

use crate::agents::WORDS;
use crate::feed::{Reader, is_end};
use crate::world::{PATIENCE, World};
use api::{Channel, FeedAsk, Frame, TaskId, Topic};
use serde_json::json;
use std::collections::BTreeMap;

#[tokio::test]
async fn s4_11_two_steps_at_once_never_mix() {
    let world = World::new().await;
    let mut reader = Reader::open(&world, "").await;
    let run = world.run("try", "held").await;
    let is_message = |frame: &serde_json::Value| frame["type"] == "message_complete";
    let mut lines = reader.until(is_message).await;
    lines.extend(reader.until(is_message).await);
    world.gate.send_replace(true);
    let detail = world.until_status(&run, "completed").await;
    for step in 0..2 {
        let (chat, key) = (
            &detail["steps"][step]["chat_id"],
            detail["steps"][step]["key"].as_str().unwrap(),
        );
        let of_chat = || lines.iter().filter(move |line| line.frame["chat_id"] == *chat);
        let text: String = of_chat()
            .filter(|line| line.frame["type"] == "delta" && line.frame["channel"] == "text")
            .map(|line| line.frame["text"].as_str().unwrap())
            .collect();
        assert_eq!(text, format!("{key} ").repeat(WORDS));
        let task = &detail["steps"][step]["task_id"];
        let content = of_chat().filter(|line| line.frame.get("offset").is_some());
        let offsets: Vec<u64> = content
            .inspect(|line| {
                assert_eq!(
                    (&line.frame["task_id"], &line.frame["run_id"]),
                    (task, &json!(run))
                );
                assert_eq!(line.id, None, "content has no place among events");
            })
            .map(|line| line.frame["offset"].as_u64().unwrap())
            .collect();
        assert_eq!(offsets, (0..offsets.len() as u64).collect::<Vec<_>>());
        let calls: Vec<_> = of_chat()
            .filter(|line| line.frame["type"] == "tool_call")
            .collect();
        assert_eq!((calls.len(), &calls[0].frame["id"]), (1, &json!("call-1")));
        let notice = of_chat().find(|line| line.frame["channel"] == "notice").unwrap();
        assert_eq!(notice.frame["text"], "denied: write a file (access is read)");
    }
}

#[tokio::test]
async fn a_feed_can_be_narrowed_to_one_run() {
    let world = World::new().await;
    let other = world.run("try", "held").await;
    let wanted = world.run("try", "held").await;
    let mut reader = Reader::open(&world, &format!("after=0&topics=runs&run_id={wanted}")).await;
    world.gate.send_replace(true);
    let lines = reader.until(is_end).await;
    assert!(lines.iter().all(|line| line.frame["run_id"] == json!(wanted)));
    world.until_status(&other, "completed").await;
}

/// What the client heard of each task's answer.
fn hear(heard: &mut BTreeMap<TaskId, (u64, String)>, frame: &Frame) {
    let (task, offset, next, text) = match frame {
        Frame::Delta(delta) => {
            let is_answer = delta.channel == Channel::Text;
            (
                delta.task_id,
                delta.offset,
                delta.next,
                if is_answer { delta.text.as_str() } else { "" },
            )
        }
        Frame::ToolCall(call) => (call.task_id, call.offset, call.next, ""),
        Frame::MessageComplete(message) => (message.task_id, message.offset, message.next, ""),
        Frame::WorkUnitUpdate(_)
        | Frame::AttentionUpdate(_)
        | Frame::FlowRunStarted(_)
        | Frame::FlowRunStepUpdated(_) => return,
    };
    let entry = heard.entry(task).or_insert((offset, String::new()));
    assert_eq!(entry.0, offset, "no gap, no double");
    entry.0 = next;
    entry.1.push_str(text);
}

#[tokio::test]
async fn s3_32_f_71_the_client_resumes_by_itself_over_a_lost_daemon() {
    let world = World::new().await;
    let served = world.serve();
    let client = served.client();
    let mut feed = client.feed(FeedAsk {
        topics: vec![Topic::Runs, Topic::Content],
        ..FeedAsk::default()
    });
    feed.open().await.unwrap();
    let run = world.run("try", "held").await;
    let mut heard = BTreeMap::new();
    let mut frames = Vec::new();
    // Hear the first words, then lose the line while the agents go on talking and end.
    loop {
        let item = tokio::time::timeout(PATIENCE, feed.next())
            .await
            .unwrap()
            .unwrap();
        hear(&mut heard, &item.frame);
        let has_content = item.cursor.position > 0 && matches!(item.frame, Frame::Delta(_));
        frames.push(item);
        if has_content && heard.len() == 2 {
            break;
        }
    }
    served.end().await;
    world.gate.send_replace(true);
    let detail = world.until_status(&run, "completed").await;
    // The app of a stopped server stays stopped; a new one over the same engine takes its place.
    let again = world.open_beside().await;
    let served = again.serve();
    loop {
        let item = tokio::time::timeout(PATIENCE, feed.next())
            .await
            .unwrap()
            .unwrap();
        hear(&mut heard, &item.frame);
        let json = serde_json::to_value(&item.frame).unwrap();
        frames.push(item);
        if is_end(&json) {
            break;
        }
    }
    let mut reader = Reader::open(&again, "after=0&topics=runs").await;
    let whole = reader.until(is_end).await;
    served.end().await;
    for step in 0..2 {
        let step = &detail["steps"][step];
        let task: TaskId = step["task_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            heard[&task].1,
            format!("{} ", step["key"].as_str().unwrap()).repeat(WORDS)
        );
    }
    let stored: Vec<_> = frames
        .iter()
        .filter(|item| item.frame.topic() == Topic::Runs)
        .collect();
    let cursors: Vec<_> = stored.iter().map(|item| item.cursor).collect();
    assert!(cursors.windows(2).all(|pair| pair[0] < pair[1]), "{cursors:?}");
    assert_eq!(stored.len(), whole.len());
}

#[tokio::test]
async fn f_71_the_client_hears_what_was_said_before_it_came_back() {
    let world = World::new().await;
    let served = world.serve();
    let mut feed = served.client().feed(FeedAsk {
        topics: vec![Topic::Runs, Topic::Content],
        ..FeedAsk::default()
    });
    feed.open().await.unwrap();
    world.post("/api/work-units", json!({"chunk": "one"})).await;
    served.end().await;
    // The run begins and its agents talk while the line is lost.
    let run = world.run("try", "held").await;
    let detail = until_both_talked(&world, &run).await;
    let again = world.open_beside().await;
    let served = again.serve();
    let mut heard = BTreeMap::new();
    loop {
        let item = tokio::time::timeout(PATIENCE, feed.next())
            .await
            .unwrap()
            .unwrap();
        hear(&mut heard, &item.frame);
        let json = serde_json::to_value(&item.frame).unwrap();
        if json["type"] == "flow_run_step_updated" && json["status"] == "running" {
            // Both end without another word.
            world.gate.send_replace(true);
        }
        if is_end(&json) {
            break;
        }
    }
    served.end().await;
    for step in &detail["steps"].as_array().unwrap()[..2] {
        let task: TaskId = step["task_id"].as_str().unwrap().parse().unwrap();
        let words = format!("{} ", step["key"].as_str().unwrap()).repeat(WORDS);
        assert_eq!(heard.get(&task).map(|(_, text)| text), Some(&words));
    }
}

/// The run, once the transcripts of both its tasks have their message.
async fn until_both_talked(world: &World, run: &str) -> serde_json::Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        assert!(tokio::time::Instant::now() < deadline, "both talk");
        let detail = world.get(&format!("/api/runs/{run}")).await.json();
        let mut talked = 0;
        for step in detail["steps"].as_array().unwrap() {
            let Some(task) = step["task_id"].as_str() else {
                continue;
            };
            let said = world.get(&format!("/api/tasks/{task}/transcript")).await.json();
            let entries = said["entries"].as_array().unwrap();
            talked += usize::from(entries.iter().any(|entry| entry["kind"] == "message_end"));
        }
        if talked == 2 {
            return detail;
        }
        tokio::task::yield_now().await;
    }
}
