//! The OpenAPI document: committed, and the same as the routes say.

use crate::world::World;
use std::path::Path;

#[tokio::test]
async fn s3_31_the_document_is_the_one_that_is_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/openapi.json");
    let document = server::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == document,
        "the API changed: run `UPDATE=1 cargo test -p server document` and commit"
    );
    let served = World::new().await.get("/api/openapi.json").await.json();
    assert_eq!(
        served,
        serde_json::from_str::<serde_json::Value>(&document).unwrap()
    );
}

#[test]
fn every_answer_of_the_document_has_a_schema_that_is_there() {
    let document = serde_json::to_value(server::document()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    let named = text
        .split("#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap());
    for name in named {
        assert!(schemas.contains_key(name), "{name}");
    }
    for frame in [
        "Frame",
        "FlowRunStarted",
        "FlowRunStepUpdated",
        "Delta",
        "ToolCall",
        "MessageComplete",
    ] {
        assert!(schemas.contains_key(frame), "{frame}");
    }
}
