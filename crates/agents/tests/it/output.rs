//! Whatever a task says, however much of it, or nothing at all: it ends, and nobody waits for it.

use crate::common::*;
use cases::Case;
use domain::{Access, Ending, FailureClass};
use engine::ports::{Agents, EntryKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A write that took longer was held up by us, and not by a busy machine.
const BLOCKED_S_MAX: f64 = 10.0;

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
    let mut case = Case::open("F-34");
    for (mode, config) in MODES {
        let world = World::new(config).await;
        let token = Token::new();
        let mut order = world.command(&format!("sleep {token}"));
        order.idle_timeout_ms = 300;
        case.tried();
        let started = Instant::now();
        assert_eq!(
            class(&world.run(order).await.ending),
            FailureClass::Silence,
            "{mode}"
        );
        case.hit();
        assert!(started.elapsed().as_millis() < 2_300, "{mode}");
        assert_eq!(alive(&token), [0_u32; 0], "{mode}");
    }
    case.pass(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_34_a_task_that_never_stops_talking_ends_at_its_limit_and_is_kept_in_part() {
    let mut case = Case::open("F-34");
    let world = World::new(BWRAP).await;
    let mut order = world.command("echo first; yes");
    order.timeout_ms = 700;
    case.tried();
    let started = Instant::now();
    assert_eq!(class(&world.run(order).await.ending), FailureClass::Timeout);
    assert!(started.elapsed().as_millis() < 2_700, "{:?}", started.elapsed());
    let kept = world.kept.all();
    // A head of a mebibyte and an eighth of it as the tail.
    let size: usize = world.kept.raw().len();
    println!("{size} bytes kept");
    assert!(size <= (1 << 20) + (1 << 17), "{size}");
    assert_eq!(kept[1], EntryKind::Raw("first\n".to_owned()));
    assert_eq!(kept.last(), Some(&EntryKind::Raw("y\n".to_owned())));
    let cut = notices(&world)
        .into_iter()
        .any(|note| note.contains("left out here"));
    assert!(cut, "{:?}", notices(&world));
    case.hit();
    case.pass(1);
}

/// What the stream is cut into makes no difference: this says how long it was kept from writing at worst.
const WRITER: &str = r#"use Time::HiRes "time"; $| = 1; my ($most, $chunk, $left) = (0, $ENV{CHUNK}, $ENV{COUNT});
while ($left-- > 0) { my $at = time; syswrite(STDOUT, $chunk eq "line" ? "x" x 999 . "\n" : "x" x 65536);
my $took = time - $at; $most = $took if $took > $most }
printf "\nblocked for %.3f s\nafter", $most;"#;

/// Streams so many megabytes; how long the writer was kept waiting at worst, and how much memory that took.
async fn stream(chunk: &str, megabytes: u64) -> (World, f64, u64) {
    let world = World::new(BWRAP).await;
    std::fs::write(world.place().join("writer.pl"), WRITER).unwrap();
    let size = if chunk == "line" { 1_000 } else { 65_536 };
    let count = megabytes * 1_000_000 / size;
    let before = memory("VmRSS:");
    let end = world
        .run(world.command(&format!("CHUNK={chunk} COUNT={count} perl writer.pl")))
        .await;
    let grown = memory("VmHWM:").saturating_sub(before);
    let said = said(&end);
    let (_, rest) = said.rsplit_once("blocked for ").unwrap();
    assert!(rest.ends_with("after"), "{rest}");
    let blocked: f64 = rest.split(' ').next().unwrap().parse().unwrap();
    (world, blocked, grown)
}

/// Bytes of this process: resident now, or at most ever.
fn memory(of: &str) -> u64 {
    let seen = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = seen.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn f_35_a_long_stream_costs_no_memory_and_is_never_held_up() {
    let mut case = Case::open("F-35");
    case.tried();
    let (world, blocked, grown) = stream("line", u64::from(rounds(200, 1_000))).await;
    println!("{grown} bytes grown, blocked for {blocked} s");
    case.hit();
    assert!(grown < 64 << 20, "{grown}");
    assert!(blocked < BLOCKED_S_MAX, "{blocked}");
    let cut = notices(&world)
        .into_iter()
        .any(|note| note.contains("left out here"));
    assert!(cut, "{:?}", notices(&world));
    case.pass(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_35_a_line_without_end_is_cut_and_the_task_goes_on() {
    let mut case = Case::open("F-35");
    case.tried();
    let megabytes = u64::from(rounds(200, 1_000));
    let (world, blocked, grown) = stream("chunk", megabytes).await;
    let long = megabytes * 1_000_000 / 65_536 * 65_536;
    assert_eq!(
        notices(&world)[0],
        format!("a line was cut: {} bytes are left out", long - (1 << 20))
    );
    case.hit();
    println!("{grown} bytes grown, blocked for {blocked} s");
    assert!(grown < 64 << 20, "{grown}");
    assert!(blocked < BLOCKED_S_MAX, "{blocked}");
    case.pass(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_35_bytes_that_are_no_text_come_through() {
    let mut case = Case::open("F-35");
    let world = World::new(BWRAP).await;
    case.tried();
    let end = world
        .run(world.command(r"printf 'a\377\000b\n{\042half'; printf '\377' >&2"))
        .await;
    assert_eq!(said(&end), "a\u{fffd}\0b\n{\"half");
    assert!(world.kept.all().contains(&EntryKind::Raw("\u{fffd}".to_owned())));
    case.hit();
    case.pass(1);
}

/// Half a message, and the pipe's end, in the midst of a turn.
#[tokio::test(flavor = "multi_thread")]
async fn f_35_half_a_message_and_an_exit_is_no_result() {
    let mut case = Case::open("F-35");
    for acts in [
        "[{ say = 'x' }, { half_json = true }, { exit = 0 }]",
        "[{ raw_hex = 'ff00fe0a' }, { half_json = true }, { exit = 0 }]",
        "[{ cut = true }]",
    ] {
        let world = World::new(BWRAP).await;
        let mut order = world.command(&format!("```rehearsal\ndo = {acts}\n```\n"));
        order.agent = "rehearsal".into();
        case.tried();
        let end = world.run(order).await.ending;
        assert!(matches!(end, Ending::Failed { .. }), "{acts}: {end:?}");
        let raw = world.kept.raw();
        assert!(raw.contains("session/upd"), "{acts}: {:?}", world.kept.all());
        case.hit();
    }
    case.pass(3);
}

/// Speaks to an agent that reads nothing, with more than any pipe holds.
fn deaf(script: &str) -> String {
    format!(
        "{BWRAP}[agents.deaf]\ndialect = 'acp'\nprogram = '/bin/sh'\nargs = ['-c', '{script}']\n\
         login = {{ is_free = true }}\nend = {{ polite_ms = 100, grace_ms = 100 }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn f_36_an_agent_that_reads_nothing_ends_at_its_limit_and_hinders_nobody() {
    let mut case = Case::open("F-36");
    let token = Token::new();
    for (script, wanted) in [
        (format!("exec >&-; sleep {token}"), FailureClass::Silence),
        (format!("sleep {token}"), FailureClass::Silence),
        // It never reads and always writes: both pipes are full.
        ("yes output & yes error >&2".to_owned(), FailureClass::Timeout),
    ] {
        let world = World::new(&deaf(&script)).await;
        let mut order = world.command(&"x".repeat(4 << 20));
        order.agent = "deaf".into();
        order.idle_timeout_ms = 1_500;
        order.timeout_ms = if wanted == FailureClass::Timeout {
            1_500
        } else {
            50_000
        };
        case.tried();
        let began = Instant::now();
        let begun = world.fleet.begin(order).await.unwrap();
        let running = tokio::spawn(begun.running.finish(Box::pin(std::future::pending())));
        // Others come and go meanwhile.
        let mut others = 0;
        while !running.is_finished() {
            // They only read: two that write have no place in common, and what protects one would be taken from the other.
            let mut other = world.command("echo other");
            other.access = Access::Read;
            let end = world.run(other).await;
            assert_eq!(said(&end), "other", "{script}");
            others += 1;
        }
        let end = within(running).await.unwrap();
        println!("{wanted:?} after {:?}, {others} others", began.elapsed());
        assert_eq!(class(&end.ending), wanted, "{script}");
        assert!(others > 3, "{script}: {others}");
        assert!(began.elapsed() < Duration::from_secs(20), "{script}");
        assert_eq!(alive(&token), [0_u32; 0], "{script}");
        case.hit();
    }
    case.pass(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn f_36_both_pipes_full_is_no_deadlock() {
    let mut case = Case::open("F-36");
    let world = World::new(BWRAP).await;
    let script = "(yes error | head -c 3000000 >&2) & (yes output | head -c 3000000); wait; echo done";
    case.tried();
    assert!(said(&world.run(world.command(script)).await).ends_with("done"));
    case.hit();
    case.pass(1);
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
