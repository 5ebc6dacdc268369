//! A report as Markdown.

use super::facts::{self, End};
use super::findings::{self, Findings, Judged};
use super::text;
use crate::definition::{Checked, CheckedStep};
use crate::json::pretty;
use domain::{Change, Run, StepKind, Value};

/// The report of a run.
pub(crate) fn markdown(run: &Run, flow: &Checked) -> String {
    let findings = findings::all(run, flow);
    let mut out = String::new();
    header(&mut out, run, flow);
    failures(&mut out, run, flow);
    answers(&mut out, run, flow);
    // What was said last stands first: the statements of the answer before the facts it was made from.
    findings
        .iter()
        .rev()
        .for_each(|list| section(&mut out, list, flow));
    steps(&mut out, run, flow, &findings);
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}

fn header(out: &mut String, run: &Run, flow: &Checked) {
    let start = run.start();
    out.push_str(&format!("# Report: {}\n\n", flow.name));
    let mut line = |name: &str, value: &str| out.push_str(&format!("- **{name}:** {value}\n"));
    line("Question", &text::inline(&start.input.question));
    line(
        "Flow",
        &format!(
            "{} version {}, size {}",
            text::code(&flow.name),
            flow.version,
            facts::size(run)
        ),
    );
    line("Agent", &text::code(start.input.agent.as_str()));
    line("Model", &text::inline(facts::model(run)));
    let from = if start.base.is_empty() {
        String::new()
    } else {
        format!(", from {}", text::code(short(&start.base)))
    };
    line("Run", &format!("{}{from}", text::code(&start.slug)));
    for input in flow.inputs.iter().filter(|input| input.name != "question") {
        let given = start.input.extra.get(&input.name);
        if let Some(given) = given.filter(|given| given.is_truthy() && input.default.as_ref() != Some(*given))
        {
            line(&format!("Input {}", input.name), &text::code(&given.to_string()));
        }
    }
    line("Result", &result(run, flow));
    out.push('\n');
}

