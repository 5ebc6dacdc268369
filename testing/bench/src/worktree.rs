//! How long a task waits for its working copy, beside `git worktree add` of the same commit.

use crate::figure::{Figure, Unit};
use crate::project::{self, git};
use crate::round::{ms, timed};
use crate::world::{new_id, runtime};
use crate::{Bench, Measurement};
use domain::{Access, RunId, StepKey};
use engine::ports::{Later, PlaceSpec, Workspaces as _};
use git::{Confined, ConfinedError, Git, Order, Outcome, Places};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub(crate) const MEASUREMENT: Measurement = Measurement {
    name: "worktree",
    summary: "a working copy of 5,000 files, beside `git worktree add`",
    run,
};

const FOLDER: usize = 50;

/// Making a place runs nothing of the agent's, so that nothing has to be confined.
struct Nothing;

impl Confined for Nothing {
    fn run(&self, _order: Order) -> Later<'_, Result<Outcome, ConfinedError>> {
        let refused = ConfinedError::NotStarted("nothing is confined here".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }
}

fn run(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let files = bench.budget.pick(20, 2_000, 5_000);
    let folder = tempfile::tempdir_in(&bench.scratch)?;
    let path = folder.path().join("project");
    make(&path, files)?;
    let runtime = runtime()?;
    let places = runtime.block_on(async {
        anyhow::Ok(Places::new(
            Git::find().await?,
            &folder.path().join("worktrees"),
            Arc::new(Nothing),
        )?)
    })?;
    let head = project::head(&path)?;
    let mut figures = Vec::new();
    for (access, word) in [(Access::Read, "a reader"), (Access::Write, "a writer")] {
        let mut pairs = Vec::new();
        for round in 0..bench.budget.pick(1, 2, 3) {
            let beside = folder.path().join(format!("beside-{word}-{round}"));
            let beside_text = beside.display().to_string();
            let (_, floor) = timed(|| {
                git(
                    &path,
                    &["worktree", "add", "--quiet", "--detach", &beside_text, &head],
                )
            })?;
            git(&path, &["worktree", "remove", "--force", &beside_text])?;
            let run = RunId::from_bits(new_id());
            let spec = PlaceSpec {
                project: path.clone(),
                run,
                key: StepKey::only("step"),
                access,
                base: head.clone(),
                fresh: false,
            };
            let ours = runtime.block_on(async {
                let begun = Instant::now();
                places.prepare(spec).await?;
                let took = ms(begun.elapsed());
                places.release(path.clone(), run).await?;
                anyhow::Ok(took)
            })?;
            pairs.push((ours, floor));
        }
        let ours: Vec<f64> = pairs.iter().map(|(ours, _)| *ours).collect();
        let name = format!("working copy of {files} files for {word}");
        figures.push(Figure::new(name, Unit::Ms, &ours).against("git worktree add", &pairs));
    }
    Ok(figures)
}

fn make(path: &Path, files: usize) -> anyhow::Result<()> {
    for number in 0..files {
        let folder = path.join(format!("part-{}", number / FOLDER));
        std::fs::create_dir_all(&folder)?;
        let text = format!("//! File {number}.\n").repeat(1 + number % 100);
        std::fs::write(folder.join(format!("file-{number}.rs")), text)?;
    }
    git(path, &["init", "--quiet"])?;
    project::commit(path)
}
