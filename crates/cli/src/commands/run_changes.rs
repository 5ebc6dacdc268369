//! What a run made: shown, brought into the checkout, written to a file.

use crate::args::ExportFormat;
use crate::context::Context;
use crate::error::{CliError, Explain, Result};
use crate::exit::Exit;
use crate::output::{self, Tone, counted, safe_line};
use api::Diff;
use engine::ports::Later;
use git::{Confined, ConfinedError, Git, NotApplicable, Order, Outcome, Places};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) async fn diff(context: &Context, name: &str) -> Result {
    let daemon = context.daemon()?;
    let run = daemon.run(name).await?;
    let diff = daemon.run_diff(run.run.id).await?;
    if context.is_json {
        output::json(&diff);
    } else {
        print_diff(&diff);
    }
    Ok(Exit::Success)
}

pub(crate) fn print_diff(diff: &Diff) {
    if diff.files.is_empty() {
        output::note("nothing was changed");
    }
    for line in diff.text.lines() {
        let tone = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") || line.starts_with("diff ") => {
                Tone::Strong
            }
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(b'@') => Tone::Busy,
            _ => Tone::Plain,
        };
        output::line(tone.paint(&output::safe(line)));
    }
    if diff.is_cut {
        output::note("the diff is longer than is shown here; look at the branch");
    }
}

pub(crate) async fn apply(context: &Context, name: &str, is_sure: bool) -> Result {
    let daemon = context.daemon()?;
    let run = daemon.run(name).await?.run;
    let Some(head) = run.head.clone() else {
        return Err(CliError::new(
            Exit::Refused,
            "nothing_to_apply",
            format!("run `{}` changed nothing", run.slug),
        )
        .hint(format!("`partita run show {}` says what came of it", run.slug)));
    };
    let project = daemon.project_of(run.project_id).await?;
    let places = places(context).await?;
    let folder = PathBuf::from(&project.path);
    let plan = places.apply_plan(&folder, &head).await.map_err(refused)?;
    let plan = plan.map_err(|reason| {
        CliError::new(
            Exit::Refused,
            "not_applicable",
            format!("`{}` cannot be brought into {}", run.slug, project.path),
        )
        .because(why_not(&reason))
        .hint(way_out(&reason, &run.slug))
    })?;
    for file in &plan.diff.files {
        output::note(format!(
            "  {}  +{} -{}",
            safe_line(&file.path),
            file.insertions,
            file.deletions
        ));
    }
    if !is_sure
        && !confirmed(&format!(
            "Bring these changes into {}, uncommitted? [y/N] ",
            project.path
        ))?
    {
        return Err(
            CliError::new(Exit::Refused, "not_confirmed", "nothing was changed")
                .because("nobody said yes; without a terminal nobody is asked")
                .hint("say yes, or use --yes"),
        );
    }
    let applied = places.apply(&plan).await.map_err(refused)?;
    if context.is_json {
        output::json(&serde_json::json!({ "run": run.slug, "files": applied.files }));
    } else {
        output::line(format!(
            "{} changed in {}, not committed",
            counted(u64::try_from(applied.files).unwrap_or(u64::MAX), "file"),
            project.path
        ));
    }
    Ok(Exit::Success)
}

fn confirmed(question: &str) -> Result<bool> {
    if !output::is_terminal() {
        return Ok(false);
    }
    output::raw(question);
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .explain("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn refused(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Refused, "git", "git did not do it")
        .because(error)
        .hint("`partita doctor` says whether git can be used here")
}

fn why_not(reason: &NotApplicable) -> String {
    let files = |files: &[String]| {
        files
            .iter()
            .take(10)
            .map(|file| safe_line(file))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match reason {
        NotApplicable::Nothing => "everything is there already".to_owned(),
        NotApplicable::Dirty(dirty) => format!(
            "the checkout has changes that are not committed: {}",
            files(dirty)
        ),
        NotApplicable::Busy(what) => format!("the checkout is in the middle of a {what}"),
        NotApplicable::Conflict(both) => format!("both sides changed these files: {}", files(both)),
        NotApplicable::InTheWay(new) => format!("these files would be overwritten: {}", files(new)),
    }
}

fn way_out(reason: &NotApplicable, slug: &str) -> String {
    match reason {
        NotApplicable::Nothing => format!("`partita run diff {slug}` shows what it changed"),
        NotApplicable::Dirty(_) => "commit or stash them, then try again".to_owned(),
        NotApplicable::Busy(_) => "finish or abort that, then try again".to_owned(),
        NotApplicable::Conflict(_) => format!("merge the branch partita/{slug} yourself"),
        NotApplicable::InTheWay(_) => {
            format!("move them away and try again, or merge the branch partita/{slug} yourself")
        }
    }
}

/// A person's own command touches only their own checkout: nothing of an agent's is run, so nothing is confined.
struct NothingToConfine;

impl Confined for NothingToConfine {
    fn run(&self, _order: Order) -> Later<'_, std::result::Result<Outcome, ConfinedError>> {
        let refused =
            ConfinedError::NotStarted("this command runs nothing that needs the sandbox".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }
}

/// Git for the person's own command: reading and applying need no sandbox.
pub(crate) async fn places(context: &Context) -> Result<Places> {
    let git = Git::find().await.map_err(|error| {
        CliError::new(Exit::Machine, "git", "git cannot be used")
            .because(error)
            .hint("install git 2.38 or newer")
    })?;
    Places::new(
        git,
        &context.home.path.join("worktrees"),
        Arc::new(NothingToConfine),
    )
    .map_err(refused)
}

pub(crate) async fn export(
    context: &Context,
    name: &str,
    format: ExportFormat,
    to: Option<PathBuf>,
) -> Result {
    let daemon = context.daemon()?;
    let run = daemon.run(name).await?;
    let text = match format {
        ExportFormat::Markdown => daemon.report(run.run.id).await?,
        ExportFormat::Json => {
            let report = daemon.report_json(run.run.id).await?;
            output::plain_json(&format!("{report:#}\n"))
        }
    };
    match to {
        None => output::raw(&text),
        Some(path) => {
            std::fs::write(&path, text).explain(format!("cannot write {}", path.display()))?;
            output::note(format!("written to {}", path.display()));
        }
    }
    Ok(Exit::Success)
}
