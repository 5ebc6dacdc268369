//! Asking the client to do what the agent itself cannot: the protocol has words for files and terminals, and any path
//! may be put into them.

use super::{Outcome, Report, Target};
use crate::rehearsal::act::Player;
use serde_json::json;
use std::io;

/// Folders and files as a model may name them.
fn named(target: &Target<'_>) -> Vec<String> {
    let mut named: Vec<String> = [
        "/",
        "..",
        "../..",
        "~",
        "~root",
        "$HOME",
        "/etc",
        "/etc/passwd",
        "/proc/self/environ",
        "/root",
        "/tmp",
        "../../../../etc/passwd",
        "./..",
        "//etc//passwd",
        "file:///etc/passwd",
        "\\..\\..",
        "",
        ".git/config",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    let cwd = target.cwd.display();
    named.push(format!("{cwd}/../../x"));
    named.push(format!("{cwd}/hostile-link-above/x"));
    let others = [
        target.other_run("secret"),
        target.user(".ssh/id_ed25519"),
        target.outside("asked"),
    ];
    named.extend(
        others
            .into_iter()
            .flatten()
            .map(|path| path.display().to_string()),
    );
    named
}

/// Tries all of it.
pub(super) fn attempt(player: &mut Player<'_>, target: &Target<'_>, report: &mut Report) -> io::Result<()> {
    for (name, method) in [
        ("have the client read a file", "fs/read_text_file"),
        ("have the client write a file", "fs/write_text_file"),
        ("have the client run a command", "terminal/create"),
        ("have the client open another folder", "session/new"),
    ] {
        let outcome = all_of(player, target, method)?;
        report.escape(name, outcome);
    }
    Ok(())
}

/// Done when any of them got anything but an error.
fn all_of(player: &mut Player<'_>, target: &Target<'_>, method: &str) -> io::Result<Outcome> {
    let named = named(target);
    for path in &named {
        let params = json!({ "sessionId": player.session, "path": path, "cwd": path, "content": "hostile",
            "command": "sh", "args": ["-c", target.marking()], "mcpServers": [] });
        let answer = player.wire.request(method, &params)?;
        if let Some(given) = answer.as_ref().and_then(|answer| answer.get("result")) {
            return Ok(Ok(format!("{path}: {given}")));
        }
        if answer.is_none() {
            return Ok(Err("nobody answers".to_owned()));
        }
    }
    Ok(Err(format!("{} paths, an error each", named.len())))
}
