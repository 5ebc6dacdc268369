//! A reader does not write: four layers, each of which holds where the others would not. The fourth, the comparison
//! afterwards, is shown with whole runs, where nothing else is left (`crates/cli/tests/it/hostile.rs`).

use crate::common::{World, order};
use crate::pairs::{Pair, Who};
use cases::Case;
use domain::{Access, Ending, FailureClass};
use engine::ports::{AgentEnd, EntryKind};

/// Pairs that this machine allows us.
fn pairs() -> Vec<Pair> {
    let allowed = Pair::ALL
        .into_iter()
        .filter(|pair| pair.should_hold(Who::we_are()));
    let allowed: Vec<Pair> = allowed.collect();
    assert!(!allowed.is_empty(), "this machine allows none");
    allowed
}

/// A reading task of the scripted agent, which follows that script.
async fn read(pair: Pair, script: &str) -> (World, AgentEnd) {
    let folder = tempfile::tempdir_in(crate::ground::base()).unwrap();
    let file = folder.path().join("script.toml");
    std::fs::write(&file, script).unwrap();
    let world = World::with(pair.config(), &[("PARTITA_REHEARSAL", file.to_str().unwrap())]).await;
    let mut order = order(world.ground.path(), &world.kept, "rehearsal", "read");
    order.access = Access::Read;
    let end = world.run(order).await;
    (world, end)
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_21_the_plan_mode_is_set_and_seen_to_be_set() {
    for pair in pairs() {
        for (what, script) in [
            ("offers none", "modes = ['default']\ndo = [{ say = 'done' }]\n"),
            ("refuses it", "refuses_mode = true\ndo = [{ say = 'done' }]\n"),
            (
                "leaves it",
                "do = [{ switch_mode = { to = 'auto', force = true } }, { say = 'done' }]\n",
            ),
        ] {
            let (_, end) = read(pair, script).await;
            let is_refused = matches!(
                &end.ending,
                Ending::Failed {
                    class: FailureClass::Permanent | FailureClass::AccessViolated,
                    ..
                }
            );
            assert!(is_refused, "{} {what}: {:?}", pair.name(), end.ending);
        }
        let (_, end) = read(pair, "do = [{ say = 'done' }]\n").await;
        assert!(matches!(end.ending, Ending::Completed { .. }), "{:?}", end.ending);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_25_what_a_reader_asks_to_be_allowed_is_denied() {
    let mut case = Case::open("A-25");
    let kinds = [
        "edit",
        "delete",
        "move",
        "execute",
        "fetch",
        "switch_mode",
        "think",
        "other",
    ];
    let folders = ["/", "..", "~", "../../other/tree"];
    let asks: String = kinds
        .iter()
        .flat_map(|kind| folders.map(|folder| (kind, folder)))
        .map(|(kind, folder)| {
            format!("{{ ask = {{ kind = '{kind}', title = '{kind} in {folder}', options = ['allow_once', 'allow_always', 'reject_once'] }} }},")
        })
        .collect();
    for pair in pairs() {
        let (world, end) = read(pair, &format!("do = [{asks} {{ say = 'done' }}]\n")).await;
        assert!(matches!(end.ending, Ending::Completed { .. }), "{:?}", end.ending);
        let answers: Vec<(String, bool)> = world
            .kept
            .all()
            .into_iter()
            .filter_map(|entry| match entry {
                EntryKind::Permission { title, allowed, .. } => Some((title, allowed)),
                _ => None,
            })
            .collect();
        let asked = u64::try_from(kinds.len() * folders.len()).unwrap();
        case.tried_times(asked);
        case.hit_times(u64::try_from(answers.len()).unwrap());
        let allowed: Vec<_> = answers.iter().filter(|(_, allowed)| *allowed).collect();
        assert!(allowed.is_empty(), "{}: {allowed:?}", pair.name());
    }
    case.pass(32);
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_22_a_reader_that_ignores_its_mode_cannot_write_its_tree() {
    for pair in pairs() {
        let script = "ignores_mode = true\ndo = [{ write = { path = 'planted', content = 'x', ask = false } }, \
                      { run = { command = 'echo x > planted', ask = false } }, { say = 'done' }]\n";
        let (world, end) = read(pair, script).await;
        assert!(matches!(end.ending, Ending::Completed { .. }), "{:?}", end.ending);
        assert!(!world.place().join("planted").exists(), "{}", pair.name());
    }
}
