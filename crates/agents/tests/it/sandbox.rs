//! What a task can touch, tried from inside: in every sandbox, as far as each goes.

use crate::common::*;
use agents::{Confined, Sandbox};
use cases::Case;
use domain::{Access, Network};
use engine::ports::{Agents, BeginError, TaskFile, WorkOrder};
use std::time::Duration;

/// Says which of the attempts succeeded.
async fn outcomes(world: &World, access: Access, attempts: &[(&str, &str)]) -> Vec<String> {
    let tries: String = attempts
        .iter()
        .map(|(name, script)| format!("if ({script}) >/dev/null 2>&1; then echo '{name}'; fi\n"))
        .collect();
    let mut order = world.command(&format!("{tries}echo done"));
    order.access = access;
    let end = world.run(order).await;
    let mut lines: Vec<String> = said(&end).lines().map(ToOwned::to_owned).collect();
    assert_eq!(lines.pop().as_deref(), Some("done"), "{end:?}");
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_22_a_reader_cannot_write_its_tree_and_a_writer_can() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        std::fs::write(world.place().join("file"), "old").unwrap();
        let attempts = [
            ("reads", "grep -q old file"),
            ("creates", "echo x > new"),
            ("changes", "echo x > file"),
            ("removes", "rm -f file"),
            ("renames", "mv file other"),
            ("links", "ln file hard"),
            ("sets-mode", "chmod 777 . && touch again"),
        ];
        assert_eq!(
            outcomes(&world, Access::Read, &attempts).await,
            ["reads"],
            "{mode}"
        );
        assert_eq!(
            std::fs::read_to_string(world.place().join("file")).unwrap(),
            "old",
            "{mode}"
        );
        let wrote = outcomes(&world, Access::Write, &attempts[..3]).await;
        assert_eq!(wrote, ["reads", "creates", "changes"], "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_17_nothing_of_the_daemon_or_the_user_is_in_reach() {
    let mut case = Case::open("A-17");
    for (mode, config) in MODES {
        let world = World::with(
            config,
            &[("ANTHROPIC_API_KEY", "sk-other"), ("SSH_AUTH_SOCK", "/x")],
        )
        .await;
        let ground = world.ground.path().display().to_string();
        for folder in [
            "home/orchestrator.db",
            "user/.ssh/key",
            "home/accounts/claude/default/token",
            "home/homes/other/secret",
        ] {
            let path = world.ground.path().join(folder);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "secret").unwrap();
        }
        let pid = std::process::id();
        let attempts = [
            ("database", format!("cat {ground}/home/orchestrator.db")),
            ("key", format!("cat {ground}/user/.ssh/key")),
            (
                "token",
                format!("cat {ground}/home/accounts/claude/default/token"),
            ),
            ("list", format!("ls {ground}/user/")),
            ("other-home", format!("cat {ground}/home/homes/other/secret")),
            ("plant", format!("echo x > {ground}/home/planted")),
            ("environment", format!("grep -a PATH /proc/{pid}/environ")),
            ("shadow", "cat /etc/shadow".to_owned()),
            (
                "keys-in-environment",
                "env | grep -E 'API_KEY|SSH_AUTH|TOKEN'".to_owned(),
            ),
            ("own-home", "echo x > ~/mine".to_owned()),
            ("own-tmp", "echo x > $TMPDIR/mine".to_owned()),
        ];
        let attempts: Vec<_> = attempts
            .iter()
            .map(|(name, script)| (*name, script.as_str()))
            .collect();
        // Where the home lies below /tmp, its name may exist in the task's own /tmp: what counts is the real one.
        let mut open = outcomes(&world, Access::Write, &attempts).await;
        open.retain(|name| *name != "plant");
        assert_eq!(open, ["own-home", "own-tmp"], "{mode}");
        assert!(!world.ground.path().join("home/planted").exists(), "{mode}");
        case.tried_times(9);
        case.hit_times(9);
    }
    case.pass(9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_24_what_others_obey_cannot_be_planted() {
    let mut case = Case::open("A-24");
    let world = World::new(BWRAP).await;
    let place = world.place();
    for folder in [".git/hooks", ".git/objects", ".vscode"] {
        std::fs::create_dir_all(place.join(folder)).unwrap();
    }
    std::fs::write(place.join(".git/config"), "[core]\n").unwrap();
    std::fs::write(place.join("opencode.json"), "{}").unwrap();
    let attempts = [
        ("git-config", "echo '[core]' >> .git/config"),
        (
            "git-config-replaced",
            "echo x > .git/new && mv .git/new .git/config",
        ),
        ("git-hook", "echo x > .git/hooks/pre-commit"),
        ("git-info", "mkdir -p .git/info && echo x > .git/info/attributes"),
        ("git-moved", "mv .git .git2"),
        ("hooks-moved", "mv .git/hooks .git/other"),
        ("config-linked", "ln .git/config linked"),
        ("settings", "mkdir -p .claude && echo x > .claude/settings.json"),
        ("settings-link", "rm -rf .codex; ln -s /tmp .codex"),
        ("servers", "echo x > .mcp.json"),
        ("editor", "echo x > .vscode/tasks.json"),
        ("opencode", "echo x > opencode.json"),
        ("object", "echo x > .git/objects/x"),
        ("file", "echo x > fine"),
    ];
    assert_eq!(
        outcomes(&world, Access::Write, &attempts).await,
        ["object", "file"]
    );
    // The stand-ins for what was not there are gone again.
    for name in [".claude", ".codex", ".mcp.json", ".cursor", ".git/info"] {
        assert!(!place.join(name).exists(), "{name}");
    }
    assert!(place.join(".vscode").is_dir());
    case.tried_times(12);
    case.hit_times(12);
    case.pass(12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_24_what_landlock_cannot_prevent_is_noticed() {
    let mut case = Case::open("A-24");
    for (planted, line) in [
        (".git/config", "echo '[core]' > .git/config"),
        (
            ".git/hooks",
            "mkdir -p .git/hooks && echo x > .git/hooks/pre-commit",
        ),
        (".claude", "mkdir .claude && echo '{}' > .claude/settings.json"),
        (".codex", "ln -s /tmp .codex"),
        (".mcp.json", "echo '{}' > .mcp.json"),
        ("opencode.json", "echo '{}' > opencode.json"),
        ("linked.json", "echo '{}' > linked.json"),
    ] {
        let world = World::new(LANDLOCK).await;
        std::fs::create_dir_all(world.place().join(".git")).unwrap();
        // What a protected name leads to is obeyed as well.
        std::fs::write(world.place().join("linked.json"), "old").unwrap();
        std::os::unix::fs::symlink("linked.json", world.place().join("opencode.jsonc")).unwrap();
        case.tried();
        let end = world.run(world.command(line)).await;
        let said = format!("{:?}", end.ending);
        assert!(
            said.contains("AccessViolated") && said.contains(planted),
            "{said}"
        );
        case.hit();
    }
    case.pass(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_24_what_no_mount_holds_back_is_noticed() {
    let mut case = Case::open("A-24");
    for (planted, line) in [
        ("opencode.json", "echo '{}' > opencode.json"),
        (".envrc", "ln -s a .envrc"),
        ("linked.json", "echo '{}' > linked.json"),
        (
            ".cursor",
            "rm .cursor && mkdir .cursor && echo '{}' > .cursor/mcp.json",
        ),
    ] {
        let world = World::new(BWRAP).await;
        std::fs::write(world.place().join("linked.json"), "old").unwrap();
        std::os::unix::fs::symlink("linked.json", world.place().join(".mcp.json")).unwrap();
        std::os::unix::fs::symlink("elsewhere", world.place().join(".cursor")).unwrap();
        case.tried();
        let end = world.run(world.command(line)).await;
        let said = format!("{:?}", end.ending);
        assert!(
            said.contains("AccessViolated") && said.contains(planted),
            "{said}"
        );
        case.hit();
    }
    case.pass(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_20_programs_that_an_agent_would_load_are_not_there() {
    let mut case = Case::open("A-20");
    for access in [Access::Read, Access::Write] {
        let world = World::new(BWRAP).await;
        let place = world.place();
        std::fs::create_dir_all(place.join("evil")).unwrap();
        std::fs::create_dir_all(place.join(".opencode/plugin")).unwrap();
        std::fs::write(place.join("evil/a.js"), "x").unwrap();
        std::fs::write(place.join(".opencode/plugin/a.js"), "x").unwrap();
        std::os::unix::fs::symlink("../evil", place.join(".opencode/plugins")).unwrap();
        case.tried_times(2);
        let attempts = [
            ("plugin", "cat .opencode/plugin/a.js"),
            ("plugins", "cat .opencode/plugins/a.js"),
            ("folder", "test -d .opencode/plugin"),
        ];
        assert_eq!(outcomes(&world, access, &attempts).await, ["folder"]);
        case.hit_times(2);
        assert!(place.join(".opencode/plugin/a.js").exists() && place.join("evil/a.js").exists());
    }
    case.pass(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_43_without_network_nothing_outside_answers() {
    let mut case = Case::open("A-43");
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut order = world.command(&format!(
            "bash -c ': </dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo open; echo done"
        ));
        assert_eq!(said(&world.run(order.clone()).await), "done", "{mode}");
        order.network = Network::Open;
        assert_eq!(said(&world.run(order).await), "open\ndone", "{mode}");
        case.tried();
        case.hit();
    }
    case.pass(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_tree_shows_nothing_of_outside() {
    let world = World::new(BWRAP).await;
    std::fs::write(world.ground.path().join("user/secret"), "secret").unwrap();
    std::os::unix::fs::symlink(world.ground.path().join("user"), world.place().join(".claude")).unwrap();
    let got = outcomes(&world, Access::Write, &[("secret", "cat .claude/secret")]).await;
    assert_eq!(got, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_21_without_a_sandbox_a_reader_and_a_command_are_refused_unless_the_user_said_so() {
    let world = World::new("[sandbox]\nmode = 'none'\ncontainment = 'shim'\n").await;
    for access in [Access::Read, Access::Write] {
        let mut order = world.command("echo hello");
        order.access = access;
        assert!(matches!(world.refusal(order).await, BeginError::Unenforceable(_)));
    }
    let world = World::new(NOTHING).await;
    let mut order = world.command("echo hello");
    order.access = Access::Read;
    assert_eq!(said(&world.run(order).await), "hello");
    assert_eq!(world.fleet.in_force().bounds.sandbox, Sandbox::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_39_a_missing_agent_is_refused_before_anything_is_made() {
    let mut case = Case::open("F-39");
    let config = format!(
        "{BWRAP}[agents.gone]\ndialect = 'acp'\nprogram = 'no-such-agent'\ninstall = 'npm install it'\n\
         login = {{ is_free = true }}\n"
    );
    let world = World::new(&config).await;
    let mut order = world.command("x");
    order.agent = "gone".into();
    case.tried();
    let wrong = world.fleet.ready(&order.agent, Access::Read).await.unwrap_err();
    let BeginError::Missing(said) = &wrong else {
        panic!("{wrong:?}")
    };
    assert_eq!(said, "agent `gone`: `no-such-agent` is not there; npm install it");
    assert_eq!(world.refusal(order.clone()).await, wrong);
    assert_eq!(
        std::fs::read_dir(world.ground.path().join("home/homes"))
            .unwrap()
            .count(),
        0
    );
    order.agent = "nobody".into();
    assert!(matches!(world.refusal(order).await, BeginError::Missing(_)));
    case.hit();
    case.pass(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_not_logged_in_is_refused() {
    let config = format!(
        "{BWRAP}[agents.locked]\ndialect = 'acp'\nprogram = '/bin/true'\nlogin = {{ keys = ['LOCKED_KEY'] }}\n"
    );
    let world = World::new(&config).await;
    let mut order = world.command("x");
    order.agent = "locked".into();
    assert!(matches!(world.refusal(order).await, BeginError::LoggedOut(_)));
    let world = World::with(&config, &[("LOCKED_KEY", "k")]).await;
    assert_eq!(world.fleet.ready(&"locked".into(), Access::Read).await, Ok(()));
    assert_eq!(
        world.fleet.account(&"locked".into()).as_str(),
        "locked/environment"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_passes_to_the_next_attempt_and_is_forgotten_with_the_run() {
    let world = World::new(BWRAP).await;
    let mut order = world.command("echo kept > ~/note; echo gone > $TMPDIR/note");
    world.run(order.clone()).await;
    order.prompt = "cat ~/note; cat $TMPDIR/note || true".to_owned();
    assert_eq!(said(&world.run(order.clone()).await), "kept");
    within(world.fleet.forget_run(order.run)).await;
    assert_eq!(
        std::fs::read_dir(world.ground.path().join("home/homes"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_are_files_that_can_be_read_and_not_changed() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        // A command's prompt is its script: what follows the script names the files.
        let script =
            "f=$(grep -ao '/[^ ]*diff.patch' /proc/$$/cmdline | tail -1); cat $f; echo x > $f; exit 0\n#";
        let mut order = world.command(script);
        order.files = vec![TaskFile {
            name: "../diff.patch".to_owned(),
            content: "content\n".to_owned(),
        }];
        assert_eq!(said(&world.run(order).await), "content", "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confined_work_writes_the_place_and_has_no_network() {
    let world = World::new(BWRAP).await;
    let line = ["/bin/sh", "-c", "cat > out; echo said; echo $ASKED >&2; exit 4"].map(ToOwned::to_owned);
    let wanted = Confined {
        line: line.to_vec(),
        place: world.place(),
        environment: vec![("ASKED".to_owned(), "yes".to_owned())],
        input: Some(b"given".to_vec()),
        time: Duration::from_secs(20),
        output_max: 100,
        ..Confined::default()
    };
    let ended = world.fleet.confined(wanted.clone()).await.unwrap();
    assert_eq!(
        (ended.code, ended.stdout, ended.stderr),
        (Some(4), b"said\n".to_vec(), b"yes\n".to_vec())
    );
    assert_eq!(std::fs::read(world.place().join("out")).unwrap(), b"given");
    let line = ["/bin/sh", "-c", "sleep 600"].map(ToOwned::to_owned).to_vec();
    let late = Confined {
        line,
        time: Duration::from_millis(200),
        input: None,
        ..wanted
    };
    assert!(world.fleet.confined(late).await.unwrap().is_late);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_21_what_an_agent_would_obey_is_not_seen_or_keeps_it_from_starting() {
    let file = ".its/.env";
    let plant = |world: &World| {
        std::fs::create_dir(world.place().join(".its")).unwrap();
        std::fs::write(world.place().join(file), "BASE_URL=http://planted\n").unwrap();
    };
    let config = |mode: &str| format!("{mode}[agents.command]\nobeys = [{file:?}]\n");
    let shows = format!("cat {file} || echo nothing");

    for access in [Access::Read, Access::Write] {
        let ask = |world: &World| WorkOrder {
            access,
            ..world.command(&shows)
        };
        let world = World::new(&config(BWRAP)).await;
        assert_eq!(
            said(&world.run(ask(&world)).await),
            "nothing",
            "where there is none"
        );
        plant(&world);
        assert_eq!(said(&world.run(ask(&world)).await), "{}", "{access:?}");
        let kept = std::fs::read_to_string(world.place().join(file)).unwrap();
        assert_eq!(kept, "BASE_URL=http://planted\n", "it is as it was");

        for mode in [LANDLOCK, NOTHING] {
            let world = World::new(&config(mode)).await;
            assert_eq!(
                said(&world.run(ask(&world)).await),
                "nothing",
                "where there is none"
            );
            plant(&world);
            let refusal = world.refusal(ask(&world)).await;
            let is_meant = matches!(&refusal, BeginError::Unenforceable(why) if why.contains(file));
            assert!(is_meant, "{mode}: {refusal:?}");
        }
    }
}
