//! Fits a scripted call to the tools that this agent offers: another name and other argument names in each.
//!
//! Owns the known tool names and argument names. A write or read without a fitting tool falls back to the shell.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::answer::{Input, ToolCall};
use crate::asked::Tool;
use crate::script::{AskCall, Call, NamedCall, PlanExitCall, ReadCall, ShellCall, WriteCall};

// The names in known agents, the preferred first; compared without regard to case.
const WRITE: &[&str] = &["write", "write_file", "create_file", "apply_patch"];
const SHELL: &[&str] = &[
    "bash",
    "run_shell_command",
    "shell_command",
    "exec_command",
    "shell",
    "local_shell",
    "exec",
];
const READ: &[&str] = &["read", "read_file"];
const ASK: &[&str] = &[
    "askuserquestion",
    "ask_user_question",
    "ask_user",
    "request_user_input",
    "question",
];
const PLAN_EXIT: &[&str] = &["exitplanmode", "exit_plan_mode", "plan_exit"];

/// No tool of this kind is on offer; the model says so instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoTool(pub(crate) &'static str);

/// The call as this agent understands it.
pub(crate) fn fit(call: &Call, tools: &[Tool], workspace: Option<&str>) -> Result<ToolCall, NoTool> {
    match call {
        Call::Write(call) => fit_write(call, tools, workspace),
        Call::Shell(call) => fit_shell(call, tools),
        Call::Read(call) => fit_read(call, tools, workspace),
        Call::Ask(call) => fit_ask(call, tools),
        Call::PlanExit(call) => fit_plan_exit(call, tools),
        Call::Named(call) => Ok(fit_named(call, tools)),
    }
}

fn fit_write(call: &WriteCall, tools: &[Tool], workspace: Option<&str>) -> Result<ToolCall, NoTool> {
    let path = placed(&call.path, workspace);
    let Some(tool) = offered(tools, WRITE) else {
        let command = format!("printf %s {} > {}", quoted(&call.content), quoted(&path));
        return fit_shell(&ShellCall { command }, tools).map_err(|_| NoTool("write"));
    };
    if tool.is_freeform || tool.name.eq_ignore_ascii_case("apply_patch") {
        let added: String = call.content.lines().map(|line| format!("+{line}\n")).collect();
        let patch = format!(
            "*** Begin Patch\n*** Add File: {}\n{added}*** End Patch\n",
            call.path
        );
        return Ok(match tool.is_freeform {
            true => freeform(tool, patch),
            false => with_arguments(tool, |name, _| (name == "input").then(|| json!(patch))),
        });
    }
    Ok(with_arguments(tool, |name, _| match name {
        "content" | "contents" => Some(json!(call.content)),
        _ => is_path(name).then(|| json!(path)),
    }))
}

fn fit_shell(call: &ShellCall, tools: &[Tool]) -> Result<ToolCall, NoTool> {
    let tool = offered(tools, SHELL).ok_or(NoTool("shell"))?;
    if tool.is_freeform {
        // This tool takes a program whose `tools` are the real ones.
        let command = json!(call.command);
        let program = format!("const r = await tools.exec_command({{cmd: {command}}}); text(r.output ?? r);");
        return Ok(freeform(tool, program));
    }
    Ok(with_arguments(tool, |name, schema| match name {
        "command" | "cmd" if type_of(schema) == "array" => Some(json!(["bash", "-lc", call.command])),
        "command" | "cmd" => Some(json!(call.command)),
        _ => None,
    }))
}

fn fit_read(call: &ReadCall, tools: &[Tool], workspace: Option<&str>) -> Result<ToolCall, NoTool> {
    let path = placed(&call.path, workspace);
    let Some(tool) = offered(tools, READ) else {
        let command = format!("cat {}", quoted(&path));
        return fit_shell(&ShellCall { command }, tools).map_err(|_| NoTool("read"));
    };
    Ok(with_arguments(tool, |name, _| is_path(name).then(|| json!(path))))
}

fn fit_ask(call: &AskCall, tools: &[Tool]) -> Result<ToolCall, NoTool> {
    let tool = offered(tools, ASK).ok_or(NoTool("ask"))?;
    Ok(with_arguments(tool, |name, schema| {
        (name == "questions").then(|| json!([question(call, &schema["items"]["properties"])]))
    }))
}

fn fit_plan_exit(call: &PlanExitCall, tools: &[Tool]) -> Result<ToolCall, NoTool> {
    let tool = offered(tools, PLAN_EXIT).ok_or(NoTool("plan_exit"))?;
    Ok(with_arguments(tool, |name, _| {
        (name == "plan").then(|| json!(call.plan))
    }))
}

fn fit_named(call: &NamedCall, tools: &[Tool]) -> ToolCall {
    let same = |tool: &&Tool| tool.name.eq_ignore_ascii_case(&call.name);
    // Agents offer a server's tool under the server's name and a separator of their own.
    let of_a_server = |tool: &&Tool| {
        tool.name
            .strip_suffix(&call.name)
            .is_some_and(|rest| rest.ends_with(['_', '.', '-']))
    };
    let tool = tools.iter().find(same).or_else(|| tools.iter().find(of_a_server));
    ToolCall {
        name: tool.map_or(&call.name, |tool| &tool.name).clone(),
        namespace: tool.and_then(|tool| tool.namespace.clone()),
        input: match (tool.is_some_and(|tool| tool.is_freeform), call.input.get("input")) {
            (true, Some(Value::String(text))) => Input::Freeform(text.clone()),
            _ => Input::Arguments(Value::Object(call.input.clone())),
        },
    }
}

