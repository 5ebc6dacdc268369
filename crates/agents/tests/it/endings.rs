//! How a process ends, beside what it said: no result, a result that its exit takes back, a death. Each way of speaking
//! keeps the three apart, and none of them is a success.

use crate::common::*;
use cases::Case;
use domain::{Ending, FailureClass};
use engine::ports::WorkOrder;
use std::os::unix::fs::PermissionsExt;

/// Whether that is how it should end.
type IsRight = fn(&Ending) -> bool;

/// What an agent does, and how that ends.
const WAYS: [(&str, IsRight); 5] = [
    ("result", |end| matches!(end, Ending::Completed { .. })),
    ("no-result", |end| {
        matches!(
            end,
            Ending::Failed {
                class: FailureClass::Output,
                ..
            }
        )
    }),
    // Another try may go better.
    ("result-then-3", |end| {
        matches!(
            end,
            Ending::Failed {
                class: FailureClass::Transient,
                ..
            }
        )
    }),
    ("killed", |end| matches!(end, Ending::Interrupted { .. })),
    ("result-then-killed", |end| {
        matches!(end, Ending::Interrupted { .. })
    }),
];

/// The same for every agent that is a shell script: `said` is how it says its result.
fn script(said: &str) -> String {
    format!(
        "#!/bin/sh\nresult() {{\n{said}\n}}\nread way < way\ncase $way in\n  result) result ;;\n  no-result) ;;\n  \
         result-then-3) result; exit 3 ;;\n  killed) kill -9 $$ ;;\n  result-then-killed) result; kill -9 $$ ;;\nesac\n"
    )
}

const CODEX: &str = r#"cat > /dev/null
echo '{"type":"thread.started","thread_id":"t-1"}'
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"done"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":5}}'"#;

const CLAUDE: &str = r#"read -r asked
id=${asked#*\"request_id\":\"}; id=${id%%\"*}
echo '{"type":"control_response","response":{"subtype":"success","request_id":"'$id'","response":{}}}'
read -r prompt
echo '{"type":"result","subtype":"success","is_error":false,"result":"done","usage":{"input_tokens":10,"output_tokens":5}}'"#;

const ACP: &str = r#"read -r asked
echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{}}}'
read -r asked
echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
read -r prompt
echo '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"done"}}}}'
echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'"#;

async fn end_of(config: &str, dialect: &str, said: &str, way: &str) -> Ending {
    let world = World::new(config).await;
    let program = world.place().join("agent");
    std::fs::write(&program, script(said)).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(world.place().join("way"), format!("{way}\n")).unwrap();
    let agent = format!(
        "{config}[agents.scripted]\ndialect = '{dialect}'\nprogram = '{}'\nlogin = {{ is_free = true }}\n",
        program.display()
    );
    let fleet = World::new(&agent).await;
    let order = WorkOrder {
        agent: "scripted".into(),
        ..world.command("Do it.")
    };
    fleet.run(order).await.ending
}

async fn every_way_of(dialect: &str, said: &str) {
    let mut case = Case::open("F-37");
    for (mode, config) in MODES {
        for (way, is_right) in WAYS {
            case.tried();
            let end = end_of(config, dialect, said, way).await;
            assert!(is_right(&end), "{mode}: {dialect}: {way}: {end:?}");
            case.hit();
        }
    }
    case.pass(10);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_37_codex_each_end_is_an_outcome_of_its_own() {
    every_way_of("codex", CODEX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_37_claude_each_end_is_an_outcome_of_its_own() {
    every_way_of("claude", CLAUDE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f_37_acp_each_end_is_an_outcome_of_its_own() {
    every_way_of("acp", ACP).await;
}

/// What a command has to say is its exit code: ending well is its result.
#[tokio::test(flavor = "multi_thread")]
async fn f_37_command_each_end_is_an_outcome_of_its_own() {
    let mut case = Case::open("F-37");
    let ways: [(&str, IsRight); 5] = [
        ("echo done", |end| matches!(end, Ending::Completed { .. })),
        ("true", |end| matches!(end, Ending::Completed { .. })),
        ("echo done; exit 3", |end| {
            matches!(
                end,
                Ending::Failed {
                    class: FailureClass::Permanent,
                    ..
                }
            )
        }),
        ("kill -9 $$", |end| matches!(end, Ending::Interrupted { .. })),
        ("echo done; kill -9 $$", |end| {
            matches!(end, Ending::Interrupted { .. })
        }),
    ];
    for (mode, config) in MODES {
        let world = World::new(config).await;
        for (script, is_right) in ways {
            case.tried();
            let end = world.run(world.command(script)).await.ending;
            assert!(is_right(&end), "{mode}: {script}: {end:?}");
            case.hit();
        }
    }
    case.pass(10);
}

/// The scripted agent dies where its script says.
#[tokio::test(flavor = "multi_thread")]
async fn f_37_rehearsal_each_end_is_an_outcome_of_its_own() {
    let mut case = Case::open("F-37");
    let world = World::new(BWRAP).await;
    let acts = [
        "[{ say = 'done' }]",
        "[{ exit = 0 }]",
        "[{ say = 'done' }, { exit = 3 }]",
        "[{ kill = 9 }]",
        "[{ say = 'done' }, { kill = 9 }]",
    ];
    for (acts, (way, is_right)) in acts.into_iter().zip(WAYS) {
        case.tried();
        let mut order = world.command(&format!("```rehearsal\ndo = {acts}\n```\n"));
        order.agent = "rehearsal".into();
        let end = world.run(order).await.ending;
        assert!(is_right(&end), "{way}: {end:?}");
        case.hit();
    }
    case.pass(5);
}
