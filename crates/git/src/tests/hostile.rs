//! What an agent plants must meet nobody, with no sandbox in the way: `Direct` confines nothing.

use super::{RUN, World, sh, task};
use cases::Case;
use engine::ports::{MergeSpec, Place, WorkspaceError, Workspaces};
use std::fs;
use std::path::{Path, PathBuf};

/// A program that leaves a trace, and the place for the trace.
pub(super) struct Trap {
    pub(super) program: PathBuf,
    pub(super) marker: PathBuf,
}

impl Trap {
    pub(super) fn new(world: &World) -> Self {
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
    pub(super) fn sprung(&self) -> bool {
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
    // Not the root: the plain git below would take in the whole machine.
    "[core]\n worktree = %/",
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
pub(super) async fn everything(
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
    let mut case = Case::open("A-31");
    let mut sprung_by_plain_git = 0;
    for key in KEYS {
        case.tried();
        let world = World::new().await;
        let trap = Trap::new(&world);
        let hooks = prepare_trap(&world, &trap);
        let plant = |place: &Place| {
            let config = place.path.join(".git/config");
            let text = format!(
                "{}{}\n",
                fs::read_to_string(&config).unwrap(),
                planted(key, &trap, &hooks)
            );
            fs::write(&config, text).unwrap();
            fs::write(place.path.join(".gitattributes"), "* filter=x diff=x merge=x\n").unwrap();
            fs::write(place.path.join("a.txt"), "changed\n").unwrap();
        };
        let place = world.writer("x").await;
        plant(&place);
        // Git as everybody calls it steps into many of these: the traps are real.
        super::try_sh(
            &place.path,
            "git status; git add -A; git diff --cached; git -c user.name=x commit -m x",
        );
        sprung_by_plain_git += u32::from(trap.sprung());
        case.hit();

        let fresh = world.writer("x").await;
        let text = fs::read_to_string(fresh.path.join("a.txt")).unwrap();
        assert_ne!(text, "changed\n", "a tampered place was handed on");
        plant(&fresh);
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
        world.verify();
    }
    assert!(
        sprung_by_plain_git >= 8,
        "the traps are harmless: {sprung_by_plain_git}"
    );
    case.pass(25);
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
    let mut case = Case::open("A-31");
    case.tried();
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn a_31_files_that_redirect_a_git_folder_are_tampering() {
    let mut case = Case::open("A-31");
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
        case.tried();
        case.hit();
    }
    case.pass(4);
}

#[tokio::test]
async fn a_31_our_own_git_folder_is_watched_too() {
    let mut case = Case::open("A-31");
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
        case.tried();
        case.hit();
    }
    case.pass(4);
}

#[tokio::test]
async fn a_32_a_swapped_git_folder_is_tampering() {
    let mut case = Case::open("A-32");
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
        case.tried();
        case.hit();
    }
    case.pass(8);
}

/// What an agent may do to the refs and objects of its own git, each with work that is worth taking.
const REFS: [&str; 12] = [
    "git update-ref refs/heads/main HEAD~0 && git commit -qm evil --allow-empty && git update-ref refs/heads/main HEAD",
    "git commit -qm evil --allow-empty && git update-ref refs/heads/other HEAD",
    "git commit -qm evil --allow-empty && git tag -f v1 && git tag -f v2",
    "git commit -qm evil --allow-empty && git update-ref refs/partita/tasks/x HEAD",
    "git symbolic-ref refs/heads/partita/x refs/heads/main",
    "git symbolic-ref HEAD refs/heads/main",
    "git commit -qm evil --allow-empty && git replace HEAD~1 HEAD",
    "git pack-refs --all && git update-ref refs/heads/other HEAD && echo junk >> .git/packed-refs",
    "echo 0000 > .git/refs/heads/other",
    "git update-ref -d HEAD && rm -rf .git/refs/heads/*",
    "blob=$(git hash-object -w a.txt) && chmod u+w .git/objects/*/* && for f in .git/objects/??/*; do echo junk > $f; done",
    "git checkout -q --orphan alone && git commit -qm alone --allow-empty && git branch -f other alone",
];

#[tokio::test]
async fn a_34_only_the_tasks_own_ref_is_taken() {
    let mut case = Case::open("A-34");
    for moved in REFS {
        let world = World::new().await;
        world.git("branch other");
        world.git("tag v1");
        let objects = "find .git/objects -type f | sort | xargs sha256sum";
        let place = world.writer("x").await;
        let refs =
            world.git("for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags refs/replace");
        let head = world.git("symbolic-ref HEAD");
        let before = sh(&world.project(), objects);
        sh(&place.path, &format!("echo changed > a.txt && {moved}"));
        case.tried();
        let base = place.spec.base.clone();
        let taken = world.places.harvest(place, task("x"), String::new()).await;
        case.hit();

        let change = taken.unwrap_or_else(|error| panic!("{moved}: {error}")).unwrap();
        assert_eq!(
            world.git(&format!("log --format=%P {} -1", change.head)),
            base,
            "{moved}"
        );
        assert_eq!(
            world.git(&format!("show {}:a.txt", change.head)),
            "changed",
            "{moved}"
        );
        let now =
            world.git("for-each-ref --format='%(refname) %(objectname)' refs/heads refs/tags refs/replace");
        assert_eq!(now, refs, "{moved}");
        assert_eq!(world.git("symbolic-ref HEAD"), head, "{moved}");
        let after = sh(&world.project(), objects);
        for line in before.lines() {
            assert!(after.contains(line), "{moved}: an object was rewritten: {line}");
        }
        world.verify();
    }
    case.pass(10);
}
