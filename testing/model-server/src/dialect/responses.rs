//! OpenAI Responses, as codex speaks it: free-form tools and tools in namespaces besides the usual ones.

use serde_json::{Value, json};

use super::list;
use crate::answer::{Answer, Frame, Input, ToolCall, fresh_id, since_epoch};
use crate::asked::{Message, Speaker, Tool, text_of};

pub(super) fn tools(offered: &[Value]) -> Vec<Tool> {
    let one = |tool: &Value, namespace: Option<&str>| {
        // Built-in tools have a type and no name.
        let name = tool["name"].as_str().or(tool["type"].as_str())?;
        Some(Tool {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            schema: tool["parameters"].clone(),
            is_freeform: tool["type"] == "custom",
        })
    };
    let group = |tool: &Value| -> Vec<Tool> {
        match tool["type"].as_str() {
            Some("namespace") => list(&tool["tools"])
                .filter_map(|inner| one(inner, tool["name"].as_str()))
                .collect(),
            _ => one(tool, None).into_iter().collect(),
        }
    };
    offered.iter().flat_map(group).collect()
}

pub(super) fn messages(body: &Value) -> Vec<Message> {
    if let Some(text) = body["input"].as_str() {
        return vec![Message {
            speaker: Speaker::User,
            text: text.to_owned(),
        }];
    }
    list(&body["input"]).map(message).collect()
}

fn message(item: &Value) -> Message {
    let speaker = match item["type"].as_str() {
        Some("message") | None => Speaker::of(&item["role"]),
        Some("function_call" | "custom_tool_call" | "reasoning") => Speaker::Model,
        Some(_) => Speaker::Other,
    };
    Message {
        speaker,
        text: text_of(&item["content"]),
    }
}

pub(super) fn whole(answer: &Answer) -> Value {
    completed(&head(answer), &items(answer), answer)
}

pub(super) fn frames(answer: &Answer) -> Vec<Frame> {
    let (head, items) = (head(answer), items(answer));
    let mut started = head.clone();
    started["status"] = json!("in_progress");
    started["output"] = json!([]);
    let mut events = vec![json!({"type": "response.created", "response": started})];
    for (index, item) in items.iter().enumerate() {
        events.extend(item_events(index, item, answer));
    }
    events.push(json!({"type": "response.completed", "response": completed(&head, &items, answer)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    events.iter().map(Frame::typed).collect()
}

fn item_events(index: usize, item: &Value, answer: &Answer) -> Vec<Value> {
    let mut added = item.clone();
    let mut deltas = Vec::new();
    if item["type"] == "message" {
        added["status"] = json!("in_progress");
        added["content"] = json!([]);
        let delta = |piece: &str| {
            json!({
                "type": "response.output_text.delta",
                "item_id": item["id"],
                "output_index": index,
                "content_index": 0,
                "delta": piece,
            })
        };
        deltas = answer.pieces().into_iter().map(delta).collect();
    }
    let mut events =
        vec![json!({"type": "response.output_item.added", "output_index": index, "item": added})];
    events.extend(deltas);
    events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    events
}

fn items(answer: &Answer) -> Vec<Value> {
    let text = json!({"type": "output_text", "text": answer.text, "annotations": []});
    let message = json!({
        "type": "message",
        "id": fresh_id("msg"),
        "role": "assistant",
        "status": "completed",
        "content": [text],
    });
    answer
        .has_text()
        .then_some(message)
        .into_iter()
        .chain(answer.calls.iter().map(call))
        .collect()
}

fn call(call: &ToolCall) -> Value {
    let mut item = json!({
        "id": fresh_id("fc"),
        "call_id": fresh_id("call"),
        "name": call.name,
        "status": "completed",
    });
    if let Some(namespace) = &call.namespace {
        item["namespace"] = json!(namespace);
    }
    match &call.input {
        Input::Arguments(arguments) => {
            item["type"] = json!("function_call");
            item["arguments"] = json!(arguments.to_string());
        }
        Input::Freeform(text) => {
            item["type"] = json!("custom_tool_call");
            item["input"] = json!(text);
        }
    }
    item
}

fn head(answer: &Answer) -> Value {
    json!({
        "id": fresh_id("resp"),
        "object": "response",
        "created_at": since_epoch().as_secs(),
        "model": answer.model,
    })
}

fn completed(head: &Value, items: &[Value], answer: &Answer) -> Value {
    let tokens = answer.tokens;
    let mut whole = head.clone();
    whole["status"] = json!("completed");
    whole["output"] = json!(items);
    whole["usage"] = json!({
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.input + tokens.output,
    });
    whole
}
