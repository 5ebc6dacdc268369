//! Whatever a task says, however much of it, or nothing at all: it ends, and nobody waits for it.

use crate::common::*;
use domain::{Ending, FailureClass};
use engine::ports::EntryKind;
use std::sync::Arc;

fn notices(world: &World) -> Vec<String> {
    let of = |kind| {
        if let EntryKind::Notice(text) = kind {
            Some(text)
        } else {
            None
        }
    };
    world.kept.all().into_iter().filter_map(of).collect()
}

fn class(ending: &Ending) -> FailureClass {
    match ending {
        Ending::Failed { class, .. } => *class,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_34_a_silent_task_ends_at_its_limit() {
    let world = World::new(BWRAP).await;
    let mut order = world.command(&format!("sleep {}", token()));
    order.idle_timeout_ms = 300;
    let started = std::time::Instant::now();
    assert_eq!(class(&world.run(order).await.ending), FailureClass::Silence);
    assert!(started.elapsed().as_millis() < 2_300);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_34_a_task_that_never_stops_talking_ends_at_its_limit_and_is_kept_in_part() {
    let world = World::new(BWRAP).await;
    let mut order = world.command("echo first; yes");
    order.timeout_ms = 700;
    assert_eq!(class(&world.run(order).await.ending), FailureClass::Timeout);
    let kept = world.kept.all();
    let size: usize = world.kept.raw().len();
    assert!(size < 2 << 20, "{size}");
    assert_eq!(kept[1], EntryKind::Raw("first\n".to_owned()));
    assert_eq!(kept.last(), Some(&EntryKind::Raw("y\n".to_owned())));
    assert!(
        notices(&world).iter().any(|note| note.contains("left out here")),
        "{:?}",
        notices(&world)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f_35_a_line_without_end_is_cut_and_the_task_goes_on() {
    let world = World::new(BWRAP).await;
    let before = memory();
    let end = world
        .run(world.command("head -c 200000000 /dev/zero | tr '\\0' x; echo; echo after"))
        .await;
    assert!(said(&end).ends_with("after"), "{}", said(&end).len());
    assert_eq!(
        notices(&world)[0],
        format!("a line was cut: {} bytes are left out", 200_000_000 - (1 << 20))
    );
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown}");
}

/// Resident bytes of this process.
fn memory() -> u64 {
    let seen = std::fs::read_to_string("/proc/self/statm").unwrap();
    seen.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn f_35_bytes_that_are_no_text_come_through() {
    let world = World::new(BWRAP).await;
    let end = world
        .run(world.command(r"printf 'a\377\000b\n{\042half'; printf '\377' >&2"))
        .await;
    assert_eq!(said(&end), "a\u{fffd}\0b\n{\"half");
    assert!(world.kept.all().contains(&EntryKind::Raw("\u{fffd}".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn f_36_an_agent_that_reads_nothing_and_closes_its_output_ends_at_its_limit() {
    let config = format!(
        "{BWRAP}[agents.deaf]\ndialect = 'acp'\nprogram = '/bin/sh'\nargs = ['-c', 'exec >&-; sleep {}']\n\
         login = {{ is_free = true }}\nend = {{ polite_ms = 100, grace_ms = 100 }}\n",
        token()
    );
    let world = World::new(&config).await;
    let mut order = world.command(&"x".repeat(4 << 20));
    order.agent = "deaf".into();
    order.idle_timeout_ms = 300;
    assert_eq!(class(&world.run(order).await.ending), FailureClass::Silence);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_36_both_pipes_full_is_no_deadlock() {
    let world = World::new(BWRAP).await;
    let script = "(yes error | head -c 3000000 >&2) & (yes output | head -c 3000000); wait; echo done";
    assert!(said(&world.run(world.command(script)).await).ends_with("done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn f_37_three_ways_to_end_are_three_outcomes() {
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let refused = world.run(world.command("echo no; exit 3")).await;
        assert_eq!(class(&refused.ending), FailureClass::Permanent, "{mode}");
        let killed = world.run(world.command("kill -9 $$")).await;
        assert!(
            matches!(killed.ending, Ending::Interrupted { .. }),
            "{mode}: {killed:?}"
        );
        assert_eq!(said(&world.run(world.command("echo yes")).await), "yes", "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f_37_an_agent_that_ends_without_a_result_has_none() {
    let config = format!(
        "{BWRAP}[agents.brief]\ndialect = 'acp'\nprogram = '/bin/true'\nlogin = {{ is_free = true }}\n"
    );
    let world = World::new(&config).await;
    let mut order = world.command("Do it.");
    order.agent = "brief".into();
    let end = world.run(order).await;
    assert!(matches!(end.ending, Ending::Failed { .. }), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rehearsal_agent_answers_and_is_asked_again_in_the_same_process() {
    let script = "```rehearsal\n[[scene]]\nturn = 1\ndo = [{ say = 'first' }]\n[[scene]]\nturn = 2\ndo = [{ say = 'second' }]\n```\n";
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let mut order = world.command(script);
        order.agent = "rehearsal".into();
        order.check = Arc::new(Wants(Some("second")));
        let end = world.run(order).await;
        let all = world.kept.all();
        assert!(said(&end).contains("second"), "{mode}: {end:?} {all:?}");
        let asked = all
            .iter()
            .filter(|kind| matches!(kind, EntryKind::Prompt(_)))
            .count();
        assert_eq!(asked, 2, "{mode}: {all:?}");
    }
}

/// No answer does.
struct Never;

impl engine::ports::OutputCheck for Never {
    fn check(&self, _message: &str) -> Result<domain::Value, String> {
        Err("again".to_owned())
    }
}

/// Answers like `codex exec --json`: otherwise when a session is resumed, and says what it was told.
const ONE_TURN: &str = r#"
case "$*" in *"resume t-1"*) text=second ;; *) text=first ;; esac
prompt=$(cat)
echo '{"type":"thread.started","thread_id":"t-1"}'
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"'$text' after '$prompt'"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":5}}'
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_with_one_turn_a_process_is_asked_again_in_another() {
    let world = World::new(BWRAP).await;
    let program = world.place().join("agent");
    std::fs::write(&program, format!("#!/bin/sh\n{ONE_TURN}")).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config = format!(
        "{BWRAP}[agents.brief]\ndialect = 'codex'\nprogram = '{}'\nlogin = {{ is_free = true }}\n",
        program.display()
    );
    let world = World {
        fleet: World::new(&config).await.fleet,
        ..world
    };
    let mut order = world.command("Begin.");
    order.agent = "brief".into();
    order.check = Arc::new(Wants(Some("second")));
    let end = world.run(order).await;
    assert_eq!(said(&end), "second after say second", "{:?}", world.kept.all());

    // What never does is asked for twice more, and then has failed.
    let mut order = world.command("Begin.");
    order.agent = "brief".into();
    order.check = Arc::new(Never);
    let end = world.run(order).await;
    assert_eq!(class(&end.ending), FailureClass::Output);
    let asked = world
        .kept
        .all()
        .into_iter()
        .filter(|kind| matches!(kind, EntryKind::Prompt(_)))
        .count();
    assert_eq!(asked, 2 + 3);
}
