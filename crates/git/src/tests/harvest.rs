//! Taking what a task made.

use super::{World, sh, task};
use crate::{Confined, Direct, Git, Order, Outcome, Places};
use engine::ports::{Later, WorkspaceError, Workspaces};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_result_is_one_commit_on_the_base() {
    let world = World::new().await;
    sh(
        &world.project(),
        "git config user.name 'Zoë \"Q\" M' && git config user.email zoe@example.org",
    );
    let place = world.writer("fix").await;
    sh(
        &place.path,
        "echo more >> a.txt && rm sub/b.txt && echo 'odd' > \"$(printf 'new\\nname')\" && mkdir target",
    );
    sh(
        &place.path,
        "echo built > target/out && chmod +x a.txt && ln -s /etc/passwd link",
    );

    let change = world
        .places
        .harvest(place, task("fix"), "fix: it\n\nwhy".to_owned())
        .await
        .unwrap()
        .unwrap();

    assert_eq!(change.base, world.base().await);
    assert_eq!((change.files, change.insertions, change.deletions), (4, 3, 1));
    let name = format!("refs/partita/tasks/{}", task("fix"));
    assert_eq!(world.git(&format!("rev-parse {name}")), change.head);
    assert_eq!(world.git(&format!("rev-parse {name}^")), change.base);
    assert_eq!(
        world.git(&format!("log -1 --format='%an <%ae> %s' {name}")),
        "Zoë \"Q\" M <zoe@example.org> fix: it"
    );
    assert!(world.git(&format!("ls-tree -r {name}")).contains("120000"));
    assert!(
        !world
            .git(&format!("ls-tree -r --name-only {name}"))
            .contains("target")
    );
    world.verify();
}

#[tokio::test]
async fn a_refused_result_is_held_by_nothing() {
    let world = World::new().await;
    let place = world.writer("fix").await;
    sh(&place.path, "echo more >> a.txt");
    let taken = world.places.harvest(place.clone(), task("fix"), String::new());
    let change = taken.await.unwrap().unwrap();
    let holders = format!("for-each-ref --contains {}", change.head);
    assert_eq!(world.git(&holders).lines().count(), 2);

    let elsewhere = domain::Change {
        head: change.base.clone(),
        ..change.clone()
    };
    let forget = world.places.forget_result(&place, task("fix"), &elsewhere);
    forget.await.unwrap();
    assert_eq!(world.git(&holders).lines().count(), 2, "they hold something else");

    for _again in 0..2 {
        let forget = world.places.forget_result(&place, task("fix"), &change);
        forget.await.unwrap();
        assert_eq!(world.git(&holders), "");
    }
    world.verify();
}

