//! Somebody deletes a run's branch, moves it, or checks it out: nothing of theirs is overwritten, and a person is asked.

use crate::world::*;
use cases::Case;

/// What a hand does, and what must then stay as it is.
const HARMS: [(&str, &str); 3] = [
    ("deleted", "git update-ref -d refs/heads/$BRANCH"),
    ("moved", "git update-ref refs/heads/$BRANCH main"),
    ("checked out", "git worktree add -q ../looking $BRANCH"),
];

#[test]
fn f_53_a_branch_that_somebody_took_is_left_to_them() {
    let mut case = Case::open("F-53");
    for (how, script) in HARMS {
        let world = World::new("");
        world.script(TWO_CHANGES);
        let run = world.begin("two");
        let branch = format!("partita/{run}");
        let is_at = || {
            world.sh(&format!(
                "git rev-parse --verify --quiet refs/heads/{branch} || true"
            ))
        };
        world.let_go("go-first");
        await_that(|| world.effects() == ["first", "second"], "the second step works");
        await_that(|| !is_at().is_empty(), "the first change is on the branch");
        case.tried();
        world.sh(&format!("BRANCH={branch}; {script}"));
        let before = is_at();
        world.let_go("go-second");
        let (asked, took) = world.asked(&run);
        println!("{how}: asked after {took:?}");
        assert!(
            asked.iter().any(|item| item.contains(&branch)),
            "{how}: {asked:#?}"
        );
        assert_eq!(is_at(), before, "{how}");
        if how == "checked out" {
            let seen = world.sh("git -C ../looking status --porcelain; ls ../looking");
            assert!(
                !seen.contains("second.txt") && seen.contains("first.txt"),
                "{seen}"
            );
        }
        // What was made is not lost, whatever became of the branch.
        let shown = world.show(&run);
        assert_eq!(step(&shown, "second")["status"], "completed", "{shown:#}");
        let head = step(&shown, "second")["change"]["head"]
            .as_str()
            .unwrap()
            .to_owned();
        world.sh(&format!("git cat-file -e {head}^{{commit}}"));
        case.hit();
    }
    case.pass(3);
}
