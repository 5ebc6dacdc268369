//! Stale locks, things moved by hand, a full disk (F-51, F-52, F-57), crowds (F-54) and gc (F-55).

use super::{World, sh, task};
use cases::Case;
use domain::Access;
use engine::ports::{WorkspaceError, Workspaces};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every lock that git makes in a folder of its own, that of the configuration aside: there it is ours, and stays.
const LOCKS: [&str; 5] = [
    "index.lock",
    "HEAD.lock",
    "packed-refs.lock",
    "refs/heads/work.lock",
    "logs/HEAD.lock",
];

#[tokio::test]
async fn f_51_dead_locks_of_a_place_go_and_held_ones_stay() {
    let mut case = Case::open("F-51");
    let world = World::new().await;
    let place = world.writer("fix").await;
    let mut held = 0;
    for (round, name) in LOCKS.iter().cycle().take(20).enumerate() {
        let lock = place.path.join(".git").join(name);
        fs::create_dir_all(lock.parent().unwrap()).unwrap();
        fs::write(&lock, "").unwrap();
        let mut holder = Command::new("sleep");
        holder.arg("60").stdin(Stdio::null());
        // Half of them hold the file, half merely work there.
        if round % 2 == 0 {
            holder.stdout(fs::File::options().append(true).open(&lock).unwrap());
        } else {
            holder.current_dir(&place.path);
        }
        let mut holder = holder.spawn().unwrap();
        for _ in 0..5 {
            case.tried();
            world.writer("fix").await;
            held += u32::from(lock.exists());
            case.hit();
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        case.tried();
        let dead = Instant::now();
        // A child that another test has just forked holds all files for a moment.
        for _ in 0..20 {
            world.writer("fix").await;
            if !lock.exists() {
                break;
            }
        }
        assert!(!lock.exists(), "{name}: the holder is dead");
        assert!(
            dead.elapsed() < Duration::from_secs(20),
            "{name}: {:?}",
            dead.elapsed()
        );
        case.hit();
    }
    assert_eq!(held, 100);
    case.pass(120);
}

#[tokio::test]
async fn f_51_shared_locks_are_waited_for_then_named_and_never_removed() {
    let mut case = Case::open("F-51");
    let world = World::new().await;
    let change = world.harvested("fix", "echo x >> a.txt").await;
    let advance = || {
        world.places.advance(engine::ports::AdvanceSpec {
            project: world.project(),
            slug: "s".to_owned(),
            from: None,
            to: change.head.clone(),
        })
    };
    let lock = world.project().join(".git/refs/heads/partita/s.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    case.tried();
    let asked = Instant::now();
    let said = advance().await.unwrap_err().to_string();
    assert!(
        asked.elapsed() >= world.places.limits.lock_wait,
        "it was not waited for"
    );
    assert!(said.contains("refs/heads/partita/s.lock"), "{said}");
    assert!(lock.exists());
    case.hit();

    // One that goes away in time is only waited for.
    let going = lock.clone();
    let remover = std::thread::spawn(move || {
        let (_keep, wait) = std::sync::mpsc::channel::<()>();
        let _ = wait.recv_timeout(Duration::from_millis(150));
        fs::remove_file(going).unwrap();
    });
    case.tried();
    assert_eq!(advance().await, Ok(()));
    remover.join().unwrap();
    case.hit();

    // HEAD.lock, index.lock and config.lock of the project are in nobody's way here.
    for name in ["HEAD.lock", "index.lock", "config.lock", "packed-refs.lock"] {
        let lock = world.project().join(".git").join(name);
        fs::write(&lock, "").unwrap();
        case.tried();
        world.harvested(name, "echo y >> a.txt").await;
        assert!(lock.exists(), "{name}");
        case.hit();
        fs::remove_file(lock).unwrap();
    }
    // That of the packed refs is, where refs go away: said, with its name, and left alone.
    sh(&world.project(), "git pack-refs --all");
    let lock = world.project().join(".git/packed-refs.lock");
    fs::write(&lock, "").unwrap();
    case.tried();
    let said = world.places.release(world.project(), super::RUN).await;
    let said = said.unwrap_err().to_string();
    assert!(said.contains("packed-refs.lock"), "{said}");
    assert!(lock.exists());
    case.hit();
    fs::remove_file(lock).unwrap();
    world.places.release(world.project(), super::RUN).await.unwrap();
    case.pass(7);
}

#[tokio::test]
async fn f_51_a_dead_lock_on_a_ref_of_ours_is_removed() {
    let world = World::new().await;
    let mut case = Case::open("F-51");
    world.base().await;
    let pin = crate::names::place_ref(super::RUN, &domain::StepKey::only("fix"));
    let lock = world.project().join(".git").join(format!("{pin}.lock"));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    case.tried();
    world.writer("fix").await;
    world.verify();
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn f_52_a_place_that_is_gone_is_said_and_made_again() {
    let mut case = Case::open("F-52");
    case.tried_times(4);
    let world = World::new().await;
    let place = world.writer("fix").await;
    let other = world.writer("other").await;
    sh(&other.path, "echo x >> a.txt");
    fs::remove_dir_all(&place.path).unwrap();
    assert!(matches!(
        world.places.changed(place.clone()).await,
        Err(WorkspaceError::Missing(_))
    ));
    let said = world
        .places
        .harvest(place.clone(), task("fix"), String::new())
        .await;
    assert!(matches!(said, Err(WorkspaceError::Missing(_))), "{said:?}");
    assert!(world.writer("fix").await.path.join("a.txt").exists());
    case.hit();

    crate::files::remove_tree(place.path.parent().unwrap()).unwrap();
    assert!(matches!(
        world.places.changed(place.clone()).await,
        Err(WorkspaceError::Missing(_))
    ));
    assert!(world.writer("fix").await.path.join("a.txt").exists());
    case.hit();
    fs::remove_file(place.path.with_file_name("record")).unwrap();
    assert!(world.writer("fix").await.path.join("a.txt").exists());
    case.hit();
    assert_eq!(
        world.places.changed(other).await.unwrap(),
        ["a.txt"],
        "no other place was touched"
    );

    fs::rename(world.project(), world.dir.path().join("moved")).unwrap();
    assert!(matches!(
        world.places.changed(place).await,
        Err(WorkspaceError::Missing(_))
    ));
    world.places.release(world.project(), super::RUN).await.unwrap();
    assert!(
        !world.places.list().await.unwrap().is_empty(),
        "work of a project that is gone is kept"
    );
    case.hit();
    case.pass(4);
}

#[tokio::test]
async fn f_52_a_place_that_was_moved_is_made_again_and_what_was_moved_stays() {
    let mut case = Case::open("F-52");
    let world = World::new().await;
    let place = world.writer("fix").await;
    sh(&place.path, "echo mine >> a.txt");
    let elsewhere = world.dir.path().join("elsewhere");
    case.tried();
    fs::rename(&place.path, &elsewhere).unwrap();
    let said = world
        .places
        .harvest(place.clone(), task("fix"), String::new())
        .await;
    assert!(matches!(said, Err(WorkspaceError::Missing(_))), "{said:?}");
    let again = world.writer("fix").await;
    assert_eq!(again.path, place.path);
    assert!(!again.has_leftovers);
    assert_eq!(
        fs::read_to_string(elsewhere.join("a.txt")).unwrap(),
        "one\nmine\n"
    );
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn f_57_a_full_disk_is_said_as_such_and_passes() {
    let world = World::new().await;
    sh(
        &world.project(),
        "head -c 3000000 /dev/urandom > big && git add -A && git commit -qm big",
    );
    let small = world.dir.path().join("small");
    fs::create_dir(&small).unwrap();
    let (code, ..) = super::try_sh(&small, "mount -t tmpfs -o size=8m none .");
    if code != Some(0) {
        eprintln!("skipped: a small file system needs root");
        return;
    }
    let mut case = Case::open("F-57");
    case.tried();
    let places = crate::Places::new(
        world.places.git.clone(),
        &small.join("worktrees"),
        Arc::new(crate::Direct),
    );
    let world = World {
        places: places.unwrap(),
        dir: world.dir,
    };
    let place = world.writer("one").await;
    let base = world.base().await;
    let said = world
        .places
        .prepare(world.spec("two", Access::Write, &base))
        .await;
    let said_two = world
        .places
        .prepare(world.spec("three", Access::Write, &base))
        .await;
    sh(&place.path, "head -c 3500000 /dev/urandom > more || true");
    let said_three = world
        .places
        .harvest(place.clone(), task("one"), String::new())
        .await;
    sh(&place.path, "rm more && echo x >> a.txt");
    let after = world.places.harvest(place, task("one"), String::new()).await;
    let left = sh(&small, "find . -name '.making*'");
    sh(world.dir.path(), "umount -l small");
    assert!(
        [&said, &said_two]
            .iter()
            .any(|said| matches!(said, Err(WorkspaceError::NoSpace(_)))),
        "{said:?} {said_two:?}"
    );
    assert!(
        matches!(said_three, Err(WorkspaceError::NoSpace(_))),
        "{said_three:?}"
    );
    assert!(matches!(after, Ok(Some(_))), "{after:?}");
    assert_eq!(left, "");
    world.verify();
    case.hit();
    case.pass(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn f_54_many_at_once_on_one_repository_do_not_meet() {
    let world = Arc::new(World::new().await);
    let base = world.base().await;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..24_u32 {
        let (world, base) = (Arc::clone(&world), base.clone());
        all.spawn(async move {
            let key = format!("step-{n}");
            let place = world
                .places
                .prepare(world.spec(&key, Access::Write, &base))
                .await?;
            fs::write(place.path.join(&key), "x").unwrap();
            world.places.harvest(place, task(&key), key).await
        });
    }
    while let Some(done) = all.join_next().await {
        assert!(matches!(done.unwrap(), Ok(Some(_))));
    }
    world.places.release(world.project(), super::RUN).await.unwrap();
    assert_eq!(world.git("for-each-ref refs/partita/tasks").lines().count(), 24);
    world.verify();
}

#[tokio::test]
async fn f_55_gc_at_any_time_costs_nothing() {
    let world = World::new().await;
    let gc = "git reflog expire --expire=now --all && git gc -q --prune=now";
    let mut heads = Vec::new();
    for n in 0..4 {
        let place = world.writer(&format!("s{n}")).await;
        sh(&world.project(), gc);
        sh(&place.path, &format!("echo {n} > {n} && git gc -q --prune=now"));
        let change = world
            .places
            .harvest(place, task(&format!("s{n}")), String::new())
            .await
            .unwrap()
            .unwrap();
        sh(&world.project(), gc);
        heads.push(change);
    }
    for change in &heads {
        world.git(&format!("log --format=%s {}", change.head));
    }
    world.verify();
}
