//! The main job on a sample: a repository with a real defect, two work units, two flows at once, with a scripted agent.

use crate::args::DemoArgs;
use crate::client::Daemon;
use crate::commands::run::{exit_of, print_summary};
use crate::commands::run_changes::print_diff;
use crate::context::Context;
use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::home;
use crate::output::{self, Tone};
use crate::watch::Watch;
use api::{FeedAsk, NewWorkUnit, Project, RunDetail, RunId, Size, Topic, UnitStatus, WorkUnitOrder};
use git::{FirstCommit, Git};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const AGENT: &str = "rehearsal";
/// The sample's own tests, which the fix must pass.
const GATE: &str = "sh tests/run.sh";

pub(crate) async fn carry_out(context: &Context, arguments: DemoArgs) -> Result {
    let folder = make_sample(context, arguments.into).await?;
    let daemon = context.daemon()?;
    let project = daemon.project(&folder).await?;
    if !context.is_json {
        output::line(format!(
            "a sample repository with a real defect is in {}",
            folder.display()
        ));
        output::line(
            "two work units: `fix` mends the defect, `review` reads the code; both at once, with a scripted agent",
        );
        output::line("");
    }
    let units = create_units(&daemon, &project).await?;
    let ids = wait_for_runs(&daemon, &units).await?;
    let mut watch = Watch::new(output::is_terminal() && !context.is_json);
    let runs = daemon.watch(&ids, &mut |runs| watch.show(runs)).await?;
    tell(context, &daemon, &folder, &runs).await?;
    let has_failed = runs.iter().any(|run| exit_of(&run.run) != Exit::Success);
    Ok(if has_failed { Exit::Failed } else { Exit::Success })
}

/// Writes the sample into a folder of its own and commits it.
async fn make_sample(context: &Context, into: Option<PathBuf>) -> Result<PathBuf> {
    let folder = match into {
        Some(folder) => {
            std::path::absolute(&folder).explain(format!("cannot resolve {}", folder.display()))?
        }
        None => {
            let id = uuid::Uuid::from_u128(crate::wiring::new_id())
                .simple()
                .to_string();
            context
                .home
                .path
                .join("demo")
                .join(format!("invoice-{}", &id[24..]))
        }
    };
    if folder
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(CliError::new(
            Exit::Refused,
            "not_empty",
            format!("{} is not empty", folder.display()),
        )
        .hint("name a new folder with --into"));
    }
    home::private_folder(&folder)?;
    for file in agents::rehearsal::sample() {
        let path = folder.join(file.path);
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            std::fs::write(&path, file.content)?;
            let mode = if file.is_executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
        };
        write().explain(format!("cannot write {}", path.display()))?;
    }
    commit(&folder).await?;
    folder
        .canonicalize()
        .explain(format!("cannot resolve {}", folder.display()))
}

async fn commit(folder: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Machine, "git", "the sample repository could not be made").because(error)
    };
    let git = Git::find()
        .await
        .map_err(|error| failed(&error).hint("install git 2.38 or newer"))?;
    let (words, tool): (Vec<&str>, Vec<&str>) = agents::rehearsal::sample()
        .iter()
        .map(|file| file.path)
        .partition(|path| *path == "README.md");
    let commits = [
        FirstCommit {
            message: "Say what the invoice tool is to do\n",
            files: &words,
        },
        FirstCommit {
            message: "Add the invoice tool and its tests\n",
            files: &tool,
        },
    ];
    git.make_repository(folder, &commits)
        .await
        .map_err(|error| failed(&error))
}

async fn create_units(daemon: &Daemon, project: &Project) -> Result<[String; 2]> {
    let suffix = project.name.trim_start_matches("invoice").to_owned();
    let order = |flow: &str, question: &str, extra: &[(&str, &str)]| WorkUnitOrder {
        flow: flow.to_owned(),
        question: question.to_owned(),
        size: Some(Size::Small),
        fast: Some(false),
        agent: Some(AGENT.to_owned()),
        model: None,
        extra: extra
            .iter()
            .map(|(name, value)| ((*name).to_owned(), serde_json::Value::from(*value)))
            .collect(),
    };
    let fix = order(
        "fix",
        "total charges tax on the amount before the discount; the README promises the opposite",
        &[("gate", GATE)],
    );
    let review = order("review", "the invoice tool as a whole", &[]);
    let chunks = [format!("fix-discount{suffix}"), format!("review-invoice{suffix}")];
    for (chunk, order) in chunks.iter().zip([fix, review]) {
        let unit = NewWorkUnit {
            chunk: chunk.clone(),
            project_id: Some(project.id),
            order: Some(order),
            ..NewWorkUnit::default()
        };
        daemon.create_work_unit(&unit).await?;
    }
    Ok(chunks)
}

/// A unit that is ready is claimed at once, and its claim starts a run.
async fn wait_for_runs(daemon: &Daemon, chunks: &[String]) -> Result<Vec<RunId>> {
    let mut feed = daemon.feed(FeedAsk {
        topics: vec![Topic::WorkUnits],
        ..FeedAsk::default()
    });
    feed.open().await?;
    let mut runs: BTreeMap<&str, RunId> = BTreeMap::new();
    loop {
        for chunk in chunks {
            let unit = daemon.work_unit(chunk).await?;
            if unit.status == UnitStatus::NeedsAttention && unit.run_id.is_none() {
                let history = daemon.work_unit_history(chunk).await?.items;
                let why = history
                    .last()
                    .map(|change| change.reason.clone())
                    .unwrap_or_default();
                return Err(CliError::new(
                    Exit::Machine,
                    "not_started",
                    format!("no run began for `{chunk}`"),
                )
                .because(why)
                .hint("`partita doctor` says what this machine lacks"));
            }
            if let Some(run) = unit.run_id {
                runs.insert(chunk, run);
            }
        }
        if runs.len() == chunks.len() {
            return Ok(chunks.iter().map(|chunk| runs[chunk.as_str()]).collect());
        }
        feed.next().await?;
    }
}

async fn tell(context: &Context, daemon: &Daemon, folder: &Path, runs: &[RunDetail]) -> Result<()> {
    let fix = runs.first().expect("two runs were watched");
    let diff = daemon.run_diff(fix.run.id).await?;
    if context.is_json {
        output::json(&serde_json::json!({ "project": folder, "runs": runs, "diff": diff }));
        return Ok(());
    }
    for run in runs {
        output::line("");
        output::line(Tone::Strong.paint(&format!("── report of {} ({}) ──", run.run.slug, run.run.flow)));
        output::raw(&output::safe(run.report.as_deref().unwrap_or("no report\n")));
    }
    output::line("");
    output::line(Tone::Strong.paint("── what `fix` changed ──"));
    print_diff(&diff);
    output::line("");
    runs.iter().for_each(print_summary);
    output::line("");
    if let Some(program) = not_in_path() {
        output::line(format!("below, `partita` is {}", program.display()));
    }
    output::line("the same on your own repository, with an agent that is installed:");
    output::line("  cd your/repository && partita agents && partita run review --agent claude");
    output::line("look around: partita status, partita ps, partita run list, partita logs");
    Ok(())
}

/// Where this program is, when typing its name would not find it.
fn not_in_path() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found = std::env::split_paths(&path).any(|folder| folder.join("partita") == program);
    (!is_found).then_some(program)
}
