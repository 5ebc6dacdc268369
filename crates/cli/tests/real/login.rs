//! A login that its agent renews while it works. The agent is a scripted one, since real logins need real providers;
//! its login lies in a file of its home, as theirs do.

use crate::env::TestEnv;
use crate::world::{in_time, transcripts};
use serde_json::{Value, json};

const LOGIN: &str = ".renewing/login.json";

/// When the logins end, one after another: far ahead, or the first to start would have to renew it before the second.
const ENDS: [u32; 3] = [4_000_000_100, 4_000_000_200, 4_000_000_300];

/// Both read their login, wait for each other, and renew it: the second to a later one than the first.
fn script(meeting: &str) -> String {
    let scene = |name: &str, other: &str, expires: u32| {
        format!(
            r##"
[[scene]]
match = ["I am {name}."]
do = [
    {{ read = "@{{home}}/{LOGIN}" }},
    {{ append = {{ path = "{meeting}/{name}", line = "here" }} }},
    {{ wait_for = {{ path = "{meeting}/{other}" }} }},
    {{ write = {{ path = "@{{home}}/{LOGIN}", content = '{{"expires":{expires}}}', ask = false }} }},
    {{ say = "Renewed." }},
]
"##
        )
    };
    let last = format!(
        "[[scene]]\nmatch = [\"I am three.\"]\ndo = [{{ read = \"@{{home}}/{LOGIN}\" }}, {{ say = \"Seen.\" }}]\n"
    );
    [
        "ignores_mode = true\n".to_owned(),
        scene("one", "two", ENDS[1]),
        scene("two", "one", ENDS[2]),
        last,
    ]
    .concat()
}

const FLOW: &str = r##"
name = "greet"
category = "analysis"
summary = "For a test."
[size.small]
names = ["one", "two"]
[size.medium]
names = ["three"]
[size.large]
names = []
[[step]]
id = "greet"
kind = "agent"
each = "size.names"
prompt = "I am {{ item }}."
"##;

#[test]
fn a_login_that_two_tasks_renew_at_once_survives() {
    let env = TestEnv::new();
    env.make_repository();
    let meeting = env.path("meeting");
    std::fs::create_dir(&meeting).unwrap();
    env.script(&script(meeting.to_str().unwrap()));
    let agent = format!(
        "[sandbox]\nwritable = [{meeting:?}]\n[agents.renewing]\ndialect = \"acp\"\nprogram = \"{{self}}\"\n\
         args = [\"__rehearsal\"]\nread.mode = \"plan\"\nlogin.passed_paths = [\"PARTITA_REHEARSAL\"]\n\
         login.files = [{{ path = {LOGIN:?}, expiry = \"expires\" }}]\n"
    );
    env.write_user_file(".config/partita/agents.toml", &agent);
    env.write_user_file(LOGIN, &json!({ "expires": ENDS[0] }).to_string());
    std::fs::create_dir_all(env.project().join(".partita/flows")).unwrap();
    std::fs::write(env.project().join(".partita/flows/greet.toml"), FLOW).unwrap();
    env.run(&["agents", "import", "renewing"]).ok();

    let greet = |size: &str| -> Vec<Value> {
        let given = in_time(
            &env,
            &[
                "run", "greet", "--focus", "x", "--agent", "renewing", "--size", size, "--json",
            ],
        );
        let run = given.json();
        assert_eq!(run["status"], "completed", "{run:#}");
        transcripts(&env, run["slug"].as_str().unwrap())
    };
    for task in greet("small") {
        assert!(saw(&task, ENDS[0]), "both began with the same login: {task:#}");
    }
    let kept = env.home().join("accounts/renewing/default").join(LOGIN);
    assert_eq!(
        expiry(&std::fs::read_to_string(kept).unwrap()),
        json!(ENDS[2]),
        "the newest is kept"
    );
    assert!(
        saw(&greet("medium")[0], ENDS[2]),
        "who comes later is logged in with it"
    );
    let own = std::fs::read_to_string(env.path("user").join(LOGIN)).unwrap();
    assert_eq!(expiry(&own), json!(ENDS[0]), "the person's own login is theirs");
}

fn expiry(login: &str) -> Value {
    serde_json::from_str::<Value>(login).unwrap()["expires"].clone()
}

/// Whether a task read a login with that expiry.
fn saw(task: &Value, expires: u32) -> bool {
    let entries = task["entries"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["kind"] == "tool")
        .any(|entry| entry["detail"].to_string().contains(&format!("{expires}}}")))
}
