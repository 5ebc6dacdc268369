//! What an agent plants must meet nobody (A-31 … A-35), with no sandbox in the way: `Direct` confines nothing.

use super::{RUN, World, sh, task};
use domain::{Access, StepKey};
use engine::ports::{AdvanceSpec, MergeSpec, Place, WorkspaceError, Workspaces};
use std::fs;
use std::path::{Path, PathBuf};

/// A program that leaves a trace, and the place for the trace.
struct Trap {
    program: PathBuf,
    marker: PathBuf,
}

impl Trap {
    fn new(world: &World) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let program = world.dir.path().join("trap");
        let marker = world.dir.path().join("marker");
        let script = format!(
            "#!/bin/sh\necho \"$0 $@\" >> {}\ncat 2>/dev/null\nexit 0\n",
            marker.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { program, marker }
    }

    /// Shows that the trap works: a plain git steps into it.
    fn sprung(&self) -> bool {
        let was = self.marker.exists();
        let _ = fs::remove_file(&self.marker);
        was
    }
}

/// Each key of A-31 as lines for a configuration; `@` is the trap.
const KEYS: &[&str] = &[
    "[core]\n fsmonitor = @",
    "[core]\n hooksPath = %",
    "[core]\n sshCommand = @",
    "[core]\n gitProxy = @",
    "[core]\n pager = @",
    "[core]\n editor = @",
    "[core]\n askPass = @",
    "[core]\n alternateRefsCommand = @",
    "[core]\n attributesFile = %/attributes",
    "[core]\n worktree = /",
    "[filter \"x\"]\n clean = @\n smudge = @\n required = true",
    "[filter \"x\"]\n process = @",
    "[diff \"x\"]\n textconv = @",
    "[diff \"x\"]\n command = @",
    "[diff]\n external = @",
    "[merge \"x\"]\n driver = @ %O %A %B",
    "[gpg]\n program = @\n[commit]\n gpgsign = true",
    "[gpg \"ssh\"]\n program = @\n[gpg]\n format = ssh\n[commit]\n gpgsign = true",
    "[credential]\n helper = @",
    "[include]\n path = %/included",
    "[includeIf \"gitdir:/\"]\n path = %/included",
    "[url \"ext::@ \"]\n insteadOf = /\n[protocol \"ext\"]\n allow = always",
    "[uploadpack]\n packObjectsHook = @",
    "[remote \"origin\"]\n url = ext::@\n uploadpack = @\n receivepack = @",
    "[submodule]\n recurse = true\n[submodule \"x\"]\n update = !@",
    "[sequence]\n editor = @\n[interactive]\n diffFilter = @",
    "[trace2]\n eventTarget = %/trace",
    "[alias]\n status = !@\n update-index = !@\n fetch = !@",
    "[extensions]\n worktreeConfig = true",
];

fn planted(key: &str, trap: &Trap, hooks: &Path) -> String {
    key.replace('@', &trap.program.display().to_string())
        .replace("%/", &format!("{}/", hooks.display()))
        .replace("hooksPath = %", &format!("hooksPath = {}", hooks.display()))
}

/// Hooks of every name, an included file with everything, attributes for every file.
fn prepare_trap(world: &World, trap: &Trap) -> PathBuf {
    let hooks = world.dir.path().join("hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in [
        "pre-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "post-merge",
        "pre-auto-gc",
        "update",
    ] {
        fs::copy(&trap.program, hooks.join(hook)).unwrap();
    }
    fs::write(hooks.join("attributes"), "* filter=x diff=x merge=x\n").unwrap();
    let included = "[core]\n fsmonitor = @\n[filter \"x\"]\n clean = @\n smudge = @\n"
        .replace('@', &trap.program.display().to_string());
    fs::write(hooks.join("included"), included).unwrap();
    hooks
}

/// Every command of this room that meets a place or what came of it.
async fn everything(
    world: &World,
    place: &Place,
) -> (Result<Vec<String>, WorkspaceError>, Option<WorkspaceError>) {
    let places = &world.places;
    let changed = places.changed(place.clone()).await;
    let harvest = places.harvest(place.clone(), task("x"), "m".to_owned()).await;
    let _ = places.list().await;
    let _ = places.status(&world.project()).await;
    let _ = places.branches(&world.project()).await;
    let _ = places.log(&world.project(), None, "main", 9).await;
    let base = place.spec.base.clone();
    if let Ok(Some(change)) = &harvest {
        let _ = places.diff(&world.project(), &base, &change.head).await;
        let _ = places.apply_plan(&world.project(), &change.head).await;
        let spec = MergeSpec {
            project: world.project(),
            run: RUN,
            onto: base.clone(),
            heads: vec![change.head.clone()],
        };
        let _ = places.merge(spec, "m".to_owned()).await;
    }
    let _ = places.prepare(place.spec.clone()).await;
    let _ = places.prune_plan(&crate::PruneAsk::default()).await;
    let _ = places.release(world.project(), RUN).await;
    (changed, harvest.err())
}

