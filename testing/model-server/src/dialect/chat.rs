//! OpenAI chat completions, as qwen and opencode speak it.

use serde_json::{Value, json};

use super::{list, named};
use crate::answer::{Answer, Frame, fresh_id, since_epoch};
use crate::asked::{Message, Speaker, Tool, text_of};

pub(super) fn tools(offered: &[Value]) -> Vec<Tool> {
    offered
        .iter()
        .filter_map(|tool| named(&tool["function"]["name"], &tool["function"]["parameters"]))
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
    let mut message = json!({"role": "assistant", "content": null});
    if answer.has_text() {
        message["content"] = json!(answer.text);
    }
    if !answer.calls.is_empty() {
        message["tool_calls"] = json!(calls(answer));
    }
    let mut whole = head(answer, "chat.completion");
    whole["choices"] = json!([{"index": 0, "message": message, "finish_reason": finish(answer)}]);
    whole["usage"] = usage(answer);
    whole
}

pub(super) fn frames(answer: &Answer) -> Vec<Frame> {
    let head = head(answer, "chat.completion.chunk");
    let chunk = |delta: Value, finish: Value| {
        let mut chunk = head.clone();
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        Frame::plain(&chunk)
    };
    let mut frames = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    for piece in answer.pieces().into_iter().filter(|piece| !piece.is_empty()) {
        frames.push(chunk(json!({"content": piece}), Value::Null));
    }
    for (index, mut call) in calls(answer).into_iter().enumerate() {
        call["index"] = json!(index);
        frames.push(chunk(json!({"tool_calls": [call]}), Value::Null));
    }
    frames.push(chunk(json!({}), json!(finish(answer))));
    let mut last = head.clone();
    last["choices"] = json!([]);
    last["usage"] = usage(answer);
    frames.push(Frame::plain(&last));
    frames.push(Frame {
        event: None,
        data: "[DONE]".to_owned(),
    });
    frames
}

fn head(answer: &Answer, object: &str) -> Value {
    json!({
        "id": fresh_id("chatcmpl"),
        "object": object,
        "created": since_epoch().as_secs(),
        "model": answer.model,
    })
}

fn calls(answer: &Answer) -> Vec<Value> {
    let call = |call: &crate::answer::ToolCall| {
        let function = json!({"name": call.name, "arguments": call.input.arguments().to_string()});
        json!({"id": fresh_id("call"), "type": "function", "function": function})
    };
    answer.calls.iter().map(call).collect()
}

fn finish(answer: &Answer) -> &'static str {
    if answer.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    }
}

fn usage(answer: &Answer) -> Value {
    let tokens = answer.tokens;
    json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
    })
}
