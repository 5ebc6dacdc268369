//! A fix: what it leaves on its branch, and what it leaves alone.

use crate::script;
use crate::world::{Agent, BROKEN, MENDED, World};

pub(crate) fn changes_a_file_on_a_branch(agent: &'static Agent) {
    let world = World::new(agent, script::fix());
    let before = world.git(&["rev-parse", "HEAD"]);
    let gate = "test \"$(sh sum.sh 2 3)\" = 5";
    let slug = world.start("fix", &["--focus", "sum.sh 2 3 prints -1", "--gate", gate]);
    let (code, run) = world.watch(&slug);
    assert_eq!((code, &run["status"]), (0, &"completed".into()), "{run:#}");

    let branch = format!("partita/{slug}");
    assert_eq!(run["branch"], branch.as_str(), "{run:#}");
    assert_eq!(world.git(&["show", &format!("{branch}:sum.sh")]), MENDED);
    assert_eq!(
        world.git(&["diff", "--name-only", "HEAD", &branch]),
        "sum.sh\n",
        "nothing else was committed"
    );
    let gates = run["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["role"] == "gate");
    assert!(
        gates.clone().count() > 0 && gates.into_iter().all(|task| task["state"] == "completed"),
        "{run:#}"
    );

    let diff = world.env.run(&["run", "diff", &slug]).ok();
    assert!(
        diff.contains("-echo $(($1 - $2))") && diff.contains("+echo $(($1 + $2))"),
        "{diff}"
    );

    assert_eq!(world.git(&["rev-parse", "HEAD"]), before);
    assert_eq!(
        world.git(&["status", "--porcelain"]),
        "",
        "the checkout is as it was"
    );
    assert_eq!(
        std::fs::read_to_string(world.env.project().join("sum.sh")).unwrap(),
        BROKEN
    );
}
