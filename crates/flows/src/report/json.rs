//! A report as JSON: the same facts for programs.

use super::facts::{self, End};
use super::findings::{self, Judged};
use crate::bundle::size_word;
use crate::definition::{Checked, CheckedStep};
use crate::json::to_json;
use domain::{Change, Run, Step, StepKey, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The report of a run.
pub(crate) fn json(run: &Run, flow: &Checked) -> Json {
    let start = run.start();
    let usage = run.usage();
    json!({
        "run": { "id": run.id().to_string(), "slug": start.slug, "base": start.base, "head": run.line() },
        "flow": { "name": flow.name, "version": flow.version, "hash": start.flow.hash },
        "question": start.input.question,
        "size": size_word(start.input.size),
        "fast": start.input.fast,
        "agent": start.input.agent.as_str(),
        "model": start.input.model,
        "inputs": start.input.extra.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<BTreeMap<_, _>>(),
        "answer": answer(run, flow),
        "findings": findings(run, flow),
        "steps": flow.steps.iter().map(|step| step_json(run, step)).collect::<Vec<_>>(),
        "usage": {
            "input_uncached": usage.input_uncached,
            "input_cached": usage.input_cached,
            "output": usage.output,
            "cost_micros": usage.cost_micros,
        },
    })
}

/// The last answer that a step gave in words.
fn answer(run: &Run, flow: &Checked) -> Option<String> {
    let outputs = flow
        .steps
        .iter()
        .flat_map(|step| findings::outputs(run, &step.plan.id));
    outputs
        .filter_map(|output| output.get("answer").and_then(Value::as_text).map(str::to_owned))
        .next_back()
}

fn findings(run: &Run, flow: &Checked) -> Vec<Json> {
    let lists = findings::all(run, flow);
    lists
        .iter()
        .flat_map(|list| list.items.iter().map(|item| finding(list.step.as_str(), item)))
        .collect()
}

fn finding(step: &str, judged: &Judged) -> Json {
    let verdicts = judged
        .verdicts
        .iter()
        .map(|one| json!({ "verdict": one.verdict, "reason": one.reason }));
    json!({
        "step": step,
        "number": judged.number,
        "item": to_json(&judged.item),
        "refuted": judged.is_refuted(),
        "verdicts": verdicts.collect::<Vec<_>>(),
    })
}

fn step_json(run: &Run, step: &CheckedStep) -> Json {
    let instances = run
        .instances(&step.plan.id)
        .map(|(key, instance)| instance_json(step, key, instance));
    json!({
        "id": step.plan.id.as_str(),
        "title": step.plan.title,
        "kind": step.kind_word(),
        "left_out": facts::is_left_out(run, step),
        "instances": instances.collect::<Vec<_>>(),
    })
}

fn instance_json(step: &CheckedStep, key: &StepKey, instance: &Step) -> Json {
    json!({
        "key": key.to_string(),
        "label": facts::label(step, key, instance),
        "state": End::of(&instance.state).word(),
        "reason": facts::reason(instance),
        "item": to_json(&instance.item),
        "output": instance.output.as_ref().map(to_json),
        "change": instance.change.as_ref().map(change_json),
    })
}

fn change_json(change: &Change) -> Json {
    json!({
        "base": change.base,
        "head": change.head,
        "files": change.files,
        "insertions": change.insertions,
        "deletions": change.deletions,
    })
}
