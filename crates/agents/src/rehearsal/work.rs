//! The agent's own work: reads, writes, edits, runs, all with the means of the process itself, so that whatever bounds
//! the process bounds them.

use super::act::{Next, Player};
use super::agent::Finish;
use super::detail::{AppendLine, Ask, EditFile, RunCommand, WaitFor, WriteFile};
use super::memory::append;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How much of a file or a command's output is told.
const OUTPUT_MAX: usize = 2_000;

impl Player<'_> {
    /// A path as the script means it: beneath the working copy, unless it is absolute.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.cwd.join(self.filled(path))
    }

    /// Reads a file.
    pub(super) fn read(&mut self, path: &str) -> Next {
        let full = self.path(path);
        self.tool(&format!("Read {path}"), "read", |_| {
            fs::read(&full).map(|bytes| lossy(&bytes))
        })
    }

    /// Writes a file.
    pub(super) fn write(&mut self, file: &WriteFile) -> Next {
        let full = self.path(&file.path);
        let content = self.filled(&file.content);
        self.change(&format!("Write {}", file.path), "edit", file.ask, || {
            if let Some(folder) = full.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&full, &content).map(|()| format!("{} bytes", content.len()))
        })
    }

    /// Replaces a text that stands in a file exactly once.
    pub(super) fn edit(&mut self, file: &EditFile) -> Next {
        let full = self.path(&file.path);
        self.change(&format!("Edit {}", file.path), "edit", file.ask, || {
            let text = fs::read_to_string(&full)?;
            let count = text.matches(&file.old).count();
            if count != 1 {
                return Err(io::Error::other(format!(
                    "the text to replace stands there {count} times"
                )));
            }
            fs::write(&full, text.replacen(&file.old, &file.new, 1))?;
            Ok(format!("-{}\n+{}", file.old.trim_end(), file.new.trim_end()))
        })
    }

    /// Deletes a file.
    pub(super) fn delete(&mut self, path: &str) -> Next {
        let full = self.path(path);
        self.change(&format!("Delete {path}"), "delete", None, || {
            fs::remove_file(&full).map(|()| String::new())
        })
    }

    /// Runs a command line, without input, in the working copy.
    pub(super) fn run(&mut self, command: &RunCommand) -> Next {
        let (line, ask) = match command {
            RunCommand::Plain(line) => (line, None),
            RunCommand::Told { command, ask } => (command, *ask),
        };
        let line = self.filled(line);
        let cwd = self.cwd.clone();
        self.change(&line, "execute", ask, || {
            let output = Command::new("sh")
                .args(["-c", &line])
                .current_dir(&cwd)
                .stdin(Stdio::null())
                .output()?;
            let text = format!("{}{}", lossy(&output.stdout), lossy(&output.stderr));
            match output.status.code() {
                Some(0) => Ok(text),
                Some(code) => Err(io::Error::other(format!("{text}exit code {code}"))),
                None => Err(io::Error::other(format!("{text}ended by a signal"))),
            }
        })
    }

    /// Appends one line, in one write, without a word about it: this is the tests' own ledger.
    pub(super) fn append(&mut self, line: &AppendLine) -> Next {
        let path = self.path(&line.path);
        if let Err(error) = append(&path, &self.filled(&line.line)) {
            self.say(&format!("cannot append to {}: {error}\n", line.path))?;
        }
        Ok(None)
    }

    /// Waits for a file, so that tests can hold a step for as long as they like.
    pub(super) fn wait_for(&mut self, file: &WaitFor) -> Next {
        let path = self.path(&file.path);
        let until = Instant::now() + Duration::from_millis(file.timeout_ms);
        while !path.exists() {
            if Instant::now() >= until {
                self.say(&format!("{} did not appear\n", file.path))?;
                return Ok(Some(Finish::Stop("end_turn".to_owned())));
            }
            if let Some(finish) = self.pause(5, false)? {
                return Ok(Some(finish));
            }
        }
        Ok(None)
    }

    /// Something that changes the world: as a tool call, and with leave where the mode demands it.
    fn change(
        &mut self,
        title: &str,
        kind: &str,
        ask: Option<bool>,
        work: impl FnOnce() -> io::Result<String>,
    ) -> Next {
        if *self.mode == "plan" && !self.ignores_mode {
            return self.tool(title, kind, |_| {
                Err(io::Error::other("this cannot be done in plan mode"))
            });
        }
        if !ask.unwrap_or(*self.mode == "default") {
            return self.tool(title, kind, |_| work());
        }
        let title = title.to_owned();
        let asked = Ask {
            kind: kind.to_owned(),
            title: title.clone(),
            options: ["allow_once", "allow_always", "reject_once"]
                .map(ToOwned::to_owned)
                .to_vec(),
            stops: false,
        };
        self.tool(&title, kind, |(player, id)| {
            match player.permission(id, &asked)? {
                (true, _) => work(),
                (false, chosen) => Err(io::Error::other(format!("not allowed: {chosen}"))),
            }
        })
    }

    /// Does something as a tool call. That it failed is told, like a real agent would, and the scene goes on.
    fn tool(
        &mut self,
        title: &str,
        kind: &str,
        work: impl FnOnce((&mut Self, &str)) -> io::Result<String>,
    ) -> Next {
        let id = self.tool_id();
        self.begin_tool(&id, title, kind)?;
        match work((self, &id)) {
            Ok(output) => self.end_tool(&id, "completed", &clipped(&output))?,
            Err(error) => self.end_tool(&id, "failed", &clipped(&error.to_string()))?,
        }
        Ok(None)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(OUTPUT_MAX)].to_owned()
}
