//! Remembers in which format a repository is, so that git is asked once and not before each step.

use crate::command::{Git, GitDir};
use crate::error::{Answer, git_failed};
use crate::files;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How a repository names objects and keeps refs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) is_sha256: bool,
    /// Refs are files of their own or lines of `packed-refs`. False where it cannot be told.
    pub(crate) has_ref_files: bool,
}

/// What is remembered, by git folder.
#[derive(Debug, Default)]
pub(crate) struct Repositories {
    known: Mutex<HashMap<PathBuf, Known>>,
}

/// What git said, and the configuration that it said it of. Git takes the format of a repository from that file and
/// from nowhere else, and the file is read and compared at each asking: so an answer cannot be an old one, also where a
/// repository was removed and another made in its place.
#[derive(Debug)]
struct Known {
    config: Vec<u8>,
    format: Format,
}

/// So many repositories are remembered at once.
const MOST: usize = 256;
const CONFIG_MAX: u64 = 1 << 20;

impl Repositories {
    /// The format of a repository: `git_dir` belongs to a checkout, `common` to all of them.
    pub(crate) async fn format(&self, git: &Git, git_dir: &Path, common: &Path) -> Answer<Format> {
        let config = files::read_regular(&common.join("config"), CONFIG_MAX).ok();
        if let Some(format) = config.as_deref().and_then(|config| self.known(common, config)) {
            return Ok(format);
        }
        let call = git.call(&GitDir::bare(git_dir.to_path_buf()));
        let asked = call.args(["rev-parse", "--show-object-format"]);
        let ran = asked.run("read the repository").await?;
        if ran.code != Some(0) {
            let doing = format!("read the repository {}", common.display());
            return Err(git_failed(&doing, &ran.complaint()));
        }
        let format = Format {
            is_sha256: ran.stdout.starts_with(b"sha256"),
            has_ref_files: config.as_deref().is_some_and(has_ref_files),
        };
        if let Some(config) = config {
            self.remember(common, Known { config, format });
        }
        Ok(format)
    }

    fn known(&self, common: &Path, config: &[u8]) -> Option<Format> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(common).filter(|known| known.config == config);
        known.map(|known| known.format)
    }

    fn remember(&self, common: &Path, one: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(common.to_path_buf(), one);
    }
}

/// Files are how refs are kept where nothing else is said. Whatever `extensions.refStorage` says is left to git.
fn has_ref_files(config: &[u8]) -> bool {
    let word = b"refstorage";
    !config
        .windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}
