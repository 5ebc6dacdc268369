//! What the scripted model says, flow by flow: the same for all agents.

use serde_json::{Value, json};

/// A review of the sample: each angle finds one thing, the sceptic lets it stand, the writer sums up.
pub(crate) fn review() -> Value {
    json!({ "conversations": [
        { "match": "# Review: (\\w+)", "turns": [
            { "read": { "path": "sum.sh" } },
            { "text": "Read.", "text_json": {
                "summary": "One thing goes wrong.",
                "findings": [finding()],
            } },
        ] },
        { "match": "# Try to refute these findings", "turns": [{ "text_json": {
            "verdicts": [{ "finding": 1, "verdict": "stands", "reason": "sum.sh subtracts where it should add, and nothing corrects it." }],
        } }] },
        { "match": "# Sum up a review", "turns": [{ "text_json": {
            "answer": "It must not go in: the sum is wrong.",
            "claims": [{ "title": "It subtracts.", "file": "sum.sh", "line": 2, "quote": "echo $(($1 - $2))" }],
        } }] },
    ] })
}

/// A fix of the sample: the cause is found, one line is written anew, the review finds nothing.
pub(crate) fn fix() -> Value {
    json!({ "conversations": [
        { "match": "# Find the cause of a defect", "turns": [{ "text_json": {
            "is_reproduced": true,
            "how": "sum.sh 2 3 prints -1.",
            "cause": "It subtracts where it should add.",
            "plan": "Add instead.",
            "places": [{ "title": "It subtracts.", "file": "sum.sh", "line": 2, "quote": "echo $(($1 - $2))" }],
        } }] },
        { "match": "# Mend a defect", "turns": [
            // Some write only what they have read.
            { "read": { "path": "sum.sh" } },
            { "write": { "path": "sum.sh", "content": crate::world::MENDED } },
            { "text": "It adds now." },
        ] },
        { "match": "# Review a fix", "turns": [{ "text_json": { "summary": "Good.", "findings": [] } }] },
    ] })
}

fn finding() -> Value {
    json!({
        "title": "It subtracts where it should add",
        "severity": "high",
        "file": "sum.sh",
        "line": 2,
        "quote": "echo $(($1 - $2))",
        "explanation": "sum.sh 2 3 prints -1.",
    })
}

/// One conversation with whoever is told to look around.
pub(crate) fn look(turns: &[Value]) -> Value {
    json!({ "conversations": [{ "match": "# Look around", "turns": turns }] })
}

/// A flow for it: one task that reads, and `more` about its step.
pub(crate) fn look_step(more: &str) -> String {
    format!(
        "[[step]]\nid = \"look\"\nkind = \"agent\"\nprompt = \"# Look around\\n\\n{{{{ input.question }}}}\"\n{more}\n"
    )
}
