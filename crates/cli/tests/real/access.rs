//! A task that may only read, whose model tries to write all the same.

use crate::script;
use crate::world::{Agent, World};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn read_leaves_no_trace(agent: &'static Agent) {
    let world = World::new(agent, script::look(&[]));
    let project = world.env.project();
    let file = project.join("planted-by-tool.txt");
    let command = format!(
        "echo planted > {}/planted-by-shell.txt; echo planted > planted-here.txt",
        project.display()
    );
    let [write, shell] = agent.plants(&file, &command);
    let script = script::look(&[
        json!({ "calls": [write, shell, { "write": { "path": "planted-there.txt", "content": "planted\n" } }] }),
        // Slowly, so that there is a moment to look.
        json!({ "text": "I have looked around.", "delay_ms": 150 }),
    ]);
    world.play(script);
    world.flow("peek", &script::look_step("retry = { max = 0 }"));

    let slug = world.start("peek", &["--focus", "What is there?"]);
    // The agent has tried, and its working copy is still there. Its own folder for temporary files is no trace.
    world.await_requests(2);
    let traces = || [planted(&project), planted(&world.env.home().join("worktrees"))].concat();
    assert_eq!(traces(), Vec::<PathBuf>::new());
    let (code, run) = world.watch(&slug);
    assert_eq!(traces(), Vec::<PathBuf>::new());

    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");
    let told = world.last_body();
    if agent.hides_refusals {
        // It has no such tools in this mode; that is said to the model and to nobody else.
        assert_eq!(told.matches("not found in registry").count(), 2, "{told}");
        return;
    }
    let transcripts = world.transcripts(&slug);
    let entries = transcripts[0]["entries"].as_array().unwrap();
    assert!(
        entries.iter().any(is_refusal),
        "what was refused is recorded: {entries:#?}"
    );
}

/// What a transcript says of something that was not allowed, or did not succeed. opencode completes a call of what it
/// does not offer, with those words.
fn is_refusal(entry: &Value) -> bool {
    let is_unavailable = || {
        entry["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("unavailable tool"))
    };
    match entry["kind"].as_str() {
        Some("tool") => entry["status"] == "failed" || is_unavailable(),
        Some("permission") => entry["allowed"] == false,
        _ => false,
    }
}

/// Everything below a folder whose name says that it was planted.
fn planted(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with("planted") {
            found.push(path.clone());
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(planted(&path));
        }
    }
    found
}
