//! What a flow's name stands for now, asked once for each life of a run's keeper: two hundred runs that come back ask two
//! hundred times. The files are read each time; only what they mean is remembered.

use crate::library::Found;
use crate::places::Taken;
use crate::project::Project;
use domain::Size;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What names stood for when it was last found out, and what was read for it.
#[derive(Debug, Default)]
pub(crate) struct Current {
    by_ask: RwLock<BTreeMap<Ask, Arc<Answer>>>,
}

/// For whom a name stands for what.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ask {
    pub(crate) project: Option<PathBuf>,
    pub(crate) name: String,
    pub(crate) size: Size,
    pub(crate) is_fast: bool,
}

/// The answer, and all that it follows from.
#[derive(Debug)]
struct Answer {
    read: Read,
    hash: String,
}

/// The texts that a definition was made from, each as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Where the flow file was found.
    pub(crate) label: String,
    pub(crate) flow: String,
    /// Personas and schemas, by the names that the flow file calls them by.
    pub(crate) texts: Taken,
    /// What the project says of itself, if there is such a file.
    pub(crate) project: Option<String>,
}

impl Ask {
    pub(crate) fn of(project: Option<&Path>, name: &str, size: Size, is_fast: bool) -> Self {
        Self {
            project: project.map(Path::to_owned),
            name: name.to_owned(),
            size,
            is_fast,
        }
    }
}

impl Current {
    /// The hash that the name stands for, if what was read for it reads the same now.
    ///
    /// This cannot go stale. A definition is made from these texts and from nothing else: no clock, no environment, no
    /// other file is asked. All of them were read again just now, at the places where a new reading would look for them,
    /// so the same texts came to the same hash. Which personas and schemas are asked for follows from the flow file.
    pub(crate) fn hash(&self, ask: &Ask, found: &Found) -> Option<String> {
        let answer = {
            let all = self.by_ask.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.get(ask)?)
        };
        let now = answer.read.again(found, ask.project.as_deref())?;
        (now == answer.read).then(|| answer.hash.clone())
    }

    /// Remembers an answer and what it was found from.
    pub(crate) fn remember(&self, ask: Ask, read: Read, hash: String) {
        let mut all = self.by_ask.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(ask, Arc::new(Answer { read, hash }));
    }
}

impl Read {
    /// The same texts, as they are now; none when one of them cannot be had any more.
    fn again(&self, found: &Found, project: Option<&Path>) -> Option<Self> {
        for name in self.texts.personas.keys() {
            found.places.persona(name).ok()?;
        }
        for path in self.texts.schemas.keys() {
            found.places.schema(path).ok()?;
        }
        Some(Self {
            label: found.label.clone(),
            flow: found.text.clone(),
            texts: found.places.taken(),
            project: match project {
                Some(folder) => Project::text(folder).ok()?,
                None => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Library;
    use engine::ports::Definitions;

    const FLOW: &str = r#"
name = "own"
category = "analysis"
summary = "Of the project."

[[step]]
id = "look"
kind = "agent"
persona = "own"
prompt = "Look."
output = "s.json"

[[step]]
id = "write"
kind = "agent"
needs = ["look"]
access = "write"
persona = "engineer"
prompt = "Write."
"#;

    fn project() -> tempfile::TempDir {
        let project = tempfile::tempdir().expect("a folder");
        for folder in [".partita/flows", ".partita/personas"] {
            std::fs::create_dir_all(project.path().join(folder)).expect("made");
        }
        write(&project, "flows/own.toml", FLOW);
        write(&project, "flows/s.json", r#"{ "type": "object" }"#);
        write(&project, "personas/own.md", "You look.\n");
        project
    }

    fn write(project: &tempfile::TempDir, path: &str, text: &str) {
        std::fs::write(project.path().join(".partita").join(path), text).expect("written");
    }

    fn hash(library: &Library, project: &tempfile::TempDir) -> Option<String> {
        library.current_hash(Some(project.path()), "own", Size::Medium, false)
    }

    #[test]
    fn whatever_a_definition_is_made_from_is_read_each_time() {
        let project = project();
        let library = Library::new();
        let mut before = hash(&library, &project);
        assert!(before.is_some());
        for (path, text) in [
            ("personas/own.md", "You look closely.\n"),
            ("flows/s.json", r#"{ "type": "array" }"#),
            ("flows/own.toml", &FLOW.replace("Look.", "Look twice.")),
            // What was not there before: the project's own word, and a persona instead of the built-in one.
            ("partita.toml", "gate = \"make test\"\n"),
            ("personas/engineer.md", "You write.\n"),
            ("partita.toml", "gate = \"make check\"\n"),
            ("flows/own.toml", "name = \"own\"\n"),
            ("flows/own.toml", FLOW),
        ] {
            write(&project, path, text);
            let now = hash(&library, &project);
            assert_ne!(now, before, "{path}");
            assert_eq!(now, hash(&Library::new(), &project), "{path}");
            assert_eq!(now, hash(&library, &project), "{path}, asked twice");
            before = now;
        }
        std::fs::remove_file(project.path().join(".partita/flows/s.json")).expect("removed");
        assert_eq!(hash(&library, &project), None);
        write(&project, "flows/s.json", r#"{ "type": "array" }"#);
        assert_eq!(hash(&library, &project), before);
    }

    #[test]
    fn what_reads_the_same_is_not_made_again() {
        let project = project();
        let library = Library::new();
        let ask = || Ask::of(Some(project.path()), "own", Size::Medium, false);
        let found = || Library::find(Some(project.path()), "own").expect("found");
        assert_eq!(library.current().hash(&ask(), &found()), None);
        let made = hash(&library, &project);
        assert_eq!(library.current().hash(&ask(), &found()), made);
        for other in [
            Ask::of(Some(project.path()), "own", Size::Large, false),
            Ask::of(Some(project.path()), "own", Size::Medium, true),
            Ask::of(None, "own", Size::Medium, false),
        ] {
            assert_eq!(library.current().hash(&other, &found()), None);
        }
    }
}