fn result(run: &Run, flow: &Checked) -> String {
    let files: u32 = facts::changes(run, flow).map(|change| change.files).sum();
    let is_writing = flow
        .steps
        .iter()
        .any(|step| step.plan.access == domain::Access::Write);
    match (files, is_writing) {
        (0, false) => "this report; the flow changes nothing".to_owned(),
        (0, true) => "no file was changed".to_owned(),
        (_, _) => {
            let branch = text::code(&format!("partita/{}", run.start().slug));
            let head = if run.line().is_empty() {
                String::new()
            } else {
                format!(" at {}", text::code(short(run.line())))
            };
            format!("branch {branch}{head}")
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// What did not work stands first: nobody may take half an answer for a whole one.
fn failures(out: &mut String, run: &Run, flow: &Checked) {
    let mut lines = Vec::new();
    for step in &flow.steps {
        for (key, instance) in run.instances(&step.plan.id) {
            let end = End::of(&instance.state);
            if end == End::Done {
                continue;
            }
            let why = facts::reason(instance)
                .map(|why| format!(": {}", text::inline(why)))
                .unwrap_or_default();
            lines.push(format!(
                "- {} — {}{why}\n",
                text::inline(&facts::label(step, key, instance)),
                end.word()
            ));
        }
    }
    if !lines.is_empty() {
        out.push_str("## What did not work\n\n");
        lines.iter().for_each(|line| out.push_str(line));
        out.push('\n');
    }
}

fn answers(out: &mut String, run: &Run, flow: &Checked) {
    for step in &flow.steps {
        for output in findings::outputs(run, &step.plan.id) {
            if let Some(answer) = output.get("answer").and_then(Value::as_text) {
                let title = text::inline(&step.plan.title);
                out.push_str(&format!("## {title}\n\n{}\n", text::block(answer, "")));
            }
        }
    }
}

fn section(out: &mut String, list: &Findings, flow: &Checked) {
    let title = title_of(list, flow);
    let mut items: Vec<&Judged> = list.items.iter().collect();
    items.sort_by_key(|item| item.rank());
    let (refuted, standing): (Vec<&Judged>, Vec<&Judged>) =
        items.into_iter().partition(|item| item.is_refuted());
    out.push_str(&format!("## {title}\n\n"));
    if standing.is_empty() {
        let none = if refuted.is_empty() {
            "None."
        } else {
            "None stands."
        };
        out.push_str(&format!("{none}\n\n"));
    }
    standing.iter().for_each(|item| finding(out, item));
    if !refuted.is_empty() {
        out.push_str(&format!(
            "### Refuted\n\n{}\n\n",
            "Reported, and then found not to hold."
        ));
        refuted.iter().for_each(|item| finding(out, item));
    }
}

fn title_of(list: &Findings, flow: &Checked) -> String {
    let step = flow.step(&list.step);
    let is_fold = step.is_some_and(|step| step.plan.kind == StepKind::Fold);
    let has_severities = list.items.iter().any(|item| item.item.get("severity").is_some());
    match (is_fold, has_severities || list.items.is_empty()) {
        (true, true) => "Findings".to_owned(),
        (true, false) => "Facts".to_owned(),
        (false, _) => step.map_or_else(String::new, |step| {
            format!("{}: what it rests on", text::inline(&step.plan.title))
        }),
    }
}

fn finding(out: &mut String, judged: &Judged) {
    let item = &judged.item;
    let part = |name: &str| {
        item.get(name)
            .and_then(Value::as_text)
            .map(str::trim)
            .filter(|part| !part.is_empty())
    };
    let severity = part("severity")
        .map(|severity| format!("{}: ", text::inline(severity)))
        .unwrap_or_default();
    let title = part("title").map_or_else(|| text::inline(&item.to_string()), text::inline);
    let place = part("file").map(|file| {
        let line = item
            .get("line")
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        format!(" — {}", text::code(&format!("{file}{line}")))
    });
    out.push_str(&format!(
        "**{}. {severity}{title}**{}\n\n",
        judged.number,
        place.unwrap_or_default()
    ));
    if let Some(quote) = part("quote") {
        out.push_str(&text::quote(quote, ""));
        out.push('\n');
    }
    for words in ["explanation", "suggestion"].into_iter().filter_map(part) {
        out.push_str(&text::block(words, ""));
        out.push('\n');
    }
    for verdict in &judged.verdicts {
        out.push_str(&format!(
            "- {}: {}\n",
            text::inline(&verdict.verdict),
            text::inline(&verdict.reason)
        ));
    }
    if !judged.verdicts.is_empty() {
        out.push('\n');
    }
}

fn steps(out: &mut String, run: &Run, flow: &Checked, findings: &[Findings]) {
    out.push_str("## Steps\n\n");
    for step in &flow.steps {
        let title = text::inline(&step.plan.title);
        if facts::is_left_out(run, step) {
            out.push_str(&format!("- {title}: left out, it did not apply\n"));
            continue;
        }
        for (key, instance) in run.instances(&step.plan.id) {
            let label = text::inline(&facts::label(step, key, instance));
            let change = instance.change.as_ref().map(changed).unwrap_or_default();
            out.push_str(&format!(
                "- {label}: {}{change}\n",
                End::of(&instance.state).word()
            ));
        }
    }
    out.push('\n');
    for step in &flow.steps {
        details(out, run, flow, (step, findings));
    }
}

fn changed(change: &Change) -> String {
    let files = if change.files == 1 { "file" } else { "files" };
    format!(
        ", changed {} {files} (+{} −{})",
        change.files, change.insertions, change.deletions
    )
}

/// What a step said that stands nowhere else in the report.
fn details(out: &mut String, run: &Run, flow: &Checked, (step, findings): (&CheckedStep, &[Findings])) {
    let id = &step.plan.id;
    // What a fold would have gathered stands here when it never came to that.
    let gathers = |other: &CheckedStep| {
        let is_fold = other.plan.kind == StepKind::Fold && other.plan.needs.contains(id);
        is_fold && findings::holds(findings, &other.plan.id)
    };
    let is_gathered = flow.steps.iter().any(gathers);
    let is_judged = findings::holds(findings, id);
    if step.plan.kind == StepKind::Fold {
        return;
    }
    for (key, instance) in run.instances(id) {
        let Some(output) = &instance.output else { continue };
        let words = words(step, output, !is_gathered && !is_judged);
        if !words.is_empty() {
            out.push_str(&format!(
                "### {}\n\n{words}",
                text::inline(&facts::label(step, key, instance))
            ));
        }
    }
}

/// The words of an output: a text as it is, a map part by part. Lists stand here unless they stand above.
fn words(step: &CheckedStep, output: &Value, with_lists: bool) -> String {
    let Value::Map(entries) = output else {
        return part(output, with_lists);
    };
    let order = step
        .texts
        .schema
        .as_ref()
        .map(|schema| schema.parts.as_slice())
        .unwrap_or_default();
    let place = |name: &str| {
        order
            .iter()
            .position(|known| known == name)
            .unwrap_or(order.len())
    };
    let mut parts: Vec<(&String, &Value)> = entries
        .iter()
        .filter(|(name, _)| *name != "answer" && *name != "verdicts")
        .collect();
    parts.sort_by_key(|(name, _)| place(name));
    let mut out = String::new();
    for (name, value) in parts {
        let words = part(value, with_lists);
        match (words.is_empty(), name.as_str(), value) {
            (true, _, _) => {}
            (false, "summary", _) => out.push_str(&words),
            (false, _, Value::Text(_) | Value::List(_) | Value::Map(_)) => {
                out.push_str(&format!("**{}:**\n\n{words}", named(name)));
            }
            (false, _, Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_)) => {
                out.push_str(&format!("**{}:** {words}", named(name)));
            }
        }
    }
    out
}

/// The name of a part as people read it: `is_reproduced` is "Reproduced".
fn named(name: &str) -> String {
    let words = name.strip_prefix("is_").unwrap_or(name).replace('_', " ");
    let mut letters = words.chars();
    let name: String = letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    });
    text::inline(&name)
}

