//! Moving the branch, bringing changes together, applying to a person's checkout.

use super::{RUN, World, sh, task, try_sh};
use crate::NotApplicable;
use cases::Case;
use domain::{Access, Change};
use engine::ports::{AdvanceSpec, MergeOutcome, MergeSpec, WorkspaceError, Workspaces};
use std::fs;

impl World {
    async fn advance(&self, from: Option<&str>, to: &str) -> Result<(), WorkspaceError> {
        let from = from.map(str::to_owned);
        let spec = AdvanceSpec {
            project: self.project(),
            slug: "calm-otter".to_owned(),
            from,
            to: to.to_owned(),
        };
        self.places.advance(spec).await
    }

    async fn merge(&self, onto: &str, heads: &[&Change]) -> MergeOutcome {
        let heads = heads.iter().map(|change| change.head.clone()).collect();
        let spec = MergeSpec {
            project: self.project(),
            run: RUN,
            onto: onto.to_owned(),
            heads,
        };
        self.places.merge(spec, "merge: all".to_owned()).await.unwrap()
    }
}

fn moved() -> Result<(), WorkspaceError> {
    Err(WorkspaceError::BranchMoved {
        branch: "partita/calm-otter".to_owned(),
    })
}

#[tokio::test]
async fn f_53_the_branch_moves_only_from_where_the_run_knows_it() {
    let mut case = Case::open("F-53");
    case.tried_times(4);
    let world = World::new().await;
    let one = world.harvested("one", "echo 1 > 1").await;
    let two = world.harvested("two", "echo 2 > 2").await;

    assert_eq!(world.advance(None, &one.head).await, Ok(()));
    assert_eq!(
        world.advance(None, &one.head).await,
        Ok(()),
        "being there already is success"
    );
    assert_eq!(world.advance(None, &two.head).await, moved());
    assert_eq!(world.advance(Some(&one.base), &two.head).await, moved());
    case.hit_times(2);
    assert_eq!(world.advance(Some(&one.head), &two.head).await, Ok(()));
    assert_eq!(world.git("rev-parse partita/calm-otter"), two.head);

    world.git("update-ref refs/heads/partita/calm-otter main");
    assert_eq!(
        world.advance(Some(&two.head), &one.head).await,
        moved(),
        "somebody moved it"
    );
    assert_eq!(world.git("rev-parse partita/calm-otter"), one.base);
    case.hit();
    world.git("update-ref -d refs/heads/partita/calm-otter");
    assert_eq!(
        world.advance(Some(&one.base), &one.head).await,
        moved(),
        "somebody removed it"
    );
    assert_eq!(world.git("branch --list 'partita/*'"), "");
    case.hit();
    world.verify();
    case.pass(4);
}

#[tokio::test]
async fn f_53_a_branch_that_is_checked_out_elsewhere_stays() {
    let mut case = Case::open("F-53");
    let world = World::new().await;
    let one = world.harvested("one", "echo 1 > 1").await;
    let two = world.harvested("two", "echo 2 > 2").await;
    world.advance(None, &one.head).await.unwrap();
    world.git("worktree add -q ../looking partita/calm-otter");
    case.tried();
    let said = world
        .advance(Some(&one.head), &two.head)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("is checked out in") && said.contains("looking"),
        "{said}"
    );
    assert_eq!(world.git("rev-parse partita/calm-otter"), one.head);
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn f_53_a_branch_in_the_way_is_named() {
    let world = World::new().await;
    let one = world.harvested("one", "echo 1 > 1").await;
    let mut case = Case::open("F-53");
    case.tried();
    world.git("branch partita");
    let said = world.advance(None, &one.head).await.unwrap_err();
    assert!(
        matches!(&said, WorkspaceError::Failed(words) if words.contains("refs/heads/partita")),
        "{said:?}"
    );
    case.hit();
    case.pass(1);
}

