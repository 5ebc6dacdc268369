//! One `[[step]]` as it is written.

use super::fields::{self, Fields};
use crate::at::At;
use crate::diagnostic::Problems;
use domain::{Access, Network, Trigger, Value};
use std::ops::Range;
use toml::de::DeTable;

/// What doing a step means, as the file says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Agent,
    Command,
    Fold,
    Merge,
    Approval,
    /// Known to the format, not to this version.
    Subflow,
}

impl Kind {
    pub(crate) const WORDS: [(&'static str, Self); 6] = [
        ("agent", Self::Agent),
        ("command", Self::Command),
        ("fold", Self::Fold),
        ("merge", Self::Merge),
        ("approval", Self::Approval),
        ("subflow", Self::Subflow),
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Command => "command",
            Self::Fold => "fold",
            Self::Merge => "merge",
            Self::Approval => "approval",
            Self::Subflow => "subflow",
        }
    }
}

/// What a step may reach, as the file says it.
const NETWORKS: [(&str, Option<Network>); 3] = [
    ("none", Some(Network::None)),
    ("open", Some(Network::Open)),
    ("provider", None),
];

/// `retry = { max, base, cap }`.
#[derive(Clone, Debug)]
pub(crate) struct RetryFile {
    pub(crate) at: Range<usize>,
    pub(crate) max: Option<At<u32>>,
    pub(crate) base: Option<At<String>>,
    pub(crate) cap: Option<At<String>>,
}

/// A step as it is written.
#[derive(Clone, Debug)]
pub(crate) struct StepFile {
    pub(crate) at: Range<usize>,
    pub(crate) id: At<String>,
    pub(crate) title: Option<At<String>>,
    pub(crate) kind: At<Kind>,
    pub(crate) needs: Vec<At<String>>,
    pub(crate) each: Option<At<String>>,
    pub(crate) when: Option<At<String>>,
    pub(crate) trigger: Option<At<Trigger>>,
    pub(crate) persona: Option<At<String>>,
    pub(crate) access: Option<At<Access>>,
    pub(crate) prompt: Option<At<String>>,
    pub(crate) command: Option<At<String>>,
    pub(crate) output: Option<At<String>>,
    pub(crate) output_schema: Option<At<Value>>,
    pub(crate) contracts: Vec<At<String>>,
    pub(crate) gate: Option<At<String>>,
    pub(crate) retry: Option<RetryFile>,
    pub(crate) timeout: Option<At<String>>,
    pub(crate) idle_timeout: Option<At<String>>,
    pub(crate) agents: Vec<At<String>>,
    pub(crate) model: Option<At<String>>,
    pub(crate) network: Option<At<Option<Network>>>,
    pub(crate) skip_when_fast: bool,
}

/// Reads one step; none when it has no id or kind to speak of it by.
pub(super) fn read<'t>(
    at: Range<usize>,
    number: usize,
    table: &'t DeTable<'t>,
    problems: &'t Problems,
) -> Option<StepFile> {
    let name = table.get("id").and_then(|id| id.get_ref().as_str());
    let what = name.map_or_else(|| format!("step {number}"), |id| format!("step `{id}`"));
    let fields = Fields::new(table, at, what, problems);
    let step = read_fields(&fields);
    fields.finish();
    step
}

fn read_fields(fields: &Fields<'_>) -> Option<StepFile> {
    let id = fields.required_text("id");
    let kind = kind(fields);
    refuse_unavailable(fields);
    // Every field is asked for before a missing id ends the matter: all problems are said at once.
    let step = StepFile {
        at: fields.place(),
        title: fields.text("title"),
        needs: fields.texts("needs").unwrap_or_default(),
        each: fields.text("each"),
        when: fields.text("when"),
        trigger: fields.word(
            "trigger",
            &[
                ("all_success", Trigger::AllSuccess),
                ("all_done", Trigger::AllDone),
                ("one_success", Trigger::OneSuccess),
            ],
        ),
        persona: fields.text("persona"),
        access: fields.word("access", &[("read", Access::Read), ("write", Access::Write)]),
        prompt: fields.text("prompt"),
        command: fields.text("command"),
        output: fields.text("output"),
        output_schema: output_schema(fields),
        contracts: fields.texts("contracts").unwrap_or_default(),
        gate: fields.text("gate"),
        retry: retry(fields),
        timeout: fields.duration("timeout"),
        idle_timeout: fields.duration("idle_timeout"),
        agents: agents(fields),
        model: fields.text("model"),
        network: fields.word("network", &NETWORKS),
        skip_when_fast: fields.bool("skip_when_fast").is_some_and(|is| is.value),
        id: id.unwrap_or_else(|| At::new(String::new(), fields.place())),
        kind: kind
            .clone()
            .unwrap_or_else(|| At::new(Kind::Agent, fields.place())),
    };
    (!step.id.value.is_empty() && kind.is_some()).then_some(step)
}

fn kind(fields: &Fields<'_>) -> Option<At<Kind>> {
    let kind = fields.word("kind", &Kind::WORDS);
    if !fields.has("kind") {
        let problems = fields.problems();
        problems.add(
            problems
                .at(fields.place(), "a step has no `kind`", "`kind` is missing here")
                .hint("there are `agent`, `command`, `fold`, `merge` and `approval`".to_owned()),
        );
    }
    kind
}

/// Fields that the format knows and this version does not do: better refused than ignored.
fn refuse_unavailable(fields: &Fields<'_>) {
    for (name, instead) in [
        (
            "supervise",
            "leave it out; put an `approval` step where a person should look",
        ),
        (
            "budget",
            "leave it out; bound the step by `timeout`, `idle_timeout` and `retry`",
        ),
        ("flow", "write the steps of the other flow here"),
    ] {
        if let Some(at) = fields.refused(name) {
            let problems = fields.problems();
            problems.add(
                problems
                    .at(
                        at,
                        format!("`{name}` is not available in this version"),
                        "not enforced yet",
                    )
                    .hint(instead.to_owned()),
            );
        }
    }
}

fn output_schema(fields: &Fields<'_>) -> Option<At<Value>> {
    let found = fields.any("output_schema")?;
    if found.get_ref().as_table().is_none() {
        return fields.table("output_schema", "").and(None);
    }
    fields::value(found, fields.problems()).map(|value| At::new(value, found.span()))
}

fn retry(fields: &Fields<'_>) -> Option<RetryFile> {
    let table = fields.table("retry", "`retry`")?;
    let retry = RetryFile {
        at: table.place(),
        max: table.count("max"),
        base: table.duration("base"),
        cap: table.duration("cap"),
    };
    table.finish();
    Some(retry)
}

fn agents(fields: &Fields<'_>) -> Vec<At<String>> {
    let one = fields.text("agent");
    let several = fields.texts("agents");
    if let (Some(one), Some(_)) = (&one, &several) {
        let problems = fields.problems();
        problems.add(
            problems
                .at(
                    one.at.clone(),
                    "`agent` and `agents` say the same thing",
                    "use one of them",
                )
                .hint("`agents` lists agents in the order of preference".to_owned()),
        );
    }
    several.or_else(|| one.map(|one| vec![one])).unwrap_or_default()
}
