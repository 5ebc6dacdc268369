//! What people see of a repository.

use super::{World, sh};
use crate::{FileStatus, Head};

#[tokio::test]
async fn a_diff_has_files_and_text_and_cannot_be_hidden_by_attributes() {
    let world = World::new().await;
    let change = world
        .harvested(
            "fix",
            "echo '* -diff binary' > .gitattributes; git mv sub/b.txt sub/c.txt; echo x >> a.txt; printf 'a\\0b' > bin; \
             printf 'odd' > \"$(printf 'new\\tline\\n')\"",
        )
        .await;
    let diff = world
        .places
        .diff(&world.project(), &change.base, &change.head)
        .await
        .unwrap();
    let seen: Vec<_> = diff
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.status, file.is_binary))
        .collect();
    assert_eq!(
        seen,
        [
            (".gitattributes", FileStatus::Added, false),
            ("a.txt", FileStatus::Modified, false),
            ("bin", FileStatus::Added, true),
            ("new\tline", FileStatus::Added, false),
            ("sub/c.txt", FileStatus::Renamed, false),
        ]
    );
    assert_eq!(diff.files[4].old_path.as_deref(), Some("sub/b.txt"));
    assert!(diff.text.contains("\n+x\n") && !diff.is_cut);

    let limits = crate::Limits {
        diff_bytes_max: 50,
        ..crate::Limits::default()
    };
    let world = World {
        places: world.places.with_limits(limits),
        dir: world.dir,
    };
    let diff = world
        .places
        .diff(&world.project(), &change.base, &change.head)
        .await
        .unwrap();
    assert!(diff.is_cut && diff.text.len() == 50);
}

#[tokio::test]
async fn log_branches_and_status_say_what_is_there() {
    let world = World::new().await;
    sh(
        &world.project(),
        "git commit -q --allow-empty -m 'second: 🦀' && git branch old main~1",
    );
    let log = world
        .places
        .log(&world.project(), None, "main", 10)
        .await
        .unwrap();
    let subjects: Vec<_> = log.iter().map(|line| line.subject.as_str()).collect();
    assert_eq!(subjects, ["second: 🦀", "first"]);
    assert_eq!(
        (log[0].author.as_str(), log[0].parents.clone()),
        ("Ada", vec![log[1].id.clone()])
    );
    assert_eq!(
        world
            .places
            .log(&world.project(), Some("old"), "main", 10)
            .await
            .unwrap()
            .len(),
        1
    );

    let branches = world.places.branches(&world.project()).await.unwrap();
    let mut seen: Vec<_> = branches
        .iter()
        .map(|branch| (branch.name.as_str(), branch.is_current))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [("main", true), ("old", false)]);

    sh(
        &world.project(),
        "echo x >> a.txt; echo s > s; git add s; echo u > u; rm sub/b.txt",
    );
    let status = world.places.status(&world.project()).await.unwrap();
    assert!(matches!(&status.head, Head::Branch { name, .. } if name == "main"));
    let seen: Vec<_> = status
        .entries
        .iter()
        .map(|entry| (entry.kind, entry.path.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("staged", "s"),
            ("modified", "a.txt"),
            ("deleted", "sub/b.txt"),
            ("untracked", "u")
        ]
    );
    assert_eq!(status.busy_with, None);

    sh(
        &world.project(),
        "git reset -q --hard && git checkout -q --detach",
    );
    let status = world.places.status(&world.project()).await.unwrap();
    assert!(matches!(status.head, Head::Detached { .. }));
}

#[tokio::test]
async fn status_of_odd_projects() {
    let world = World::empty().await;
    assert_eq!(
        world.places.status(&world.project()).await.unwrap().head,
        Head::None
    );
    sh(&world.project(), "git init -q -b main .");
    assert_eq!(
        world.places.status(&world.project()).await.unwrap().head,
        Head::Unborn {
            name: "main".to_owned()
        }
    );
}
