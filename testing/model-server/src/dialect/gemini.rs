//! Gemini's generateContent, as gemini speaks it.

use serde_json::{Value, json};

use super::{list, named};
use crate::answer::{Answer, Frame, fresh_id};
use crate::asked::{Message, Speaker, Tool, text_of};

pub(super) fn tools(offered: &[Value]) -> Vec<Tool> {
    let declared = offered
        .iter()
        .flat_map(|group| list(&group["functionDeclarations"]));
    let tool = |function: &Value| {
        let schema = function
            .get("parametersJsonSchema")
            .unwrap_or(&function["parameters"]);
        named(&function["name"], schema)
    };
    declared.filter_map(tool).collect()
}

pub(super) fn messages(body: &Value) -> Vec<Message> {
    list(&body["contents"]).map(message).collect()
}

fn message(content: &Value) -> Message {
    let speaker = match list(&content["parts"]).any(|part| part.get("functionResponse").is_some()) {
        true => Speaker::Other,
        false => Speaker::of(&content["role"]),
    };
    Message {
        speaker,
        text: text_of(&content["parts"]),
    }
}

pub(super) fn whole(answer: &Answer) -> Value {
    let text = answer.has_text().then(|| json!({"text": answer.text}));
    let parts: Vec<Value> = text.into_iter().chain(calls(answer)).collect();
    last(candidate(answer, &parts), answer)
}

pub(super) fn frames(answer: &Answer) -> Vec<Frame> {
    let pieces = if answer.has_text() {
        answer.pieces()
    } else {
        Vec::new()
    };
    let parts: Vec<Value> = pieces
        .into_iter()
        .map(|piece| json!({"text": piece}))
        .chain(calls(answer))
        .collect();
    let mut documents: Vec<Value> = parts.into_iter().map(|part| candidate(answer, &[part])).collect();
    if let Some(document) = documents.pop() {
        documents.push(last(document, answer));
    }
    documents.iter().map(Frame::plain).collect()
}

fn calls(answer: &Answer) -> impl Iterator<Item = Value> {
    answer.calls.iter().map(|call| {
        json!({"functionCall": {"id": fresh_id("fc"), "name": call.name, "args": call.input.arguments()}})
    })
}

fn candidate(answer: &Answer, parts: &[Value]) -> Value {
    json!({
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}}],
        "modelVersion": answer.model,
        "responseId": fresh_id("resp"),
    })
}

/// Only the last document says why it ended and what it cost.
fn last(mut document: Value, answer: &Answer) -> Value {
    let tokens = answer.tokens;
    document["candidates"][0]["finishReason"] = json!("STOP");
    document["usageMetadata"] = json!({
        "promptTokenCount": tokens.input,
        "cachedContentTokenCount": tokens.cached,
        "candidatesTokenCount": tokens.output,
        "totalTokenCount": tokens.input + tokens.output,
    });
    document
}
