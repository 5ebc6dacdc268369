//! Every attempt, in every pair, as the superuser and as an ordinary user, reading and writing, with and without
//! network: what came of it is what the table says, no more and no less, and work goes on.

use crate::common::{Kept, alive, config, said, within};
use crate::ground::Ground;
use crate::pairs::{Pair, Who, again_as_an_ordinary_user};
use crate::seen::{self, Said};
use crate::table::{self, Answer, Circumstances};
use agents::Fleet;
use cases::Case;
use domain::{Access, Ending, FailureClass, Network};
use engine::ports::{AgentEnd, Agents, WorkOrder};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

macro_rules! matrix {
    ($($test:ident: $who:ident, $pair:ident;)*) => { $(
        #[test]
        fn $test() {
            under(Who::$who, Pair::$pair, concat!("matrix::", stringify!($test)));
        }
    )* };
}

matrix! {
    a_17_to_a_61_as_root_in_bwrap: Root, Bubblewrap;
    a_17_to_a_61_as_root_in_bwrap_and_landlock: Root, BubblewrapLandlock;
    a_17_to_a_61_as_root_in_the_shim_and_landlock: Root, ShimLandlock;
    a_17_to_a_61_as_a_user_in_bwrap: Ordinary, Bubblewrap;
    a_17_to_a_61_as_a_user_in_bwrap_and_landlock: Ordinary, BubblewrapLandlock;
    a_17_to_a_61_as_a_user_in_the_shim_and_landlock: Ordinary, ShimLandlock;
}

fn under(who: Who, pair: Pair, test: &str) {
    match (who, Who::we_are()) {
        (Who::Root, Who::Ordinary) => {
            return println!("{}: only the superuser can be the superuser", who.name());
        }
        (Who::Ordinary, Who::Root) => return again_as_an_ordinary_user(test),
        (Who::Root, Who::Root) | (Who::Ordinary, Who::Ordinary) => {}
    }
    if !pair.should_hold(who) {
        // The test of the pairs sees to it that this is so, and that some pair is left.
        return println!("{} {}: this machine does not allow it", who.name(), pair.name());
    }
    let ids: BTreeSet<&'static str> = table::ROWS.iter().map(|row| row.0).collect();
    let mut cases: BTreeMap<&str, Case> = ids.into_iter().map(|id| (id, Case::open(id))).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for access in [Access::Read, Access::Write] {
        for network in [Network::None, Network::Open] {
            let at = Circumstances {
                who,
                pair,
                access,
                network,
            };
            let attempted = runtime.block_on(once(at));
            for (id, _, _) in table::ROWS {
                cases.get_mut(id).unwrap().tried();
            }
            for name in &attempted {
                cases.get_mut(table::row(name).0).unwrap().hit();
            }
        }
    }
    for (_, case) in cases {
        case.pass(4);
    }
}

/// One world, one hostile task; says what was attempted.
async fn once(at: Circumstances) -> Vec<String> {
    let mut ground = Ground::new();
    let daemon = [
        ("OTHER_API_KEY", "SECRET-daemon"),
        ("SSH_AUTH_SOCK", "/SECRET-agent"),
        ("LD_PRELOAD", ""),
    ];
    let fleet = Fleet::new(config(ground.folder.path(), at.pair.config(), &daemon))
        .await
        .unwrap();
    if at.access == Access::Write {
        works(&fleet, &ground).await;
    }
    let left_out = match at.access {
        Access::Read => vec![ground.path("home/homes")],
        Access::Write => vec![ground.path("home/homes"), ground.tree()],
    };
    let before = seen::files(ground.folder.path(), &left_out);
    let kept = Arc::new(Kept::default());

    let end = run(&fleet, ground.hostile(&kept, at.access, at.network)).await;

    let text = seen::text(&kept);
    let attempts = seen::report(&text);
    let wrong = [
        answers(&attempts, at),
        effects(
            &seen::changed(&before, &seen::files(ground.folder.path(), &left_out)),
            ground.folder.path(),
            at,
        ),
        reached(&ground, at),
        told(&text, at),
        ending(&end, at),
        left(&mut ground, at),
    ];
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    println!("{at}: {}", tally(at, &attempts));
    assert!(wrong.is_empty(), "{at}:\n{}", wrong.join("\n"));
    attempts.into_iter().map(|attempt| attempt.name).collect()
}

async fn run(fleet: &Fleet, order: WorkOrder) -> AgentEnd {
    let begun = fleet.begin(order).await.unwrap();
    within(begun.running.finish(Box::pin(std::future::pending()))).await
}

/// Normal work and a commit are possible.
async fn works(fleet: &Fleet, ground: &Ground) {
    let kept = Arc::new(Kept::default());
    let end = run(fleet, ground.honest(&kept)).await;
    assert_eq!(said(&end), "one\nwork\n0\n1");
    let log = std::fs::read_to_string(ground.tree().join(".git/logs/HEAD")).unwrap();
    assert!(log.trim_end().ends_with("work"), "{log}");
}

