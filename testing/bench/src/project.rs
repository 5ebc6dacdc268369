//! Projects to run flows in: a small repository, with the flows that are measured.

use anyhow::Context as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Ten agents, one after the other.
pub(crate) const CHAIN: &str = "chain";
/// Ten commands, one after the other.
pub(crate) const COMMANDS: &str = "commands";
/// As many agents as the list is long, all at once.
pub(crate) const WIDE: &str = "wide";

pub(crate) const CHAIN_STEPS: usize = 10;

/// A repository with one commit, and the flows beside it. `wide` is how many agents the wide flow has.
pub(crate) fn make(folder: &Path, wide: usize) -> anyhow::Result<PathBuf> {
    let flows = folder.join(".partita/flows");
    std::fs::create_dir_all(&flows)?;
    std::fs::write(folder.join("README.md"), "# A project\n")?;
    std::fs::write(
        flows.join("chain.toml"),
        chain(CHAIN, "agent", "prompt = \"Do your part.\""),
    )?;
    std::fs::write(
        flows.join("commands.toml"),
        chain(COMMANDS, "command", "command = \"true\""),
    )?;
    std::fs::write(flows.join("wide.toml"), wide_flow(wide))?;
    git(folder, &["init", "--quiet"])?;
    commit(folder)?;
    Ok(folder.canonicalize()?)
}

fn chain(name: &str, kind: &str, deed: &str) -> String {
    let steps: String = (0..CHAIN_STEPS)
        .map(|number| {
            let needs = match number.checked_sub(1) {
                Some(before) => format!("needs = [\"s{before}\"]\n"),
                None => String::new(),
            };
            format!("[[step]]\nid = \"s{number}\"\nkind = \"{kind}\"\n{needs}{deed}\n\n")
        })
        .collect();
    opening(name) + &steps
}

fn wide_flow(items: usize) -> String {
    let list = (0..items)
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let sizes: String = ["small", "medium", "large"]
        .iter()
        .map(|size| format!("[size.{size}]\nitems = [{list}]\n\n"))
        .collect();
    let step = "[[step]]\nid = \"all\"\nkind = \"agent\"\neach = \"size.items\"\nprompt = \"Do your part: {{ item }}.\"\n";
    opening(WIDE) + &sizes + step
}

fn opening(name: &str) -> String {
    format!(
        "name = \"{name}\"\ncategory = \"analysis\"\nsummary = \"Is measured.\"\n\n[input.question]\ndefault = \"How fast?\"\n\n"
    )
}

/// Commits everything that is there.
pub(crate) fn commit(folder: &Path) -> anyhow::Result<()> {
    git(folder, &["add", "--all"])?;
    git(folder, &["commit", "--quiet", "--message", "first"])?;
    Ok(())
}

/// The commit that is checked out.
pub(crate) fn head(folder: &Path) -> anyhow::Result<String> {
    Ok(git(folder, &["rev-parse", "HEAD"])?.trim().to_owned())
}

/// Runs git as nobody in particular: no settings but these.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let settings = [
        "-c",
        "user.name=Bench",
        "-c",
        "user.email=bench@localhost",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "gc.auto=0",
    ];
    let done = Command::new("git")
        .args(settings)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .context("git does not start")?;
    let said = String::from_utf8_lossy(&done.stderr);
    anyhow::ensure!(done.status.success(), "git {arguments:?}: {said}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