fn offered<'a>(tools: &'a [Tool], names: &[&str]) -> Option<&'a Tool> {
    names
        .iter()
        .find_map(|name| tools.iter().find(|tool| tool.name.eq_ignore_ascii_case(name)))
}

fn freeform(tool: &Tool, text: String) -> ToolCall {
    ToolCall {
        name: tool.name.clone(),
        namespace: tool.namespace.clone(),
        input: Input::Freeform(text),
    }
}

/// A call with the arguments that `known` gives; what else the schema requires is made up.
fn with_arguments(tool: &Tool, known: impl Fn(&str, &Value) -> Option<Value>) -> ToolCall {
    let required: Vec<&str> = tool.schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut arguments = Map::new();
    for (property, schema) in tool.schema["properties"].as_object().into_iter().flatten() {
        let value = known(&plain(property), schema)
            .or_else(|| required.contains(&property.as_str()).then(|| filler(schema)));
        if let Some(value) = value {
            arguments.insert(property.clone(), value);
        }
    }
    let input = Input::Arguments(Value::Object(arguments));
    ToolCall {
        name: tool.name.clone(),
        namespace: tool.namespace.clone(),
        input,
    }
}

/// `filePath`, `file_path` and `FilePath` are one name.
fn plain(property: &str) -> String {
    property.to_lowercase().replace('_', "")
}

fn is_path(plain_name: &str) -> bool {
    ["filepath", "path", "absolutepath"].contains(&plain_name)
}

fn question(call: &AskCall, properties: &Value) -> Value {
    let options = call
        .options
        .iter()
        .map(|option| json!({"label": option, "description": format!("option {option}")}));
    let mut question =
        json!({"question": call.question, "header": "Choice", "options": options.collect::<Vec<_>>()});
    for (property, schema) in properties.as_object().into_iter().flatten() {
        if question.get(property).is_none() {
            question[property] = match property.as_str() {
                "multiSelect" => json!(false),
                "type" => json!("choice"),
                "id" => json!("q1"),
                _ => filler(schema),
            };
        }
    }
    if let (Some(fields), Some(known)) = (question.as_object_mut(), properties.as_object()) {
        fields.retain(|field, _| known.contains_key(field));
    }
    question
}

/// The least that a schema accepts.
fn filler(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match type_of(schema).as_str() {
        "boolean" => json!(false),
        "number" | "integer" => json!(1),
        "array" => json!([]),
        "object" => json!({}),
        _ => json!("scripted"),
    }
}

fn type_of(schema: &Value) -> String {
    let kind = &schema["type"];
    kind.get(0)
        .unwrap_or(kind)
        .as_str()
        .unwrap_or("string")
        .to_lowercase()
}

fn placed(path: &str, workspace: Option<&str>) -> String {
    match workspace {
        Some(workspace) => Path::new(workspace).join(path).to_string_lossy().into_owned(),
        None => path.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: Value) -> Tool {
        Tool {
            name: name.to_owned(),
            schema,
            ..Tool::default()
        }
    }

    fn call(json: Value) -> Call {
        serde_json::from_value(json).expect("a good call")
    }

    fn arguments(call: ToolCall) -> (String, Value) {
        let Input::Arguments(arguments) = call.input else {
            panic!("it has arguments")
        };
        (call.name, arguments)
    }

    #[test]
    fn a_write_uses_the_names_of_the_tool_on_offer() {
        let schema = json!({
            "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}, "note": {"type": "string"},
                           "mode": {"enum": ["new"]}},
            "required": ["file_path", "content", "mode"],
        });
        let write = call(json!({"write": {"path": "a.txt", "content": "hi"}}));
        let fitted = fit(&write, &[tool("Write", schema)], Some("/w")).map(arguments);
        let expected = json!({"file_path": "/w/a.txt", "content": "hi", "mode": "new"});
        assert_eq!(fitted, Ok(("Write".to_owned(), expected)));
    }

    #[test]
    fn a_write_falls_back_to_the_shell_and_then_to_words() {
        let write = call(json!({"write": {"path": "a.txt", "content": "it's"}}));
        let shell = tool("bash", json!({"properties": {"command": {"type": "string"}}}));
        let fitted = fit(&write, &[shell], Some("/w")).map(arguments);
        let expected = json!({"command": r"printf %s 'it'\''s' > '/w/a.txt'"});
        assert_eq!(fitted, Ok(("bash".to_owned(), expected)));
        assert_eq!(fit(&write, &[], None), Err(NoTool("write")));
    }

    #[test]
    fn a_freeform_patch_tool_gets_a_patch() {
        let write = call(json!({"write": {"path": "a.txt", "content": "one\ntwo\n"}}));
        let patch = Tool {
            is_freeform: true,
            ..tool("apply_patch", Value::Null)
        };
        let fitted = fit(&write, &[patch], Some("/w")).expect("it fits");
        let expected = "*** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch\n";
        assert_eq!(fitted.input, Input::Freeform(expected.to_owned()));
    }

    #[test]
    fn a_named_call_finds_a_server_s_tool_and_is_forced_when_nothing_fits() {
        let report = call(json!({"call": {"name": "report_result", "input": {"n": 1}}}));
        let offered = [tool("mcp__partita__report_result", Value::Null)];
        let found = fit(&report, &offered, None).map(arguments);
        assert_eq!(
            found,
            Ok(("mcp__partita__report_result".to_owned(), json!({"n": 1})))
        );
        let forced = fit(&report, &[], None).map(arguments);
        assert_eq!(forced, Ok(("report_result".to_owned(), json!({"n": 1}))));
    }
}
