//! What a task prints, however much and whatever it is, costs the daemon next to no memory and nobody else any time.

use crate::world::*;
use cases::Case;
use std::path::Path;

/// A write that took longer was held up by us, and not by a busy machine.
const BLOCKED_S_MAX: f64 = 10.0;

/// Prints so many megabytes in lines and as many in one, with bytes that are no text; says how long a write took at most.
const FLOODER: &str = r#"#!/usr/bin/perl
use Time::HiRes "time";
$| = 1;
my ($most, $left) = (0, MEGABYTES);
for my $chunk ("x" x 98 . "\xff\n", "\0" x 100) {
    my $part = $chunk x 1000;
    for (1 .. MEGABYTES * 5) {
        my $at = time;
        syswrite(STDOUT, $part);
        my $took = time - $at;
        $most = $took if $took > $most;
    }
}
printf "\nblocked for %.3f s\n{\"half\": ", $most;
"#;

/// Bytes of a process: resident now, or at most ever.
fn memory(pid: u32, of: &str) -> u64 {
    let seen = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = seen.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let size_of = |entry: std::fs::DirEntry| {
        let seen = entry.metadata().unwrap();
        if seen.is_dir() {
            size(&entry.path())
        } else {
            seen.len()
        }
    };
    entries.map(size_of).sum()
}

#[test]
fn f_35_a_flood_costs_the_daemon_no_memory() {
    let mut case = Case::open("F-35");
    let world = World::new("");
    let megabytes = sized(25, 100);
    let tool = world.path("bin/flooder");
    world.write(
        "bin/flooder",
        &FLOODER.replace("MEGABYTES", &megabytes.to_string()),
    );
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.agents(
        "",
        &format!(
            "[agents.flooder]\ndialect = \"command\"\nprogram = {tool:?}\nlogin = {{ is_free = true }}\n"
        ),
    );
    world.script("do = [{ say = \"Done.\" }]\n");
    // What a first run takes is no growth.
    let warm = world.begin("readers");
    world.end_of(&warm);
    let daemon = world.daemon();
    let before = memory(daemon, "VmRSS:");
    case.tried();
    let flooded = &world.begin_by("flooder", "two");
    // Others come and go meanwhile.
    let other = world.begin("readers");
    assert_eq!(world.end_of(&other)["status"], "completed");
    let ended = world.end_of(flooded);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    case.hit();
    let grown = memory(daemon, "VmHWM:").saturating_sub(before);
    let kept = size(&world.path("home/transcripts"));
    let said = world.run(&["logs", flooded, "--json"]).out;
    let blocked: Vec<f64> = said
        .split("blocked for ")
        .skip(1)
        .filter_map(|rest| rest.split(' ').next()?.parse().ok())
        .collect();
    println!("{megabytes} MB twice, twice: {grown} bytes grown, {kept} kept, blocked for {blocked:?} s");
    // What waits is bounded, and an allocator keeps of it what each thread had at its worst; unbounded it would be all of it.
    assert!(grown < 96 << 20, "{grown}");
    assert!(
        !blocked.is_empty() && blocked.iter().all(|s| *s < BLOCKED_S_MAX),
        "{blocked:?}"
    );
    // A head of 64 MiB and an eighth of it as the tail for each of the two tasks, and what frames them.
    assert!(kept < 2 * (73 << 20), "{kept}");
    assert!(said.contains("left out"), "what was cut is said");
    case.pass(1);
}
