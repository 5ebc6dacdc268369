//! The formats of flow files and of a project's own file as JSON schemas, for editors and other programs. The reader in `read` decides; a test holds
//! the two together.

use schemars::JsonSchema;
use std::collections::BTreeMap;

/// The JSON schema of a flow file, as it is published in `docs/flow.schema.json`.
#[must_use]
pub fn flow_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Flow);
    schema.insert(
        "$id".to_owned(),
        "https://example.invalid/partita/flow.schema.json".into(),
    );
    schema.to_value()
}

/// The JSON schema of a project's own file, as it is published in `docs/partita.schema.json`.
#[must_use]
pub fn project_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Project);
    schema.insert(
        "$id".to_owned(),
        "https://example.invalid/partita/partita.schema.json".into(),
    );
    schema.to_value()
}

/// What a project says of itself, in `.partita/partita.toml`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Project {
    /// A shell command that must pass before what an agent wrote counts as done, where neither the flow nor the person
    /// says another.
    gate: Option<String>,
    /// A shell command that makes a fresh working copy ready before anybody writes in it.
    setup: Option<String>,
    /// How long the setup may take, as `10m`, which it is when left out.
    setup_timeout: Option<String>,
    /// What the setup may reach; `none` when left out.
    setup_network: Option<Network>,
    /// The agent when nobody names one.
    agent: Option<String>,
    /// The model when nobody names one.
    model: Option<String>,
    /// The size when nobody names one.
    size: Option<Size>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Size {
    Small,
    Medium,
    Large,
}

/// A flow: steps and what they need.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Flow {
    /// Small letters, digits and `-`; in a project it is also the name of the file.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,39}$"))]
    name: String,
    category: Category,
    /// One line that says what the flow is for.
    #[schemars(length(max = 200))]
    summary: String,
    /// The flow's own version number; 1 when left out.
    version: Option<u32>,
    /// What the three sizes mean: values that expressions and prompts see as `size.<name>`.
    size: Option<Sizes>,
    /// What the flow takes beside the question; prompts see it as `input.<name>`.
    input: Option<BTreeMap<String, Input>>,
    /// The steps, in any order; each comes after those that it needs.
    #[schemars(length(min = 1, max = 100))]
    step: Vec<Step>,
}

/// Where people look for the flow.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Category {
    Analysis,
    Discovery,
    Planning,
    Authoring,
    Review,
}

/// All three sizes, with the same names in each.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Sizes {
    small: BTreeMap<String, serde_json::Value>,
    medium: BTreeMap<String, serde_json::Value>,
    large: BTreeMap<String, serde_json::Value>,
}

/// Something that a flow takes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Input {
    /// `text` when left out. A `command` is a shell command line of the person's own and enters commands unquoted.
    r#type: Option<InputType>,
    /// What stands for it when it is not given.
    default: Option<serde_json::Value>,
    /// Whether a run cannot start without it.
    required: Option<bool>,
    /// One line for the person who is asked.
    summary: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum InputType {
    Text,
    Bool,
    Number,
    List,
    Command,
}

/// One node of a flow.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Step {
    /// Small letters, digits and `_`; expressions and prompts know the step's output by it.
    #[schemars(regex(pattern = "^[a-z][a-z0-9_]{0,39}$"))]
    id: String,
    /// What people call it; made from the id when left out.
    title: Option<String>,
    kind: Kind,
    /// Steps that come before.
    needs: Option<Vec<String>>,
    /// One instance for each item of this list: an expression, as `size.angles` or `scan.files`.
    each: Option<String>,
    /// The step applies only when this expression holds.
    when: Option<String>,
    /// How the ends of its needs let it begin; `all_success` when left out.
    trigger: Option<Trigger>,
    /// Who the agent is: a file in `.partita/personas`, or a built-in one.
    persona: Option<String>,
    /// `read` when left out. Enforced, not asked for.
    access: Option<Access>,
    /// What the agent is told: a template.
    prompt: Option<String>,
    /// What a step of kind `command` runs: a template in which every value is quoted for the shell.
    command: Option<String>,
    /// A JSON schema for the output: a file, relative to the flow file.
    output: Option<String>,
    /// A JSON schema for the output, written here.
    output_schema: Option<BTreeMap<String, serde_json::Value>>,
    /// Rules that become part of the prompt; `evidence` is checked by code.
    contracts: Option<Vec<Contract>>,
    /// A command that must pass before the step counts as done.
    gate: Option<String>,
    /// What happens after a failed try.
    retry: Option<Retry>,
    /// Wall-clock limit of one try, as `20m`.
    timeout: Option<String>,
    /// How long a try may be silent, as `5m`.
    idle_timeout: Option<String>,
    /// The agent that does it; the run's when left out.
    agent: Option<String>,
    /// Agents in the order of preference, instead of `agent`.
    agents: Option<Vec<String>>,
    /// The model to ask for; the run's when left out.
    model: Option<String>,
    /// `open` for agents and `none` for commands when left out.
    network: Option<Network>,
    /// Left out of runs in which speed matters.
    skip_when_fast: Option<bool>,
}

/// What doing a step means.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Kind {
    /// An agent gets a prompt.
    Agent,
    /// A command runs in the sandbox.
    Command,
    /// Code gathers the lists of its needs into `{count, items}`.
    Fold,
    /// Code brings the changes of fan-out writers together.
    Merge,
    /// A person says yes or no.
    Approval,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Trigger {
    AllSuccess,
    AllDone,
    OneSuccess,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Access {
    Read,
    Write,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Contract {
    Evidence,
    Yagni,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is wanted")]
enum Network {
    None,
    Open,
}

/// `min(cap, base·2ⁿ)` plus jitter, `max` times exactly.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Retry {
    /// Tries after the first; 0 means none, 2 when left out.
    #[schemars(range(max = 20))]
    max: Option<u32>,
    /// The first pause, as `5s`.
    base: Option<String>,
    /// No pause is longer, as `5m`.
    cap: Option<String>,
}
