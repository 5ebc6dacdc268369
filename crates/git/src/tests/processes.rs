//! Which git processes a step costs: by name, so that a new one has to be written down here before it passes.

use super::{RUN, World, sh, task};
use crate::{Direct, Git, Places};
use domain::Access;
use engine::ports::{AdvanceSpec, Workspaces};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

/// A world whose git writes down how it is called.
struct Counted {
    world: World,
}

impl Counted {
    async fn new() -> Self {
        let world = World::new().await;
        let folder = world.dir.path().join("git");
        fs::create_dir(&folder).unwrap();
        let (program, real) = (folder.join("git"), world.places.git().program().display());
        let log = folder.join("log");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\nexec '{real}' \"$@\"\n",
            log.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let git = Git::at(program).await.unwrap();
        let places = Places::new(git, &world.dir.path().join("home/worktrees"), Arc::new(Direct)).unwrap();
        let counted = Self {
            world: World {
                places,
                dir: world.dir,
            },
        };
        counted.called();
        counted
    }

    /// What was called since the last time this was asked, in alphabetical order: some are under way together.
    fn called(&self) -> Vec<String> {
        let log = self.world.dir.path().join("git/log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        let mut verbs: Vec<String> = text.lines().map(verb).collect();
        verbs.sort();
        verbs
    }
}

/// The first word that is neither an option of git's own nor the value of one.
fn verb(line: &str) -> String {
    let mut words = line.split(' ');
    while let Some(word) = words.next() {
        match word {
            "-c" => drop(words.next()),
            _ if word.starts_with('-') => {}
            _ => return word.to_owned(),
        }
    }
    String::new()
}

#[tokio::test]
async fn a_readers_place_costs_two_git_processes() {
    let counted = Counted::new().await;
    let world = &counted.world;
    let base = world.base().await;
    counted.called();

    let spec = world.spec("review", Access::Read, &base);
    let place = world.places.prepare(spec).await.unwrap();
    assert_eq!(counted.called(), ["read-tree"]);
    assert_eq!(world.places.changed(place).await, Ok(Vec::new()));
    assert_eq!(counted.called(), ["status"]);
    world.places.release(world.project(), RUN).await.unwrap();
    assert_eq!(counted.called(), Vec::<String>::new());
    world.verify();
}

#[tokio::test]
async fn a_writers_place_costs_twelve_git_processes() {
    let counted = Counted::new().await;
    let world = &counted.world;
    let base = world.base().await;
    counted.called();

    let spec = world.spec("fix", Access::Write, &base);
    let place = world.places.prepare(spec).await.unwrap();
    assert_eq!(counted.called(), ["config", "read-tree", "update-ref"]);
    sh(&place.path, "echo x >> a.txt");
    let change = world
        .places
        .harvest(place, task("fix"), "m".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        counted.called(),
        [
            "commit-tree",
            "diff-tree",
            "fetch",
            "rev-list",
            "status",
            "update-index",
            "update-ref",
            "write-tree",
        ]
    );
    let spec = AdvanceSpec {
        project: world.project(),
        slug: "calm".to_owned(),
        from: None,
        to: change.head,
    };
    world.places.advance(spec).await.unwrap();
    assert_eq!(counted.called(), ["update-ref"]);
    world.verify();
}
