//! An agent that is not there, cannot be run, or changes while a run goes on: said before anything is made for it.

use crate::world::*;
use cases::Case;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// An agent that is a program of its own: it says that it began, and waits until it may go on.
const TOOL: &str = r#"#!/bin/sh
case "$2" in *"DO first"*) step=first ;; *) step=second ;; esac
echo "$step" >> "$EFFECTS/effects"
until [ -e "$EFFECTS/go-$step" ]; do sleep 0.02; done
echo "by the first version" > "$step.txt"
echo done
"#;

fn install(tool: &Path, text: &str) {
    // Replaced as an installer does: whoever runs the old one goes on.
    let new = tool.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(&new, tool).unwrap();
}

fn world_with_tool() -> World {
    let world = World::new("");
    let (tool, effects) = (world.path("bin/tool"), world.path("effects"));
    install(&tool, TOOL);
    let agent = format!(
        "[agents.tool]\ndialect = \"command\"\nprogram = {tool:?}\nlogin = {{ is_free = true }}\n[agents.tool.env]\n\
         EFFECTS = {effects:?}\n"
    );
    world.agents("", &agent);
    world
}

/// What is done to a program.
type Harm = fn(&Path);

/// Ways in which an agent may not be there, and a word that names each.
const HARMS: [(&str, Harm); 3] = [
    ("is not there", |tool| std::fs::remove_file(tool).unwrap()),
    ("is not executable", |tool| {
        std::fs::set_permissions(tool, PermissionsExt::from_mode(0o644)).unwrap();
    }),
    ("`/no/such/interpreter`", |tool| {
        install(tool, "#!/no/such/interpreter\n");
    }),
];

/// Nothing that git or the home could have been given for a run.
fn nothing_of(world: &World, step: &str) {
    let places = world.places();
    assert!(!places.iter().any(|place| place.contains(step)), "{places:?}");
    let refs = world.sh("git for-each-ref --format='%(refname)'");
    assert!(!refs.contains(step), "{refs}");
}

#[test]
fn f_39_an_agent_that_cannot_run_is_refused_when_a_run_is_asked_for() {
    let mut case = Case::open("F-39");
    let world = world_with_tool();
    for (word, harm) in HARMS {
        install(&world.path("bin/tool"), TOOL);
        harm(&world.path("bin/tool"));
        case.tried();
        let refused = world.run(&["run", "two", "--focus", "it", "--agent", "tool"]);
        assert_eq!(refused.code, 7, "{refused:#?}");
        assert!(refused.err.contains(word), "{refused:#?}");
        assert_eq!(world.places(), [""; 0]);
        assert_eq!(
            world.sh("git for-each-ref --format='%(refname)'"),
            "refs/heads/main"
        );
        case.hit();
    }
    case.pass(3);
}

#[test]
fn f_39_an_agent_that_is_gone_in_the_middle_is_asked_about_before_a_place_is_made() {
    let mut case = Case::open("F-39");
    for (word, harm) in HARMS {
        let world = world_with_tool();
        let run = &world.begin_by("tool", "two");
        await_that(|| world.effects() == ["first"], "the first step works");
        harm(&world.path("bin/tool"));
        case.tried();
        world.let_go("go-first");
        let (asked, _) = world.asked(run);
        assert!(asked.iter().any(|item| item.contains(word)), "{asked:#?}");
        let shown = world.show(run);
        assert_eq!(step(&shown, "first")["status"], "completed", "{shown:#}");
        nothing_of(&world, "second");
        // As the daemon has it: from the order of the task to its refusal.
        let refused = tasks(&shown, "second");
        assert_eq!(
            refused.len(),
            1,
            "no try is spent on an agent that is not there: {shown:#}"
        );
        let took = span(refused[0]);
        println!("{word}: asked after {took:?}");
        // A second is what is promised; a busy machine takes its time.
        assert!(took <= Duration::from_secs(10), "{took:?}: {shown:#}");
        assert_eq!(world.effects(), ["first"]);
        case.hit();
    }
    case.pass(3);
}

/// From a task's order to its end.
fn span(task: &serde_json::Value) -> Duration {
    let at = |name: &str| -> jiff::Timestamp { task[name].as_str().unwrap().parse().unwrap() };
    Duration::try_from(at("ended_at").duration_since(at("ordered_at"))).unwrap()
}

#[test]
fn f_39_an_agent_that_is_renewed_in_the_middle_does_the_next_step() {
    let mut case = Case::open("F-39");
    let world = world_with_tool();
    let run = &world.begin_by("tool", "two");
    await_that(|| world.effects() == ["first"], "the first step works");
    case.tried();
    install(&world.path("bin/tool"), &TOOL.replace("the first", "the second"));
    world.let_go("go-first");
    world.let_go("go-second");
    let ended = world.end_of(run);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let by = |step: &str| world.sh(&format!("git show partita/{run}:{step}.txt"));
    assert_eq!(
        [by("first"), by("second")],
        ["by the first version", "by the second version"]
    );
    case.hit();
    case.pass(1);
}
