//! Each dialect over a real connection: an answer whole and streamed, a call, an error, a cut stream, a hang.

use model_server::{ModelServer, Records, Script};
use reqwest::Response;
use serde_json::{Value, json};

async fn server(script: Value) -> ModelServer {
    let script = Script::from_value(script).expect("a good script");
    ModelServer::start(script, 0, Records::default())
        .await
        .expect("a free port")
}

async fn post(server: &ModelServer, path: &str, body: Value) -> Response {
    let url = format!("{}{path}", server.base_url());
    reqwest::Client::new()
        .post(url)
        .json(&body)
        .send()
        .await
        .expect("an answer")
}

async fn json_of(response: Response) -> Value {
    response.json().await.expect("json")
}

/// The data of each event of a stream that ended well.
async fn events_of(response: Response) -> Vec<Value> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.expect("a whole stream");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or(json!(data)))
        .collect()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}})
}

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages?beta=true";
const GEMINI: &str = "/v1beta/models/gemini-x:generateContent";
const GEMINI_STREAM: &str = "/v1beta/models/gemini-x:streamGenerateContent?alt=sse";

fn chat(stream: bool) -> Value {
    let tool = json!({"type": "function", "function": {"name": "write_file", "parameters": schema()}});
    json!({"model": "m", "stream": stream, "tools": [tool], "messages": [
        {"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "go"}]}]})
}

fn responses(stream: bool) -> Value {
    let inner = json!({"type": "function", "name": "write_file", "parameters": schema()});
    let group = json!({"type": "namespace", "name": "mcp__files", "tools": [inner]});
    json!({"model": "m", "stream": stream, "tools": [group], "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]}]})
}

fn messages(stream: bool) -> Value {
    let tool = json!({"name": "Write", "input_schema": schema()});
    json!({"model": "m", "stream": stream, "tools": [tool], "messages": [{"role": "user", "content": "go"}]})
}

fn gemini() -> Value {
    let declared = json!({"name": "write_file", "parametersJsonSchema": schema()});
    json!({"tools": [{"functionDeclarations": [declared]}], "contents": [{"role": "user", "parts": [{"text": "go"}]}]})
}

/// One write, then one text, with a usage that can be recognised.
fn write_then_text() -> Value {
    json!({
        "workspace": "/w",
        "usage": {"input": 50, "cached": 20, "output": 7},
        "turns": [{"write": {"path": "a.txt", "content": "hi"}}, {"text": "All done."}],
    })
}

fn written() -> Value {
    json!({"file_path": "/w/a.txt", "content": "hi"})
}

fn parsed(arguments: &Value) -> Value {
    serde_json::from_str(arguments.as_str().expect("a string")).expect("json in it")
}

#[tokio::test]
async fn chat_completions() {
    let whole = server(write_then_text()).await;
    let call = json_of(post(&whole, CHAT, chat(false)).await).await;
    assert_eq!(call["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        parsed(&call["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]),
        written()
    );
    let text = json_of(post(&whole, CHAT, chat(false)).await).await;
    assert_eq!(
        text["choices"][0]["message"],
        json!({"role": "assistant", "content": "All done."})
    );
    assert_eq!(text["usage"]["prompt_tokens_details"]["cached_tokens"], 20);

    let streamed = server(write_then_text()).await;
    let call = events_of(post(&streamed, CHAT, chat(true)).await).await;
    assert_eq!(
        parsed(&call[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"]),
        written()
    );
    let text = events_of(post(&streamed, CHAT, chat(true)).await).await;
    let words: Vec<_> = text
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(words, ["", "All ", "done."]);
    assert_eq!(text.last(), Some(&json!("[DONE]")));
}

#[tokio::test]
async fn responses_with_a_namespace() {
    let whole = server(write_then_text()).await;
    let call = json_of(post(&whole, RESPONSES, responses(false)).await).await;
    assert_eq!(call["output"][0]["namespace"], "mcp__files");
    assert_eq!(parsed(&call["output"][0]["arguments"]), written());
    let text = json_of(post(&whole, RESPONSES, responses(false)).await).await;
    assert_eq!(text["output"][0]["content"][0]["text"], "All done.");
    assert_eq!(text["usage"]["total_tokens"], 57);

    let streamed = server(write_then_text()).await;
    let call = events_of(post(&streamed, RESPONSES, responses(true)).await).await;
    let kinds: Vec<_> = call
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.output_item.added",
            "response.output_item.done",
            "response.completed"
        ]
    );
    let text = events_of(post(&streamed, RESPONSES, responses(true)).await).await;
    assert_eq!(text[2]["delta"], "All ");
    assert_eq!(text.last().expect("events")["response"]["status"], "completed");
}

#[tokio::test]
async fn anthropic_messages() {
    let whole = server(write_then_text()).await;
    let call = json_of(post(&whole, MESSAGES, messages(false)).await).await;
    assert_eq!(
        (&call["stop_reason"], &call["content"][0]["input"]),
        (&json!("tool_use"), &written())
    );
    let text = json_of(post(&whole, MESSAGES, messages(false)).await).await;
    assert_eq!(text["content"], json!([{"type": "text", "text": "All done."}]));
    assert_eq!(text["usage"]["input_tokens"], 30);

    let streamed = server(write_then_text()).await;
    let call = events_of(post(&streamed, MESSAGES, messages(true)).await).await;
    assert_eq!(call[1]["content_block"]["input"], json!({}));
    assert_eq!(parsed(&call[2]["delta"]["partial_json"]), written());
    let text = events_of(post(&streamed, MESSAGES, messages(true)).await).await;
    assert_eq!(text[3]["delta"], json!({"type": "text_delta", "text": "done."}));
    assert_eq!(text.last(), Some(&json!({"type": "message_stop"})));

    let counted = json_of(post(&streamed, "/v1/messages/count_tokens", messages(false)).await).await;
    assert!(counted["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
}

#[tokio::test]
async fn gemini_generate_content() {
    let whole = server(write_then_text()).await;
    let call = json_of(post(&whole, GEMINI, gemini()).await).await;
    assert_eq!(
        call["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        written()
    );
    let text = json_of(post(&whole, GEMINI, gemini()).await).await;
    assert_eq!(
        text["candidates"][0]["content"]["parts"],
        json!([{"text": "All done."}])
    );
    assert_eq!(text["modelVersion"], "gemini-x");

    let streamed = server(write_then_text()).await;
    let call = events_of(post(&streamed, GEMINI_STREAM, gemini()).await).await;
    assert_eq!(
        call[0]["candidates"][0]["content"]["parts"][0]["functionCall"]["args"],
        written()
    );
    let text = events_of(post(&streamed, GEMINI_STREAM, gemini()).await).await;
    assert_eq!(text[0].get("usageMetadata"), None);
    assert_eq!(text[1]["usageMetadata"]["cachedContentTokenCount"], 20);

    let counted = json_of(post(&streamed, "/v1beta/models/gemini-x:countTokens", gemini()).await).await;
    assert!(counted["totalTokens"].as_u64().is_some_and(|tokens| tokens > 0));
}

#[tokio::test]
async fn a_cut_stream_delivers_its_first_frames_and_breaks() {
    let requests = [
        (CHAT, chat(true)),
        (RESPONSES, responses(true)),
        (MESSAGES, messages(true)),
        (GEMINI_STREAM, gemini()),
    ];
    for (path, body) in requests {
        let server = server(json!({"turns": [{"text": "one two three four", "cut_after": 2}]})).await;
        let mut response = post(&server, path, body).await;
        let mut received = Vec::new();
        let ending = loop {
            match response.chunk().await {
                Ok(Some(bytes)) => received.extend_from_slice(&bytes),
                Ok(None) => break "ended",
                Err(_) => break "broke",
            }
        };
        let frames = String::from_utf8_lossy(&received).matches("data: ").count();
        assert_eq!((frames, ending), (2, "broke"), "{path}");
    }
}

#[tokio::test]
async fn errors_repeat_and_then_the_script_goes_on() {
    let server = server(json!({"turns": [
        {"status": 429, "retry_after": 2, "times": 2},
        {"limit": {"resets_in": 60}},
        {"text": "Done."},
    ]}))
    .await;
    for _ in 0..2 {
        let response = post(&server, MESSAGES, messages(true)).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (429, &"2".parse().expect("a value"))
        );
    }
    let response = post(&server, MESSAGES, messages(true)).await;
    assert!(
        response
            .headers()
            .contains_key("anthropic-ratelimit-unified-reset")
    );
    assert_eq!(
        post(&server, MESSAGES, messages(true)).await.status().as_u16(),
        200
    );
}

#[tokio::test]
async fn a_hang_ends_without_an_answer() {
    let server = server(json!({"turns": [{"hang": 0.05}]})).await;
    let url = format!("{}{CHAT}", server.base_url());
    let ending = reqwest::Client::new().post(url).json(&chat(true)).send().await;
    assert!(ending.expect_err("no answer").is_request());
}

#[tokio::test]
async fn the_state_tells_what_was_asked_and_a_new_script_starts_again() {
    let server = server(json!({
        "turns": [{"text": "shared"}],
        "conversations": [{"match": "^go$", "turns": [{"text": "mine"}, {"text": "mine, too"}]}],
    }))
    .await;
    post(&server, CHAT, chat(false)).await;
    let state: Value = json_of(
        reqwest::get(format!("{}/__state", server.base_url()))
            .await
            .expect("a state"),
    )
    .await;
    assert_eq!(state["next_turn"], 0);
    assert_eq!(state["conversations"][0]["next_turn"], 1);
    assert_eq!(state["requests"][0]["tools"], json!(["write_file"]));

    let refused = post(&server, "/__script", json!({"turns": [{}]})).await;
    assert_eq!(refused.status().as_u16(), 400);
    post(&server, "/__script", json!({"turns": [{"text": "new"}]})).await;
    let answer = json_of(post(&server, CHAT, chat(false)).await).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "new");
    assert_eq!(server.state()["requests"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn models_are_listed() {
    let server = server(json!({"model": "scripted-9"})).await;
    let list = json_of(
        reqwest::get(format!("{}/v1/models", server.base_url()))
            .await
            .expect("a list"),
    )
    .await;
    assert_eq!(list["data"][0]["id"], "scripted-9");
    let list = json_of(
        reqwest::get(format!("{}/v1beta/models", server.base_url()))
            .await
            .expect("a list"),
    )
    .await;
    assert_eq!(list["models"][0]["name"], "models/scripted-9");
}