#[tokio::test]
async fn changes_that_fit_come_together_and_always_as_the_same_commit() {
    let world = World::new().await;
    let one = world.harvested("one", "echo 1 > 1").await;
    let two = world.harvested("two", "echo 2 > 2; rm sub/b.txt").await;
    let three = world.harvested("three", "echo 3 >> a.txt").await;
    let before = world.git("status --porcelain; git ls-files -s | sha1sum");

    let first = world.merge(&one.base, &[&one, &two, &three]).await;
    std::thread::spawn(|| ()).join().unwrap();
    let again = world.merge(&one.base, &[&one, &two, &three]).await;

    assert_eq!(first, again);
    let MergeOutcome::Merged(change) = first else {
        panic!("{first:?}")
    };
    assert_eq!((change.files, change.insertions, change.deletions), (4, 3, 1));
    assert_eq!(
        world.git(&format!("log -1 --format=%s {}", change.head)),
        "merge: all"
    );
    assert_eq!(world.git("status --porcelain; git ls-files -s | sha1sum"), before);
    assert_eq!(
        world.merge(&change.head, &[&one, &two]).await,
        MergeOutcome::Nothing
    );
    assert_eq!(world.merge(&one.base, &[]).await, MergeOutcome::Nothing);
    assert_eq!(world.merge(&one.base, &[&one]).await, MergeOutcome::Merged(one));
    world.verify();
}

#[tokio::test]
async fn changes_that_do_not_fit_name_the_files() {
    let world = World::new().await;
    let one = world
        .harvested("one", "echo 1 >> a.txt; rm sub/b.txt; printf '\\0\\1' > bin")
        .await;
    let two = world
        .harvested(
            "two",
            "echo 2 >> a.txt; echo x >> sub/b.txt; printf '\\0\\2' > bin",
        )
        .await;
    let files = ["a.txt", "bin", "sub/b.txt"].map(str::to_owned).to_vec();
    assert_eq!(
        world.merge(&one.base, &[&one, &two]).await,
        MergeOutcome::Conflict(files)
    );
    world.verify();
}

#[tokio::test]
async fn a_31_a_merge_runs_no_driver_even_of_the_persons_own_configuration() {
    let world = World::new().await;
    let marker = world.dir.path().join("marker");
    sh(
        &world.project(),
        &format!("git config merge.x.driver 'touch {}'", marker.display()),
    );
    sh(
        &world.project(),
        "echo '* merge=x' > .gitattributes && git add -A && git commit -qm attributes",
    );
    let one = world.harvested("one", "echo 1 >> a.txt").await;
    let two = world.harvested("two", "echo 2 >> a.txt").await;
    assert_eq!(
        world.merge(&one.base, &[&one, &two]).await,
        MergeOutcome::Conflict(vec!["a.txt".to_owned()])
    );
    assert!(!marker.exists());
}

#[tokio::test]
async fn applying_is_shown_first_then_done_and_never_committed() {
    let world = World::new().await;
    let change = world
        .harvested("one", "echo 1 >> a.txt; echo n > new; rm sub/b.txt")
        .await;
    sh(
        &world.project(),
        "echo elsewhere > e.txt && git add -A && git commit -qm meanwhile",
    );
    let head = world.git("rev-parse HEAD");
    let before = sh(&world.project(), "git status --porcelain; ls");

    let plan = world
        .places
        .apply_plan(&world.project(), &change.head)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        sh(&world.project(), "git status --porcelain; ls"),
        before,
        "planning changes nothing"
    );
    assert_eq!(plan.diff.files.len(), 3);
    assert!(plan.diff.text.contains("+1\n"));
    let applied = world.places.apply(&plan).await.unwrap();

    assert_eq!((applied.files, applied.is_staged), (3, true));
    assert_eq!(world.git("rev-parse HEAD"), head);
    assert_eq!(
        sh(&world.project(), "git status --porcelain"),
        "M  a.txt\nA  new\nD  sub/b.txt"
    );
    assert_eq!(
        fs::read_to_string(world.project().join("e.txt")).unwrap(),
        "elsewhere\n"
    );
    assert!(
        world.places.apply(&plan).await.is_err(),
        "the checkout is not as it was"
    );
    sh(&world.project(), "git commit -qm applied");
    assert_eq!(
        world
            .places
            .apply_plan(&world.project(), &change.head)
            .await
            .unwrap(),
        Err(NotApplicable::Nothing)
    );
    world.verify();
}