/// What the agent says of each attempt, against the table.
fn answers(attempts: &[Said], at: Circumstances) -> Vec<String> {
    let known: BTreeSet<&str> = table::ROWS.iter().map(|row| row.1).collect();
    let tried: BTreeSet<&str> = attempts.iter().map(|attempt| attempt.name.as_str()).collect();
    let unknown = tried
        .difference(&known)
        .map(|name| format!("`{name}` is not in the table"));
    let untried = known
        .difference(&tried)
        .map(|name| format!("`{name}` was not tried"));
    let differing = attempts
        .iter()
        .filter(|attempt| known.contains(attempt.name.as_str()))
        .filter_map(|attempt| {
            let expected = table::answer(&attempt.name, at);
            let is_as_said = match expected {
                Answer::Refused => !attempt.is_done,
                // What a machine does not have cannot be reached there.
                Answer::Open => attempt.is_done || table::is_of_the_machine(&attempt.name),
                Answer::Harmless | Answer::Noticed => attempt.is_done,
            };
            let done = if attempt.is_done { "done" } else { "refused" };
            let Said { name, detail, .. } = attempt;
            (!is_as_said).then(|| format!("`{name}` was {done} ({detail}); the table says {expected:?}"))
        });
    unknown.chain(untried).chain(differing).collect()
}

/// What changed outside, against what the table says is open.
fn effects(changed: &[std::path::PathBuf], root: &Path, at: Circumstances) -> Vec<String> {
    let open: Vec<(&str, &str)> = [
        ("change the mode of a file outside", "outside/mode"),
        ("change the time of a file outside", "outside/time"),
        ("open up an object of the project", "project/.git/objects"),
    ]
    .into_iter()
    .filter(|(name, _)| table::answer(name, at) == Answer::Open)
    .collect();
    let is_known = |path: &Path| open.iter().any(|(_, place)| path.starts_with(root.join(place)));
    let surprising = changed.iter().filter(|path| !is_known(path));
    let missing = open
        .iter()
        .filter(|(_, place)| !changed.iter().any(|path| path.starts_with(root.join(place))));
    surprising
        .map(|path| format!("{} changed", path.display()))
        .chain(missing.map(|(name, _)| format!("`{name}` left no trace")))
        .collect()
}

/// Who was reached, told by those who listen.
fn reached(ground: &Ground, at: Circumstances) -> Vec<String> {
    let wrong = ground.listeners.iter().filter_map(|(name, listener)| {
        let (is, should) = (listener.was_reached(), table::answer(name, at) == Answer::Open);
        (is != should).then(|| format!("`{name}`: reached is {is}, the table says {should}"))
    });
    wrong.collect()
}

/// Secrets in what it told.
fn told(text: &str, at: Circumstances) -> Vec<String> {
    let is_open = table::answer("find secrets in others' arguments", at) == Answer::Open;
    seen::secrets(text)
        .into_iter()
        .filter(|secret| !(is_open && secret == "SECRET-argument"))
        .map(|secret| format!("it told {secret}"))
        .collect()
}

/// A task that changed what it must not has failed, whatever it says.
fn ending(end: &AgentEnd, at: Circumstances) -> Vec<String> {
    let is_noticed = table::ROWS
        .iter()
        .any(|row| table::answer(row.1, at) == Answer::Noticed);
    let is_right = match &end.ending {
        Ending::Completed { .. } => !is_noticed,
        Ending::Failed { class, .. } => is_noticed && *class == FailureClass::AccessViolated,
        _ => false,
    };
    let said = || {
        format!(
            "it ended with {:?}, and noticed should be {is_noticed}",
            end.ending
        )
    };
    (!is_right).then(said).into_iter().collect()
}

/// Nothing of it is left, and nobody is hurt.
fn left(ground: &mut Ground, at: Circumstances) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |is_so: bool, what: &str| {
        if !is_so {
            wrong.push(what.to_owned());
        }
    };
    must(!ground.marker().exists(), "something that was planted ran");
    must(alive(&ground.sleeps).is_empty(), "a process outlived the task");
    must(
        ground.victim.try_wait().unwrap().is_none(),
        "the daemon was killed",
    );
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", ground.victim.id())).unwrap();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let is_limited = files.split_whitespace().next() == Some("16");
    must(
        is_limited == (table::answer("limit the daemon", at) == Answer::Open),
        "the daemon's limits are not as the table says",
    );
    // What was made there for all to see is taken away again: it is the machine's.
    let shared = format!("/dev/shm/hostile-{}", ground.sleeps);
    must(
        std::fs::remove_file(shared).is_err(),
        "the shared memory is not its own",
    );
    wrong
}

fn tally(at: Circumstances, attempts: &[Said]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for attempt in attempts {
        *counts
            .entry(format!("{:?}", table::answer(&attempt.name, at)).to_lowercase())
            .or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    format!("{} attempts: {}", attempts.len(), counts.join(", "))
}