#[tokio::test]
async fn nothing_changed_is_none_and_touched_is_nothing() {
    let world = World::new().await;
    let place = world.writer("fix").await;
    assert_eq!(
        world
            .places
            .harvest(place.clone(), task("fix"), String::new())
            .await,
        Ok(None)
    );
    sh(
        &place.path,
        "touch a.txt; mkdir empty; mkdir target; echo x > target/x; git commit -q --allow-empty -m mine",
    );
    assert_eq!(
        world.places.harvest(place, task("fix"), String::new()).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_change_of_the_second_in_which_the_place_was_made_is_kept_whatever_its_size() {
    let world = World::new().await;
    let place = world.writer("fix").await;
    fs::write(place.path.join("a.txt"), "two\n").unwrap();
    // By its second and its size it is the file that was checked out; the harvest comes in a later second.
    let probe = world.dir.path().join("probe");
    let second = |path: &std::path::Path| fs::metadata(path).unwrap().mtime();
    fs::write(&probe, "").unwrap();
    while second(&probe) == second(&place.path.join("a.txt")) {
        std::thread::park_timeout(std::time::Duration::from_millis(5));
        fs::write(&probe, "").unwrap();
    }
    let change = world
        .places
        .harvest(place, task("fix"), String::new())
        .await
        .unwrap();
    assert_eq!(
        change.map(|change| (change.files, change.insertions)),
        Some((1, 1))
    );
}

#[tokio::test]
async fn the_same_task_twice_is_the_same_answer() {
    let world = World::new().await;
    let place = world.writer("fix").await;
    sh(&place.path, "echo more >> a.txt");
    let first = world
        .places
        .harvest(place.clone(), task("fix"), "one".to_owned())
        .await
        .unwrap();
    sh(&place.path, "echo later >> a.txt");
    assert_eq!(
        world
            .places
            .harvest(place.clone(), task("fix"), "two".to_owned())
            .await
            .unwrap(),
        first
    );
    fs::remove_dir_all(&place.path).unwrap();
    assert_eq!(
        world
            .places
            .harvest(place, task("fix"), "three".to_owned())
            .await
            .unwrap(),
        first
    );
}

#[tokio::test]
async fn a_later_task_in_the_same_place_holds_everything_on_the_same_base() {
    let world = World::new().await;
    let first = world.harvested("fix", "echo one >> a.txt").await;
    let place = world.writer("fix").await;
    assert!(place.has_leftovers);
    sh(&place.path, "echo two >> a.txt");
    let second = domain::TaskId::of(super::RUN, &place.spec.key, 2);
    let second = world
        .places
        .harvest(place, second, "again".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((second.base, second.insertions), (first.base, 2));
}

#[tokio::test]
async fn the_next_step_starts_from_the_last_result() {
    let world = World::new().await;
    let first = world.harvested("one", "echo 1 >> a.txt").await;
    let spec = world.spec("two", domain::Access::Write, &first.head);
    let place = world.places.prepare(spec).await.unwrap();
    assert_eq!(fs::read_to_string(place.path.join("a.txt")).unwrap(), "one\n1\n");
    sh(&place.path, "echo 2 >> a.txt");
    let second = world
        .places
        .harvest(place, task("two"), "two".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        world.git(&format!("log --format=%s {}", second.head)),
        "two\ndo one\nfirst"
    );
}

#[tokio::test]
async fn nested_repositories_come_as_files_and_kinds_may_change() {
    let world = World::new().await;
    let change = world
        .harvested(
            "fix",
            "git init -q inner && cd inner && echo i > i.txt && echo junk > junk && echo junk > .gitignore && \
             git init -q deeper && echo d > deeper/d.txt && cd .. && mkdir -p x/.git && echo not > x/.git/config && \
             echo y > x/y && git init -q --bare naked.git && rm -r sub && ln -s inner sub && rm a.txt && \
             mkdir a.txt && echo under > a.txt/under && mkfifo pipe",
        )
        .await;
    let names = world.git(&format!("ls-tree -r --name-only {}", change.head));
    let names: Vec<&str> = names.lines().collect();
    for expected in [
        "inner/i.txt",
        "inner/.gitignore",
        "inner/deeper/d.txt",
        "x/y",
        "naked.git/config",
        "sub",
        "a.txt/under",
    ] {
        assert!(names.contains(&expected), "{expected} is not in {names:?}");
    }
    assert!(!names.iter().any(|name| {
        name.split('/')
            .any(|part| part == ".git" || part == "junk" || part == "pipe")
    }));
    world.verify();
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_is_a_removed_file() {
    let world = World::new().await;
    let change = world.harvested("fix", "rm a.txt && mkfifo a.txt").await;
    assert_eq!((change.files, change.deletions), (1, 1));
}

#[tokio::test]
async fn submodules_are_neither_entered_nor_moved() {
    let world = World::new().await;
    sh(
        world.dir.path(),
        "git init -q -b main lib && cd lib && git commit -q --allow-empty -m lib",
    );
    let add = "git -c protocol.file.allow=always submodule add -q ../lib lib && git commit -qm 'add lib'";
    sh(&world.project(), add);
    let place = world.writer("fix").await;
    assert_eq!(fs::read_dir(place.path.join("lib")).unwrap().count(), 0);
    assert_eq!(
        world.places.changed(place.clone()).await.unwrap(),
        Vec::<String>::new()
    );
    sh(
        &place.path,
        "rmdir lib && git init -q lib && cd lib && git commit -q --allow-empty -m other && echo > ../n",
    );
    let change = world
        .places
        .harvest(place, task("fix"), String::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        world.git(&format!("diff --name-only {} {}", change.base, change.head)),
        "n"
    );
}

#[tokio::test]
async fn too_much_is_refused_in_words() {
    let world = World::new().await;
    let limits = crate::Limits {
        change_bytes_max: 1 << 20,
        ..crate::Limits::default()
    };
    let world = World {
        places: world.places.with_limits(limits),
        dir: world.dir,
    };
    let place = world.writer("fix").await;
    sh(&place.path, "truncate -s 1G huge");
    let said = world
        .places
        .harvest(place, task("fix"), String::new())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("more than 1 MiB changed") && said.contains("huge"),
        "{said}"
    );
}

/// Notes every order and runs it.
struct Noting(Mutex<Vec<Order>>);

impl Confined for Noting {
    fn run(&self, order: Order) -> Later<'_, Result<Outcome, crate::ConfinedError>> {
        self.0.lock().unwrap().push(order.clone());
        Box::pin(async move { Direct.run(order).await })
    }
}

#[tokio::test]
async fn the_sandbox_is_asked_for_little() {
    let world = World::new().await;
    let noting = Arc::new(Noting(Mutex::default()));
    let git = Git::find().await.unwrap();
    let places = Places::new(
        git,
        &world.dir.path().join("home/worktrees"),
        Arc::clone(&noting) as Arc<dyn Confined>,
    );
    let world = World {
        places: places.unwrap(),
        dir: world.dir,
    };
    world.harvested("fix", "echo x >> a.txt; rm sub/b.txt").await;

    let orders = noting.0.lock().unwrap();
    assert_eq!(orders.len(), 4, "remove, add, write-tree, commit-tree");
    for order in orders.iter() {
        let place = order.dir.parent().unwrap();
        assert_eq!(
            order.writable,
            [place.join("keep.git/objects"), place.join("scratch")]
        );
        assert!(order.argv[0].to_string_lossy().starts_with('/'));
        assert!(order.env.iter().all(|(name, _)| name != "SSH_AUTH_SOCK"));
    }
}

/// Answers what the test says.
struct Lying(String);

impl Confined for Lying {
    fn run(&self, order: Order) -> Later<'_, Result<Outcome, crate::ConfinedError>> {
        let is_commit = order.argv.iter().any(|word| word == "commit-tree");
        let answer = self.0.clone().into_bytes();
        Box::pin(async move {
            if is_commit {
                return Ok(Outcome {
                    code: Some(0),
                    stdout: answer,
                    stderr: Vec::new(),
                });
            }
            Direct.run(order).await
        })
    }
}

#[tokio::test]
async fn a_34_what_comes_out_of_the_sandbox_must_stand_on_the_base() {
    let mut case = cases::Case::open("A-34");
    let world = World::new().await;
    sh(
        &world.project(),
        "git checkout -q --orphan other && git commit -qm unrelated && git checkout -q main",
    );
    let unrelated = world.git("rev-parse other");
    for (claim, is_tampered) in [
        (unrelated, true),
        ("--upload-pack=x".to_owned(), false),
        ("0".repeat(40), false),
    ] {
        let git = Git::find().await.unwrap();
        let home = world.dir.path().join(format!("home-{}", claim.len()));
        let places = Places::new(git, &home, Arc::new(Lying(claim.clone()))).unwrap();
        let base = world.base().await;
        let place = places
            .prepare(world.spec("fix", domain::Access::Write, &base))
            .await
            .unwrap();
        sh(&place.path, "echo x >> a.txt");
        let said = places
            .harvest(place, task("lie"), String::new())
            .await
            .unwrap_err();
        assert_eq!(
            matches!(said, WorkspaceError::Tampered(_)),
            is_tampered,
            "{claim}: {said}"
        );
        assert_eq!(world.git("for-each-ref refs/partita/tasks"), "");
        case.tried();
        case.hit();
    }
    case.pass(3);
}

/// The least a sandbox can give: what the order names, and the system's programs.
struct Bubble;

impl Confined for Bubble {
    fn run(&self, order: Order) -> Later<'_, Result<Outcome, crate::ConfinedError>> {
        let mut argv: Vec<std::ffi::OsString> = ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent"]
            .map(Into::into)
            .into();
        let mut mount =
            |kind: &str, path: &std::path::Path| argv.extend([kind.into(), path.into(), path.into()]);
        for folder in ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"] {
            mount("--ro-bind-try", std::path::Path::new(folder));
        }
        order.readable.iter().for_each(|path| mount("--ro-bind", path));
        order.writable.iter().for_each(|path| mount("--bind", path));
        argv.extend(["--dev", "/dev", "--remount-ro", "/", "--chdir"].map(Into::into));
        argv.push(order.dir.clone().into());
        argv.extend(order.argv.clone());
        Box::pin(async move { Direct.run(Order { argv, ..order }).await })
    }
}

#[tokio::test]
async fn what_the_sandbox_is_asked_for_is_enough() {
    let world = World::new().await;
    let git = Git::find().await.unwrap();
    let places = Places::new(git, &world.dir.path().join("home/worktrees"), Arc::new(Bubble)).unwrap();
    let world = World {
        places,
        dir: world.dir,
    };
    if super::try_sh(world.dir.path(), "bwrap --ro-bind / / true").0 != Some(0) {
        eprintln!("skipped: no bubblewrap here");
        return;
    }
    let change = world
        .harvested(
            "fix",
            "echo x >> a.txt; rm sub/b.txt; git init -q in; echo i > in/i",
        )
        .await;
    assert_eq!(change.files, 3);
    world.verify();
}