#[tokio::test]
async fn applying_refuses_what_would_cost_work() {
    let world = World::new().await;
    let change = world
        .harvested(
            "one",
            "echo 1 >> a.txt; mkdir target; echo n > new; echo i >> .gitignore",
        )
        .await;
    let plan = || async {
        world
            .places
            .apply_plan(&world.project(), &change.head)
            .await
            .unwrap()
    };
    let files = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();

    sh(&world.project(), "echo mine >> sub/b.txt");
    assert_eq!(plan().await, Err(NotApplicable::Dirty(files(&["sub/b.txt"]))));
    sh(&world.project(), "git add -A");
    assert_eq!(plan().await, Err(NotApplicable::Dirty(files(&["sub/b.txt"]))));
    sh(&world.project(), "git reset -q --hard; echo mine > new");
    assert_eq!(plan().await, Err(NotApplicable::InTheWay(files(&["new"]))));
    sh(
        &world.project(),
        "rm new; echo mine >> a.txt; git commit -qam clash",
    );
    assert_eq!(plan().await, Err(NotApplicable::Conflict(files(&["a.txt"]))));
    let (code, ..) = try_sh(&world.project(), &format!("git merge -q {}", change.head));
    assert_ne!(code, Some(0));
    assert_eq!(plan().await, Err(NotApplicable::Busy("a merge")));
    sh(
        &world.project(),
        "git merge --abort; touch .git/index.lock; git reset -q --hard HEAD~1 || rm .git/index.lock",
    );
    sh(&world.project(), "git reset -q --hard HEAD~1");
    let ready = plan().await.unwrap();
    sh(&world.project(), "touch .git/index.lock");
    let said = world.places.apply(&ready).await.unwrap_err().to_string();
    assert!(said.contains("index.lock"), "{said}");
    assert!(
        world.project().join(".git/index.lock").exists(),
        "never ours to remove"
    );
}

#[tokio::test]
async fn the_working_state_becomes_a_commit_without_touching_anything() {
    let world = World::new().await;
    sh(
        &world.project(),
        "echo staged > s && git add s && echo more >> a.txt && echo new > n && rm sub/b.txt",
    );
    sh(
        &world.project(),
        "mkdir target && echo t > target/t && git init -q nested",
    );
    let seen = "git status --porcelain; git ls-files -s; git stash list; sha1sum .git/index";
    let before = sh(&world.project(), seen);

    let snapshot = world
        .places
        .snapshot_working_diff(&world.project(), RUN)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(sh(&world.project(), seen), before);
    assert_eq!(snapshot.base, world.git("rev-parse HEAD"));
    let names = world.git(&format!(
        "diff --name-status {} {}",
        snapshot.base, snapshot.commit
    ));
    assert_eq!(names, "M\ta.txt\nA\tn\nA\ts\nD\tsub/b.txt");
    sh(&world.project(), "echo later > later");
    assert_eq!(
        world
            .places
            .snapshot_working_diff(&world.project(), RUN)
            .await
            .unwrap()
            .unwrap(),
        snapshot
    );
    let place = world
        .places
        .prepare(world.spec("review", Access::Read, &snapshot.commit))
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(place.path.join("n")).unwrap(), "new\n");
    world.verify();
}

#[tokio::test]
async fn a_clean_checkout_has_no_working_state() {
    let world = World::new().await;
    assert_eq!(
        world.places.snapshot_working_diff(&world.project(), RUN).await,
        Ok(None)
    );
}

#[tokio::test]
async fn a_31_the_persons_hooks_and_monitor_do_not_run_but_their_filters_do() {
    let world = World::new().await;
    let marker = world.dir.path().join("marker");
    let trap = format!(
        "printf '#!/bin/sh\\ntouch {}\\n' > trap && chmod +x trap",
        marker.display()
    );
    sh(world.dir.path(), &trap);
    sh(
        &world.project(),
        "echo '*.up filter=up' > .gitattributes && git add -A && git commit -qm attributes",
    );
    sh(
        &world.project(),
        "git config filter.up.clean 'tr a-z A-Z' && git config core.fsmonitor $PWD/../trap",
    );
    sh(
        &world.project(),
        "for h in post-index-change reference-transaction pre-commit; do cp ../trap .git/hooks/$h; done",
    );
    sh(
        &world.project(),
        "rm -f ../marker; echo shout > x.up; rm -f ../marker",
    );

    let snapshot = world
        .places
        .snapshot_working_diff(&world.project(), RUN)
        .await
        .unwrap()
        .unwrap();
    world.places.status(&world.project()).await.unwrap();
    let change = world.harvested("one", "echo 1 > 1").await;
    world.advance(None, &change.head).await.unwrap();

    assert!(!marker.exists());
    assert_eq!(
        world.git(&format!("cat-file -p {}:x.up", snapshot.commit)),
        "SHOUT"
    );
    let _ = task("unused");
}
