//! Much said at once: readers get all of it, in far fewer frames than it was said in.

use crate::feed::Reader;
use crate::world::World;
use serde_json::Value as Json;

const LINES: usize = 3_000;

#[tokio::test]
async fn f_70_a_flood_is_told_in_few_frames_and_nothing_of_it_is_missed() {
    let world = World::new().await;
    let mut reader = Reader::open(&world, "topics=content").await;
    world.run("try", "held").await;
    let is_message = |frame: &Json| frame["type"] == "message_complete";
    reader.until(is_message).await;
    let last = reader.until(is_message).await.pop().unwrap().frame;
    for number in 0..LINES {
        world.say(&last, format!("line {number}\n"));
    }
    let is_last = |frame: &Json| {
        frame["text"]
            .as_str()
            .is_some_and(|text| text.ends_with(&format!("line {}\n", LINES - 1)))
    };
    let heard = reader.until(is_last).await;
    let mut next = last["next"].clone();
    let mut text = String::new();
    for line in &heard {
        assert_eq!(line.frame["offset"], next, "no gap, no double");
        next = line.frame["next"].clone();
        text.push_str(line.frame["text"].as_str().unwrap());
    }
    let said: String = (0..LINES).map(|number| format!("line {number}\n")).collect();
    assert_eq!(text, said);
    assert!(heard.len() < LINES / 4, "{} frames", heard.len());
    world.gate.send_replace(true);
}
