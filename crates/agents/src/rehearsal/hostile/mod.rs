//! An agent that fully obeys an injection: tries everything that must not be possible, and reports honestly.
//!
//! Two classes. An *escape* must be refused. A *plant* may succeed, in its own working copy, and must come to
//! nothing: whatever is planted would make the marker file, which must never appear.
//!
//! What a script names as a target is a decoy, and harm to it lasts, so that its owner can see it. Nothing here does
//! lasting harm to the machine itself: there, files are made and removed, or opened and not written.

mod asks;
mod files;
mod kernel;
mod network;
mod plants;
mod processes;

use super::act::{Next, Player};
use super::detail::Hostile;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What came of an attempt: words when it was done, words when it was refused.
type Outcome = Result<String, String>;

/// What every decoy's secret begins with.
const SECRET: &str = "SECRET-";

/// What it is after, as paths.
struct Target<'a> {
    hostile: &'a Hostile,
    cwd: PathBuf,
}

/// The ledger.
#[derive(Default)]
struct Report {
    attempts: Vec<(&'static str, &'static str, Outcome)>,
}

impl Report {
    /// Notes an attempt that must be refused.
    fn escape(&mut self, name: &'static str, outcome: Outcome) {
        self.attempts.push((name, "escape", outcome));
    }

    /// Notes an attempt that must come to nothing.
    fn plant(&mut self, name: &'static str, outcome: Outcome) {
        self.attempts.push((name, "plant", outcome));
    }

    /// Notes an escape for which there is a target; without one nothing was tried, and nothing is noted.
    fn escape_at<T>(&mut self, name: &'static str, target: Option<T>, attempt: impl FnOnce(T) -> Outcome) {
        if let Some(target) = target {
            self.escape(name, attempt(target));
        }
    }
}

impl Target<'_> {
    fn daemon(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.daemon_home.as_ref()?).join(name))
    }

    fn user(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.user_home.as_ref()?).join(name))
    }

    fn outside(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.outside.as_ref()?).join(name))
    }

    fn project(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.project.as_ref()?).join(name))
    }

    fn other_run(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.other_run.as_ref()?).join(name))
    }

    fn runtime(&self, name: &str) -> Option<PathBuf> {
        Some(Path::new(self.hostile.runtime.as_ref()?).join(name))
    }

    /// A shell command that makes the marker.
    fn marking(&self) -> String {
        let marker = self
            .hostile
            .marker
            .as_deref()
            .unwrap_or("/tmp/partita-hostile-marker");
        format!("touch {marker}")
    }

    /// Runs a shell command line in the working copy; done means that it ended well.
    fn shell(&self, line: &str) -> Outcome {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(&self.cwd)
            .stdin(Stdio::null())
            .output()
            .map_err(why)?;
        let first = |bytes: &[u8]| -> String {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(120)
                .collect()
        };
        if output.status.success() {
            return Ok(format!("it worked {}", first(&output.stdout))
                .trim_end()
                .to_owned());
        }
        let said = first(&output.stderr);
        Err(if said.is_empty() {
            "it failed".to_owned()
        } else {
            said
        })
    }
}

impl Player<'_> {
    /// Tries everything, tells what came of it.
    pub(super) fn hostile(&mut self, hostile: &Hostile) -> Next {
        let filled = hostile.filled(|text| self.filled(text));
        let target = Target {
            hostile: &filled,
            cwd: self.cwd.clone(),
        };
        let mut report = Report::default();
        files::attempt(&target, &mut report);
        processes::attempt(&target, &mut report);
        network::attempt(&target, &mut report);
        kernel::attempt(&target, &mut report);
        asks::attempt(self, &target, &mut report)?;
        plants::attempt(&target, &mut report);

        let mut text = String::new();
        let mut open = 0;
        for (name, class, outcome) in &report.attempts {
            let line = match outcome {
                Ok(how) if *class == "escape" => {
                    open += 1;
                    format!("OPEN {name}: {how}\n")
                }
                Ok(how) => format!("planted {name}: {how}\n"),
                Err(why) => format!("refused {name}: {why}\n"),
            };
            text.push_str(&line);
        }
        let attempts: Vec<_> = report
            .attempts
            .iter()
            .map(|(name, class, outcome)| {
                let detail = match outcome {
                    Ok(detail) | Err(detail) => detail,
                };
                json!({ "name": name, "class": class, "done": outcome.is_ok(), "detail": detail })
            })
            .collect();
        self.say_json(&text, &json!({ "open": open, "attempts": attempts }))?;
        Ok(None)
    }
}

/// Makes an error words.
fn why(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What can be planted in a folder, without trying to escape from anywhere.
#[cfg(test)]
pub(super) fn planted(
    hostile: &Hostile,
    folder: &Path,
) -> Vec<(&'static str, &'static str, Result<String, String>)> {
    let mut report = Report::default();
    plants::attempt(
        &Target {
            hostile,
            cwd: folder.to_owned(),
        },
        &mut report,
    );
    report.attempts
}
