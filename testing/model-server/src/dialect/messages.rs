//! Anthropic Messages, as claude speaks it.

use serde_json::{Value, json};

use super::{list, named};
use crate::answer::{Answer, Frame, fresh_id};
use crate::asked::{Message, Speaker, Tool, text_of};

pub(super) fn tools(offered: &[Value]) -> Vec<Tool> {
    offered
        .iter()
        .filter_map(|tool| named(&tool["name"], &tool["input_schema"]))
        .collect()
}

pub(super) fn messages(body: &Value) -> Vec<Message> {
    list(&body["messages"])
        .map(|message| Message {
            speaker: Speaker::of(&message["role"]),
            text: text_of(&message["content"]),
        })
        .collect()
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut whole = head(answer);
    whole["content"] = json!(blocks(answer));
    whole["stop_reason"] = json!(stop_reason(answer));
    whole["stop_sequence"] = Value::Null;
    whole["usage"] = usage(answer, answer.tokens.output);
    whole
}

pub(super) fn frames(answer: &Answer) -> Vec<Frame> {
    let mut message = head(answer);
    message["content"] = json!([]);
    message["stop_reason"] = Value::Null;
    message["stop_sequence"] = Value::Null;
    // What is produced so far is all that the first event can know.
    message["usage"] = usage(answer, 1);
    let mut events = vec![json!({"type": "message_start", "message": message})];
    for (index, block) in blocks(answer).iter().enumerate() {
        events.extend(block_events(index, block, answer));
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    events
        .push(json!({"type": "message_delta", "delta": delta, "usage": usage(answer, answer.tokens.output)}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(Frame::typed).collect()
}

fn block_events(index: usize, block: &Value, answer: &Answer) -> Vec<Value> {
    let mut empty = block.clone();
    let deltas: Vec<Value> = if block["type"] == "text" {
        empty["text"] = json!("");
        answer
            .pieces()
            .into_iter()
            .map(|piece| json!({"type": "text_delta", "text": piece}))
            .collect()
    } else {
        empty["input"] = json!({});
        vec![json!({"type": "input_json_delta", "partial_json": block["input"].to_string()})]
    };
    let mut events = vec![json!({"type": "content_block_start", "index": index, "content_block": empty})];
    events.extend(
        deltas
            .iter()
            .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
    );
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

fn blocks(answer: &Answer) -> Vec<Value> {
    let text = answer
        .has_text()
        .then(|| json!({"type": "text", "text": answer.text}));
    let calls = answer.calls.iter().map(|call| {
        json!({"type": "tool_use", "id": fresh_id("toolu"), "name": call.name, "input": call.input.arguments()})
    });
    text.into_iter().chain(calls).collect()
}

fn head(answer: &Answer) -> Value {
    json!({"id": fresh_id("msg"), "type": "message", "role": "assistant", "model": answer.model})
}

fn stop_reason(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    }
}

fn usage(answer: &Answer, output_tokens: u64) -> Value {
    let tokens = answer.tokens;
    json!({
        "input_tokens": tokens.input - tokens.cached,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": output_tokens,
    })
}
