//! Hostile trees, refs, names and links (A-30, A-33 … A-35).

use super::hostile::{Trap, everything};
use super::{RUN, World, sh, task};
use cases::Case;
use domain::{Access, StepKey};
use engine::ports::{AdvanceSpec, WorkspaceError, Workspaces};
use std::fs;

#[tokio::test]
async fn a_33_hostile_trees_are_refused_in_words_and_leave_nothing() {
    let mut case = Case::open("A-33");
    case.tried();
    for (entry, mode) in [
        (".git", "040000"),
        (".GIT", "040000"),
        ("..", "040000"),
        (".", "040000"),
        ("git~1", "040000"),
    ] {
        let world = World::new().await;
        let script = format!(
            "t=$(printf '100644 blob %s\\tconfig\\n' $(echo evil | git hash-object -w --stdin) | git mktree) && \
             printf '{mode} tree %s\\t{entry}\\n' $t | git mktree --missing"
        );
        let tree = sh(&world.project(), &script);
        let commit = world.git(&format!("commit-tree -m evil {tree}"));
        sh(
            &world.project(),
            &format!("git update-ref refs/heads/evil {commit}"),
        );
        let said = world
            .places
            .prepare(world.spec("x", Access::Write, &commit))
            .await;
        assert!(
            matches!(said, Err(WorkspaceError::Failed(_))),
            "{entry}: {said:?}"
        );
        let left = sh(
            world.dir.path(),
            "find home/worktrees -name tree -o -name '.making*'",
        );
        assert_eq!(left, "", "{entry}");
    }
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn a_33_odd_names_and_hostile_submodules_pass_without_effect() {
    let mut case = Case::open("A-33");
    case.tried();
    let world = World::new().await;
    let trap = Trap::new(&world);
    let modules = format!(
        "[submodule \"x\"]\n\tpath = \"sub\r\"\n\turl = ext::{0}\n\tupdate = !{0}\n[submodule \"-u\"]\n\tpath = y\n\turl = -u{0}\n",
        trap.program.display()
    );
    let place = world.writer("x").await;
    fs::write(place.path.join(".gitmodules"), modules).unwrap();
    sh(
        &place.path,
        "echo 1 > 'CASE'; echo 2 > 'case'; echo 3 > -- ; echo 4 > '--upload-pack=x'; echo 5 > \"$(printf 'e\\033[31m')\"",
    );
    sh(
        &place.path,
        "mkdir deep && cd deep && for i in $(seq 60); do mkdir d && cd d; done && echo x > x",
    );
    // Git's own check refuses the submodule's url: nothing comes in.
    let said = world
        .places
        .harvest(place.clone(), task("x"), String::new())
        .await;
    assert!(matches!(said, Err(WorkspaceError::Tampered(_))), "{said:?}");
    assert_eq!(world.git("for-each-ref refs/partita/tasks"), "");

    fs::remove_file(place.path.join(".gitmodules")).unwrap();
    let change = world
        .places
        .harvest(place, task("x"), String::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(change.files, 6);
    assert!(!trap.sprung());
    world.verify();
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn a_33_a_place_inside_a_tree_full_of_bare_repositories_uses_none_of_them() {
    let mut case = Case::open("A-33");
    case.tried();
    let world = World::new().await;
    let trap = Trap::new(&world);
    let place = world.writer("x").await;
    let trapped = format!(
        "git init -q --bare . 2>/dev/null; git -C . config -f config core.fsmonitor {}",
        trap.program.display()
    );
    // The tree itself looks like a bare repository.
    sh(&place.path, &format!("mkdir bare && cd bare && {trapped}"));
    sh(
        &place.path,
        "cp bare/config bare/HEAD . && cp -r bare/objects bare/refs .",
    );
    let (changed, refused) = everything(&world, &place).await;
    assert!(changed.unwrap().contains(&"HEAD".to_owned()));
    assert_eq!(refused, None);
    assert!(!trap.sprung());
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn a_34_refs_and_objects_of_a_place_are_the_agents_own_business() {
    let mut case = Case::open("A-34");
    case.tried();
    let world = World::new().await;
    let other = world.harvested("other", "echo o >> a.txt").await;
    let before = world.git("for-each-ref");
    let place = world.writer("x").await;
    sh(
        &place.path,
        "echo evil > a.txt && git commit -qam evil && git update-ref refs/heads/main HEAD && git tag -f v1 && \
         git update-ref refs/partita/runs/x/base HEAD && git symbolic-ref refs/heads/partita/x refs/heads/main && \
         git replace HEAD~1 HEAD && rm -rf .git/objects/pack && echo 0 > .git/refs/heads/broken && \
         git checkout -q --orphan alone && git rm -rqf . && echo good > good.txt",
    );
    let change = world
        .places
        .harvest(place, task("x"), String::new())
        .await
        .unwrap()
        .unwrap();
    let parents = world.git(&format!("log --format=%P {}", change.head));
    assert_eq!(parents.lines().next(), Some(change.base.as_str()));
    let after = world.git("for-each-ref");
    let new: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(new.len(), 3, "the place's pin and the task's two: {new:?}");
    assert_eq!(world.git(&format!("show {}:a.txt", other.head)), "one\no");
    world.verify();
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn a_35_hostile_words_are_refused_or_harmless() {
    let world = World::new().await;
    let trap = Trap::new(&world);
    let base = world.base().await;
    let upload = format!("--upload-pack={}", trap.program.display());
    let long = "x".repeat(10_000);
    let words = [
        "-x",
        &upload,
        "$(id)",
        ";id",
        "'\"",
        "a\r\nb",
        "a\0b",
        "\u{1b}[31m",
        "\u{202e}abc",
        &long,
        "x.lock",
        "@{",
        "HEAD~99",
        "🦀",
        "..",
        "a..b",
        "/",
        "--",
        "-",
        "main^{tree}",
        ":/x",
        "refs/heads/../../x",
        "-c core.fsmonitor=x",
        "",
    ];
    for word in words {
        let run = domain::RunId::from_bits(0xb0);
        let said = world
            .places
            .base(world.project(), run, Some(word.to_owned()))
            .await;
        assert!(said.is_err(), "{word:?} is a commit?");
        assert!(!said.unwrap_err().to_string().contains('\u{1b}'));
        let spec = AdvanceSpec {
            project: world.project(),
            slug: word.to_owned(),
            from: None,
            to: base.clone(),
        };
        assert!(
            world.places.advance(spec).await.is_err() || word == "x",
            "{word:?} is a slug?"
        );
        let spec = AdvanceSpec {
            project: world.project(),
            slug: "ok".to_owned(),
            from: None,
            to: word.to_owned(),
        };
        assert!(world.places.advance(spec).await.is_err());
        assert!(
            world
                .places
                .prepare(world.spec("x", Access::Write, word))
                .await
                .is_err()
                || word.is_empty()
        );
        assert!(world.places.diff(&world.project(), word, "main").await.is_err());
        assert!(world.places.log(&world.project(), None, word, 3).await.is_err());
        if !word.contains('\0') && word.len() < 300 && !word.is_empty() {
            let spec = engine::ports::PlaceSpec {
                key: StepKey::only(word),
                ..world.spec("x", Access::Write, &base)
            };
            let place = world.places.prepare(spec).await.unwrap();
            sh(&place.path, "echo x >> a.txt");
            let done = world.places.harvest(
                place.clone(),
                domain::TaskId::of(RUN, &place.spec.key, 1),
                word.to_owned(),
            );
            assert!(done.await.unwrap().is_some(), "{word:?}");
        }
    }
    assert!(!trap.sprung());
    world.verify();
}

#[tokio::test]
async fn a_30_links_out_of_the_tree_are_kept_as_links_and_never_followed() {
    let mut case = Case::open("A-30");
    case.tried();
    let world = World::new().await;
    fs::write(world.dir.path().join("secret"), "TOPSECRET").unwrap();
    let secret = world.dir.path().join("secret");
    let change = world
        .harvested(
            "x",
            &format!(
                "ln -s {0} link; ln -s /proc/self/environ env; rm -r sub && ln -s {1} sub; ln -s loop loop; mkfifo p",
                secret.display(),
                world.dir.path().display()
            ),
        )
        .await;
    let diff = world
        .places
        .diff(&world.project(), &change.base, &change.head)
        .await
        .unwrap();
    assert!(!diff.text.contains("TOPSECRET"));
    assert!(
        world
            .git(&format!("ls-tree {}", change.head))
            .lines()
            .filter(|line| line.starts_with("120000"))
            .count()
            == 4
    );
    case.hit();
    case.pass(1);
}