/// One value, ended by an empty line; nothing for what is empty.
fn part(value: &Value, with_lists: bool) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(is) => format!("{}\n\n", if *is { "yes" } else { "no" }),
        Value::Int(_) | Value::Float(_) => format!("{value}\n\n"),
        Value::Text(words) if words.trim().is_empty() => String::new(),
        Value::Text(words) => format!("{}\n", text::block(words, "")),
        Value::List(items) if !with_lists || items.is_empty() => String::new(),
        Value::List(items) => format!("{}\n", items.iter().map(item).collect::<String>()),
        Value::Map(entries) if entries.is_empty() => String::new(),
        Value::Map(_) => format!("{}\n", text::quote(&pretty(value), "")),
    }
}

/// One item of a list that is no finding: its title and place, or whatever it is.
fn item(value: &Value) -> String {
    let title = value
        .get("title")
        .or(Some(value))
        .map(|title| text::inline(&title.to_string()))
        .unwrap_or_default();
    let place = value.get("file").and_then(Value::as_text).map(|file| {
        let line = value
            .get("line")
            .map(|line| format!(":{line}"))
            .unwrap_or_default();
        format!(" — {}", text::code(&format!("{file}{line}")))
    });
    let severity = value
        .get("severity")
        .map(|severity| format!("{}: ", text::inline(&severity.to_string())));
    format!(
        "- {}{title}{}\n",
        severity.unwrap_or_default(),
        place.unwrap_or_default()
    )
}