#[tokio::test]
async fn a_31_nothing_planted_in_a_place_runs_and_harvest_says_tampered() {
    let world = World::new().await;
    let trap = Trap::new(&world);
    let hooks = prepare_trap(&world, &trap);
    let mut sprung_by_plain_git = 0;
    for (n, key) in KEYS.iter().enumerate() {
        let place = world.writer(&format!("step-{n}")).await;
        let config = place.path.join(".git/config");
        let text = format!(
            "{}{}\n",
            fs::read_to_string(&config).unwrap(),
            planted(key, &trap, &hooks)
        );
        fs::write(&config, text).unwrap();
        fs::write(place.path.join(".gitattributes"), "* filter=x diff=x merge=x\n").unwrap();
        fs::write(place.path.join("a.txt"), "changed\n").unwrap();
        // Git as everybody calls it would step into many of these: the traps are real.
        let _ = super::try_sh(
            &place.path,
            "git status; git add -A; git diff --cached; git -c user.name=x commit -m x",
        );
        sprung_by_plain_git += u32::from(trap.sprung());
        let fresh = world.writer(&format!("step-{n}")).await;
        assert_ne!(
            fs::read_to_string(fresh.path.join("a.txt")).unwrap(),
            "changed\n",
            "a tampered place was handed on"
        );
        fs::write(fresh.path.join(".gitattributes"), "* filter=x diff=x merge=x\n").unwrap();
        fs::write(fresh.path.join("a.txt"), "changed\n").unwrap();
        let config = fresh.path.join(".git/config");
        let text = format!(
            "{}{}\n",
            fs::read_to_string(&config).unwrap(),
            planted(key, &trap, &hooks)
        );
        fs::write(&config, text).unwrap();

        let (changed, refused) = everything(&world, &fresh).await;

        assert!(!trap.sprung(), "{key} ran something");
        assert!(
            matches!(changed, Err(WorkspaceError::Tampered(_))),
            "{key}: {changed:?}"
        );
        assert!(
            matches!(refused, Some(WorkspaceError::Tampered(_))),
            "{key}: {refused:?}"
        );
    }
    assert!(
        sprung_by_plain_git >= 8,
        "the traps are harmless: {sprung_by_plain_git}"
    );
    world.verify();
}

#[tokio::test]
async fn a_31_attributes_hooks_and_ignore_files_in_the_tree_run_nothing() {
    let world = World::new().await;
    let trap = Trap::new(&world);
    let place = world.writer("x").await;
    fs::write(
        place.path.join(".gitattributes"),
        "* filter=x diff=x merge=x ident\n",
    )
    .unwrap();
    fs::write(place.path.join("a.txt"), "changed\n").unwrap();
    for hook in [
        "pre-commit",
        "post-index-change",
        "reference-transaction",
        "post-checkout",
    ] {
        fs::copy(&trap.program, place.path.join(".git/hooks").join(hook)).unwrap();
    }
    let (changed, refused) = everything(&world, &place).await;
    assert_eq!(changed.unwrap(), [".gitattributes", "a.txt"]);
    assert_eq!(refused, None);
    assert!(!trap.sprung());
}

#[tokio::test]
async fn a_31_files_that_redirect_a_git_folder_are_tampering() {
    for (name, text) in [
        ("commondir", "/tmp/evil\n"),
        ("config.worktree", "[core]\n fsmonitor = x\n"),
        ("info/attributes", "* filter=x\n"),
        ("objects/info/alternates", "/tmp/evil\n"),
    ] {
        let world = World::new().await;
        let place = world.writer("x").await;
        fs::write(place.path.join(".git").join(name), text).unwrap();
        fs::write(place.path.join("a.txt"), "changed\n").unwrap();
        let said = world.places.harvest(place, task("x"), String::new()).await;
        assert!(
            matches!(said, Err(WorkspaceError::Tampered(_))),
            "{name}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_31_our_own_git_folder_is_watched_too() {
    for (name, text) in [
        ("keep.git/config", "[core]\n fsmonitor = x\n"),
        ("keep.git/HEAD", "ref: refs/heads/out\n"),
        ("keep.git/objects/info/alternates", "/tmp/evil\n"),
        ("keep.git/commondir", "/tmp/evil\n"),
    ] {
        let world = World::new().await;
        let place = world.writer("x").await;
        fs::write(place.path.with_file_name(name), text).unwrap();
        fs::write(place.path.join("a.txt"), "changed\n").unwrap();
        let said = world.places.harvest(place, task("x"), String::new()).await;
        assert!(
            matches!(said, Err(WorkspaceError::Tampered(_))),
            "{name}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_32_a_swapped_git_folder_is_tampering() {
    for swap in [
        "mv .git ../evil && echo gitdir: ../evil > .git",
        "rm -rf .git && git init -q --separate-git-dir ../evil . ",
        "mv .git ../evil && ln -s ../evil .git",
        "rm -rf .git",
        "rm -rf .git && mkfifo .git",
        "rm .git/config && mkfifo .git/config",
        "mv .git/config ../c && ln -s ../c .git/config",
        "cd .. && mv tree gone && ln -s / tree",
    ] {
        let world = World::new().await;
        let trap = Trap::new(&world);
        let place = world.writer("x").await;
        sh(
            &place.path,
            &format!(
                "git config -f ../evil-config core.fsmonitor {}",
                trap.program.display()
            ),
        );
        sh(&place.path, &format!("echo x >> a.txt && {swap}"));
        let (changed, refused) = everything(&world, &place).await;
        assert!(
            matches!(changed, Err(WorkspaceError::Tampered(_))),
            "{swap}: {changed:?}"
        );
        assert!(
            matches!(refused, Some(WorkspaceError::Tampered(_))),
            "{swap}: {refused:?}"
        );
        assert!(!trap.sprung(), "{swap}");
    }
}

#[tokio::test]
async fn a_33_hostile_trees_are_refused_in_words_and_leave_nothing() {
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
}

#[tokio::test]
async fn a_33_odd_names_and_hostile_submodules_pass_without_effect() {
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
}

#[tokio::test]
async fn a_33_a_place_inside_a_tree_full_of_bare_repositories_uses_none_of_them() {
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
}

#[tokio::test]
async fn a_34_refs_and_objects_of_a_place_are_the_agents_own_business() {
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
}
