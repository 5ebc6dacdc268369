//! F-50: makers and their git children killed at random moments. The seed is printed; what was hit is counted.

use super::{RUN, World, sh, task};
use crate::{Direct, Git, Places};
use cases::Case;
use domain::{Access, StepKey};
use engine::ports::{PlaceSpec, Workspaces};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FILES: u32 = 400;

/// xorshift: enough chance for a test, and it can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

async fn world_of(files: u32) -> World {
    let world = World::new().await;
    sh(
        &world.project(),
        &format!("for i in $(seq {files}); do echo $i > f$i; done; git add -A; git commit -qm files"),
    );
    world
}

/// The maker: this test binary started again; prepares a place, changes it, harvests it, removes it, for ever.
#[test]
#[ignore = "started by f_50 as a process of its own"]
fn maker() {
    let Some(dir) = std::env::var_os("PARTITA_TEST_WORLD").map(PathBuf::from) else {
        return;
    };
    let base = std::env::var("PARTITA_TEST_BASE").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let git = Git::find().await.unwrap();
        let places = Places::new(git, &dir.join("home/worktrees"), Arc::new(Direct)).unwrap();
        for serial in 0.. {
            let key = StepKey::only("killed");
            let spec = PlaceSpec {
                project: dir.join("project"),
                run: RUN,
                key: key.clone(),
                access: Access::Write,
                base: base.clone(),
                fresh: serial % 2 == 1,
            };
            let place = places.prepare(spec).await.unwrap();
            fs::write(place.path.join("f1"), format!("{serial} {}", std::process::id())).unwrap();
            let task = domain::TaskId::of(RUN, &key, std::process::id() * 1_000 + serial);
            places.harvest(place, task, "m".to_owned()).await.unwrap();
        }
    });
}

fn start_maker(world: &World, base: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::kills::maker", "--exact", "--ignored", "--nocapture"])
        .env("PARTITA_TEST_WORLD", world.dir.path())
        .env("PARTITA_TEST_BASE", base)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits without sleeping blindly: until the time is there or the condition holds.
fn wait(limit: Duration, mut is_there: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while Instant::now() < until && !is_there() {
        std::thread::yield_now();
    }
}

fn children_of(pid: u32) -> Vec<u32> {
    let task = format!("/proc/{pid}/task");
    let threads = fs::read_dir(task).into_iter().flatten().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

/// Half of the kills hit the maker, half its git.
fn rounds() -> u32 {
    if std::env::var_os("PARTITA_SOAK").is_some() {
        100
    } else {
        20
    }
}

async fn recovers(world: &World, base: &str) {
    // A git that outlived its maker ends by itself; it is part of the fault.
    let place = world
        .places
        .prepare(world.spec("killed", Access::Write, base))
        .await
        .unwrap();
    let changed = world.places.changed(place.clone()).await.unwrap();
    assert!(changed.is_empty() || changed == ["f1"], "damage: {changed:?}");
    assert_eq!(fs::read_dir(&place.path).unwrap().count() as u32, FILES + 4);
    fs::write(place.path.join("f2"), "recovered").unwrap();
    sh(
        &place.path,
        "git status --porcelain && git add f2 && git commit -qm works && git reset -q --soft HEAD~1",
    );
    let spec = PlaceSpec {
        fresh: true,
        ..place.spec
    };
    world.places.prepare(spec).await.unwrap();
}

#[tokio::test]
async fn f_50_a_maker_killed_at_any_moment_is_recovered_from() {
    let world = world_of(FILES).await;
    let base = world.base().await;
    let seed = u64::from(std::process::id()) | 1;
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let (mut half_made, mut placed, mut orphaned) = (0, 0, 0);
    let run = world.places.worktrees.join(RUN.to_string());
    let (least, mut round) = (rounds(), 0);
    let mut case = Case::open("F-50");
    while round < least || (half_made < 3 && round < least * 8) {
        round += 1;
        let mut maker = start_maker(&world, &base);
        let pid = maker.id();
        wait(Duration::from_secs(20), || !children_of(pid).is_empty());
        wait(Duration::from_micros(dice.below(180_000)), || false);
        orphaned += u32::from(!children_of(pid).is_empty());
        case.tried();
        maker.kill().unwrap();
        // It would go on for ever: it can only have been killed.
        assert_eq!(maker.wait().unwrap().signal(), Some(9));
        case.hit();
        let names: Vec<String> = fs::read_dir(&run)
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        half_made += u32::from(names.iter().any(|name| name.starts_with('.')));
        placed += u32::from(names.iter().any(|name| name.starts_with("killed")));
        recovers(&world, &base).await;
    }
    eprintln!(
        "seed={seed} rounds={round} hits={{half_made: {half_made}, placed: {placed}, orphaned: {orphaned}}}"
    );
    assert!(half_made > 0 && orphaned > 0, "the fault did not occur");
    wait(Duration::from_secs(10), || {
        crate::holders::holder_of(world.dir.path()).is_none()
    });
    recovers(&world, &base).await;
    // The next daemon finds the rest.
    let git = world.places.git().clone();
    let places = Places::new(git, &world.dir.path().join("home/worktrees"), Arc::new(Direct)).unwrap();
    let world = World {
        places,
        dir: world.dir,
    };
    world.verify();
    world.places.release(world.project(), RUN).await.unwrap();
    assert_eq!(world.places.list().await.unwrap(), []);
    case.pass(u64::from(least));
}

#[tokio::test]
async fn f_50_a_git_child_killed_at_any_moment_is_recovered_from() {
    let world = Arc::new(world_of(FILES).await);
    let base = world.base().await;
    let seed = u64::from(std::process::id()) | 1;
    let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let (mut failed, mut harvested) = (0, 0);
    let mut case = Case::open("F-50");
    for round in 0..rounds() {
        case.tried();
        let (at, spec) = (Arc::clone(&world), world.spec("killed", Access::Write, &base));
        let work = tokio::spawn(async move {
            let place = at.places.prepare(PlaceSpec { fresh: true, ..spec }).await?;
            fs::write(place.path.join("f1"), format!("{round}")).unwrap();
            at.places
                .harvest(place, task(&format!("t{round}")), "m".to_owned())
                .await
        });
        let after = Duration::from_micros(dice.below(120_000));
        let project = world.dir.path().to_path_buf();
        let killer = tokio::task::spawn_blocking(move || {
            wait(after, || false);
            let ours = |pid: &u32| {
                fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&project))
            };
            let mut is_hit = false;
            wait(Duration::from_millis(500), || {
                let victims: Vec<u32> = children_of(std::process::id()).into_iter().filter(ours).collect();
                victims.iter().for_each(|pid| kill(*pid));
                is_hit = !victims.is_empty();
                is_hit
            });
            is_hit
        });
        case.hit_times(u64::from(killer.await.unwrap()));
        match work.await.unwrap() {
            Ok(_) => harvested += 1,
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("killed") || said.contains("cannot"), "{said}");
                failed += 1;
            }
        }
        recovers(&world, &base).await;
    }
    eprintln!("seed={seed} hits={{failed: {failed}, unharmed: {harvested}}}");
    assert!(failed > 0, "the fault did not occur");
    world.verify();
    world.places.release(world.project(), RUN).await.unwrap();
    assert_eq!(world.places.list().await.unwrap(), []);
    case.pass(u64::from(rounds()) * 3 / 4);
}
