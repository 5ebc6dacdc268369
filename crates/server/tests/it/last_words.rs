//! What was said last is heard before the end, and who is late hears all of it: nothing said is lost between the file,
//! the feed and the end of a task.

use crate::feed::{Line, Reader, is_end};
use crate::stalled::readers;
use crate::world::World;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A line of about a kilobyte.
fn long_line(number: usize) -> String {
    format!("{number:04} {}\n", "x".repeat(1_000))
}

/// Checks that each task says all it says, in order, before it ends; gives how many ended.
fn ends_follow_last_words(lines: &[Line]) -> usize {
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut is_quiet, mut ended) = (BTreeMap::new(), 0);
    for line in lines {
        let frame = &line.frame;
        if let (Some(task), Some(offset)) = (frame["task_id"].as_str(), frame["offset"].as_u64()) {
            assert!(!is_quiet.contains_key(task), "it speaks after its end: {frame}");
            assert_eq!(
                next.insert(task, frame["next"].as_u64().unwrap()).unwrap_or(0),
                offset
            );
            continue;
        }
        let is_over = frame["type"] == "flow_run_step_updated" && frame["status"] == "completed";
        if let (true, Some(task)) = (is_over, frame["task_id"].as_str()) {
            assert!(next.contains_key(task), "it ends before its last words: {frame}");
            ended += usize::from(is_quiet.insert(task, ()).is_none());
        }
    }
    ended
}

#[tokio::test]
async fn a_task_ends_after_its_last_words() {
    let world = World::new().await;
    let mut there = Reader::open(&world, "").await;
    let pen = world.hold_pen().await;
    let run = world.run("try", "quick").await;
    world.until_status(&run, "completed").await;
    // Whoever comes while the others wait for the last words must not read the end in the history before them.
    let mut joining = Reader::open(&world, "after=0").await;
    while readers(&world).await < 2 {
        tokio::task::yield_now().await;
    }
    drop(pen);
    for reader in [&mut there, &mut joining] {
        let lines = reader.until(is_end).await;
        assert_eq!(ends_follow_last_words(&lines), 3);
    }
}

#[tokio::test]
async fn f_70_a_late_reader_of_words_reads_them_in_the_transcript() {
    const LINES: usize = 1_500;
    let world = World::new().await;
    let mut late = Reader::open(&world, "topics=content").await;
    let mut healthy = Reader::open(&world, "topics=content").await;
    world.run("try", "held").await;
    let is_message = |frame: &Json| frame["type"] == "message_complete";
    healthy.until(is_message).await;
    let place = healthy.until(is_message).await.pop().unwrap().frame;
    // More than a queue takes.
    for number in 0..LINES {
        world.say(&place, long_line(number));
    }
    let is_last = |frame: &Json| {
        let text = frame["text"].as_str();
        text.is_some_and(|text| text.ends_with(&long_line(LINES - 1)))
    };
    healthy.until(is_last).await;
    let lines = late.until(is_last).await;
    let (mut text, mut next) = (String::new(), place["next"].as_u64().unwrap());
    let of_task = lines.iter().map(|line| &line.frame);
    let of_task = of_task.filter(|frame| frame["task_id"] == place["task_id"]);
    for frame in of_task.skip_while(|frame| frame["offset"] != place["next"]) {
        assert_eq!(frame["offset"], next, "no gap, no double");
        next = frame["next"].as_u64().unwrap();
        text.push_str(frame["text"].as_str().unwrap());
    }
    assert_eq!(text, (0..LINES).map(long_line).collect::<String>());
    world.say(&place, "and on".to_owned());
    let on = late.next().await.unwrap().frame;
    assert_eq!(
        (on["offset"].as_u64(), &on["text"]),
        (Some(next), &"and on".into())
    );
    world.gate.send_replace(true);
}
