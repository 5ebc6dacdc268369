//! Tests of the room against a real git: each world is a home and a project in a folder of its own.

mod content;
mod faults;
mod harvest;
mod hostile;
mod kills;
mod landing;
mod measure;
mod people;
mod pins;
mod places;
mod plain;
mod processes;
mod prune;
mod ref_files;

use crate::{Direct, Git, Limits, Places};
use domain::{Access, Change, RunId, StepKey, TaskId};
use engine::ports::{Place, PlaceSpec, Workspaces};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A home and a project.
struct World {
    dir: tempfile::TempDir,
    places: Places,
}

const RUN: RunId = RunId::from_bits(0xa1);

impl World {
    /// A project with one commit: `a.txt`, `sub/b.txt`, and an ignore file for `target/`.
    async fn new() -> Self {
        let world = Self::empty().await;
        sh(
            &world.project(),
            "git init -q -b main . && mkdir sub && echo one > a.txt && echo two > sub/b.txt",
        );
        sh(
            &world.project(),
            "echo target/ > .gitignore && git add -A && git commit -qm first",
        );
        world
    }

    /// A home and an empty folder.
    async fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("project")).unwrap();
        let git = Git::find().await.unwrap();
        let limits = Limits {
            lock_wait: Duration::from_millis(400),
            ..Limits::default()
        };
        let places = Places::new(git, &dir.path().join("home/worktrees"), Arc::new(Direct)).unwrap();
        Self {
            places: places.with_limits(limits),
            dir,
        }
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("project")
    }

    async fn base(&self) -> String {
        self.places.base(self.project(), RUN, None).await.unwrap().commit
    }

    fn spec(&self, key: &str, access: Access, base: &str) -> PlaceSpec {
        PlaceSpec {
            project: self.project(),
            run: RUN,
            key: StepKey::only(key),
            access,
            base: base.to_owned(),
            fresh: false,
        }
    }

    async fn writer(&self, key: &str) -> Place {
        let base = self.base().await;
        self.places
            .prepare(self.spec(key, Access::Write, &base))
            .await
            .unwrap()
    }

    async fn reader(&self, key: &str) -> Place {
        let base = self.base().await;
        self.places
            .prepare(self.spec(key, Access::Read, &base))
            .await
            .unwrap()
    }

    /// Makes a change in a new place and takes it.
    async fn harvested(&self, key: &str, script: &str) -> Change {
        let place = self.writer(key).await;
        sh(&place.path, script);
        self.places
            .harvest(place, task(key), format!("do {key}"))
            .await
            .unwrap()
            .unwrap()
    }

    fn git(&self, command: &str) -> String {
        sh(&self.project(), &format!("git {command}"))
    }

    /// The project is whole, and nothing half-made lies about.
    fn verify(&self) {
        sh(&self.project(), "git fsck --strict --no-dangling");
        let rubbish = sh(
            self.dir.path(),
            "find . -name '.making*' -o -name '.trash*' -o -name '.new*'",
        );
        assert_eq!(rubbish, "", "rubbish was left");
        let locks = sh(
            &self.project(),
            "find . -path '*/.git/*' -name '*.lock' ! -name partita.lock",
        );
        assert_eq!(locks, "", "locks were left");
    }
}

fn task(key: &str) -> TaskId {
    TaskId::of(RUN, &StepKey::only(key), 1)
}

/// Runs a shell script as a person would, with a configuration of its own; gives what it printed.
fn sh(dir: &Path, script: &str) -> String {
    let (code, out, err) = try_sh(dir, script);
    assert_eq!(code, Some(0), "{script}\n{out}\n{err}");
    out
}

fn try_sh(dir: &Path, script: &str) -> (Option<i32>, String, String) {
    let out = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // Later gits keep refs in another form by default; the tests that are about that say so.
        .env("GIT_DEFAULT_REF_FORMAT", "files")
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.org")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}
