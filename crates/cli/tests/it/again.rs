//! A request that is sent again because the daemon died over it: done once, whenever the daemon died.

use crate::env::{TestEnv, await_that, is_alive};
use crate::raw::{Answer, ask};
use cases::Case;
use serde_json::{Value as Json, json};

const FLOW: &str = r#"
name = "asking"
category = "analysis"
version = 1
summary = "Asks."

[[step]]
id = "may"
kind = "approval"
"#;

/// Where the daemon dies, and over which requests: those that come by there before they are answered.
const DEATHS: [(&str, &[&str]); 3] = [
    ("mid-commit", &["create", "change", "start", "cancel", "answer"]),
    ("after-commit", &["cancel"]),
    ("after-request", &["create", "answer"]),
];

struct World {
    env: TestEnv,
    project: String,
    run: String,
    item: String,
}

impl World {
    fn new() -> Self {
        let env = TestEnv::new();
        env.make_repository();
        let folder = env.project().join(".partita/flows");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("asking.toml"), FLOW).unwrap();
        env.run(&["start"]).ok();
        env.run(&["work-unit", "create", "there"]).ok();
        let arguments = [
            "run",
            "asking",
            "--focus",
            "x",
            "--agent",
            "rehearsal",
            "--detach",
            "--json",
        ];
        let run = env.run(&arguments).json()["id"].as_str().unwrap().to_owned();
        let mut item = Json::Null;
        await_that(
            || {
                item = env.run(&["attention", "--json"]).json()["items"][0].clone();
                item.is_object()
            },
            "the run asks",
        );
        let project = env.run(&["run", "show", &run, "--json"]).json()["project_id"]
            .as_str()
            .unwrap()
            .to_owned();
        env.run(&["stop"]).ok();
        let item = item["id"].as_str().unwrap().to_owned();
        Self {
            env,
            project,
            run,
            item,
        }
    }

    fn send(&self, change: &str) -> Option<Answer> {
        let (method, path, body) = match change {
            "create" => (
                "POST",
                "/api/work-units".to_owned(),
                Some(json!({"chunk": "new"})),
            ),
            "change" => (
                "PATCH",
                "/api/work-units/there".to_owned(),
                Some(json!({"priority": 7})),
            ),
            "start" => {
                let input = json!({"question": "again", "agent": "rehearsal"});
                let body = json!({"project_id": self.project, "flow": "asking", "input": input});
                ("POST", "/api/runs".to_owned(), Some(body))
            }
            "cancel" => ("POST", format!("/api/runs/{}/cancel", self.run), None),
            "answer" => {
                let path = format!("/api/attention/{}/answer", self.item);
                ("POST", path, Some(json!({"choice": "approve"})))
            }
            other => panic!("{other}"),
        };
        ask(&self.env, method, &path, body.as_ref(), Some("nervous"))
    }

    /// How often it was done, as what everybody can read says.
    fn effects(&self, change: &str) -> usize {
        let get = |path: &str| ask(&self.env, "GET", path, None, None).unwrap().json();
        let count = |list: &Json| list["items"].as_array().unwrap().len();
        match change {
            "create" => count(&get("/api/work-units")) - 1,
            "change" => usize::from(get("/api/work-units/there")["priority"] == 7),
            "start" => count(&get("/api/runs")) - 1,
            "cancel" => usize::from(get(&format!("/api/runs/{}", self.run))["status"] == "cancelled"),
            _ => usize::from(get(&format!("/api/runs/{}", self.run))["status"] == "completed"),
        }
    }

    fn position(&self) -> u64 {
        let status = ask(&self.env, "GET", "/api/status", None, None).unwrap();
        status.json()["position"].as_u64().unwrap()
    }
}

#[test]
fn f_77_a_request_over_which_the_daemon_dies_is_done_once() {
    let mut case = Case::open("F-77");
    for (point, changes) in DEATHS {
        for change in changes {
            let world = World::new();
            let started = world
                .env
                .command(&["start"])
                .env("PARTITA_CRASH_AT", point)
                .output()
                .unwrap();
            assert!(started.status.success(), "{point}, {change}");
            let pid = world.env.pid();
            case.tried();
            assert_eq!(
                world.send(change),
                None,
                "{point}, {change}: the daemon dies before it answers"
            );
            await_that(|| !is_alive(pid), "the daemon died");
            case.hit();
            world.env.run(&["start"]).ok();
            let first = world.send(change).unwrap();
            assert!((200..300).contains(&first.status), "{point}, {change}: {first:?}");
            await_that(|| world.effects(change) == 1, "it is done");
            // A run that was started does more by itself; everything else is over.
            let before = world.position();
            for _ in 0..2 {
                assert_eq!(world.send(change).unwrap(), first, "{point}, {change}");
            }
            assert_eq!(world.effects(change), 1, "{point}, {change}");
            if matches!(*change, "create" | "change") {
                assert_eq!(world.position(), before, "{point}, {change}");
            }
        }
    }
    case.pass(8);
}
