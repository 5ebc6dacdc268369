//! The pinned real agents against the scripted model server. Runs where `PARTITA_REAL_AGENTS` names the folder that
//! `testing/real-agents/install` prints and `PARTITA_MODEL_SERVER` the server; says so and passes elsewhere.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it believes, and a note to whoever reads its failure"
)]

mod common;

use common::*;
use domain::{Access, Network};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Server(Child, String);

impl Server {
    fn start(script: &std::path::Path) -> Option<Self> {
        let program = std::env::var("PARTITA_MODEL_SERVER").ok()?;
        let mut server = Command::new(program)
            .args(["--exit-with-stdin", "--script"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Some(Self(server, line.trim().replace("PORT ", "")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

const SCRIPT: &str = r#"{"turns":[{"text":"The answer is forty-two."}]}"#;
const WRITE: &str = r#"{"turns":[{"write":{"path":"hello.txt","content":"hello\n"}},{"text":"Wrote it."}]}"#;

async fn play(access: Access, script: &str, expected: &str) {
    let Ok(folder) = std::env::var("PARTITA_REAL_AGENTS") else {
        println!("no PARTITA_REAL_AGENTS: not run");
        return;
    };
    let wanted = std::env::var("PARTITA_REAL_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    for (agent, key) in [
        ("claude", "ANTHROPIC_API_KEY"),
        ("codex", "CODEX_API_KEY"),
        ("gemini", "GEMINI_API_KEY"),
        ("qwen", "OPENAI_API_KEY"),
        ("opencode", "OPENAI_API_KEY"),
    ] {
        if !wanted.is_empty() && !wanted.contains(agent) {
            continue;
        }
        let ground = tempfile::tempdir().unwrap();
        let path = ground.path().join("script.json");
        std::fs::write(&path, script).unwrap();
        let server = Server::start(&path).expect("PARTITA_MODEL_SERVER");
        let model = if agent == "gemini" {
            "gemini-2.5-pro"
        } else {
            "scripted-1"
        };
        let config = format!(
            "[sandbox]\npath = ['{folder}/bin']\n[agents.{agent}]\nbase_url = 'http://127.0.0.1:{}'\n\
             model = '{model}'\nenv = {{ {key} = 'sk-scripted' }}\n",
            server.1
        );
        let world = World::new(&config).await;
        let mut order = world.command("What is the answer?");
        order.agent = agent.into();
        order.access = access;
        order.network = Network::Open;
        order.timeout_ms = 100_000;
        order.idle_timeout_ms = 100_000;
        let probed = world.fleet.probe(agent).await.unwrap();
        let started = std::time::Instant::now();
        let begun = engine::ports::Agents::begin(&world.fleet, order).await.unwrap();
        let end = begun.running.finish(Box::pin(std::future::pending())).await;
        let took = started.elapsed();
        let wrote = world.place().join("hello.txt").exists();
        let is_right = format!("{:?}", end.ending).contains(expected) && wrote == (access == Access::Write);
        println!(
            "{agent} {:?} {:?} {took:?} {:?} missing {:?}",
            probed.version, end.usage, end.ending, probed.missing
        );
        let left: Vec<_> = std::fs::read_dir(world.place())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        println!("  in the place: {left:?}");
        if !is_right {
            wrong.push(agent);
            for entry in world.kept.all() {
                println!("  {entry:?}");
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_real_agent_reads_and_answers() {
    play(Access::Read, SCRIPT, "forty-two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_real_agent_writes_where_it_may() {
    play(Access::Write, WRITE, "Wrote it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_real_agent_writes_where_it_may_not() {
    play(Access::Read, WRITE, "").await;
}
