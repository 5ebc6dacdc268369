//! Where the texts of a definition come from: built in, a project's `.partita`, or the bundle of an earlier run. What
//! was taken is remembered: it is the bundle.

use crate::beneath::{self, NotRead};
use crate::schema::SCHEMA_BYTES_MAX;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) const FLOWS: &str = ".partita/flows";
const PERSONAS: &str = ".partita/personas";
pub(crate) const FLOW_BYTES_MAX: u64 = 256 * 1024;
const PERSONA_BYTES_MAX: u64 = 64 * 1024;

/// The flows that come with the program: name and text.
pub(crate) const BUILT_IN: [(&str, &str); 3] = [
    ("fix", include_str!("../builtin/flows/fix.toml")),
    ("investigate", include_str!("../builtin/flows/investigate.toml")),
    ("review", include_str!("../builtin/flows/review.toml")),
];

const BUILT_IN_PERSONAS: [(&str, &str); 5] = [
    ("engineer", include_str!("../builtin/personas/engineer.md")),
    (
        "investigator",
        include_str!("../builtin/personas/investigator.md"),
    ),
    ("reviewer", include_str!("../builtin/personas/reviewer.md")),
    ("sceptic", include_str!("../builtin/personas/sceptic.md")),
    ("writer", include_str!("../builtin/personas/writer.md")),
];

const BUILT_IN_SCHEMAS: [(&str, &str); 6] = [
    (
        "schemas/answer.json",
        include_str!("../builtin/schemas/answer.json"),
    ),
    (
        "schemas/findings.json",
        include_str!("../builtin/schemas/findings.json"),
    ),
    (
        "schemas/observations.json",
        include_str!("../builtin/schemas/observations.json"),
    ),
    (
        "schemas/reproduction.json",
        include_str!("../builtin/schemas/reproduction.json"),
    ),
    (
        "schemas/survey.json",
        include_str!("../builtin/schemas/survey.json"),
    ),
    (
        "schemas/verdicts.json",
        include_str!("../builtin/schemas/verdicts.json"),
    ),
];

/// Who brought a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It came with the program.
    BuiltIn,
    /// It lies in the project's `.partita/flows`.
    Project,
}

/// The places that one definition's texts are taken from.
pub(crate) struct Places {
    origin: Origin,
    kind: Kind,
    taken: RefCell<Taken>,
}

enum Kind {
    BuiltIn,
    Project(PathBuf),
    Bundle(Taken),
}

/// Texts that were taken, by the names they were asked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) personas: BTreeMap<String, String>,
    pub(crate) schemas: BTreeMap<String, String>,
}

impl Places {
    pub(crate) fn built_in() -> Self {
        Self {
            origin: Origin::BuiltIn,
            kind: Kind::BuiltIn,
            taken: RefCell::default(),
        }
    }

    pub(crate) fn project(folder: &Path) -> Self {
        Self {
            origin: Origin::Project,
            kind: Kind::Project(folder.to_owned()),
            taken: RefCell::default(),
        }
    }

    pub(crate) fn bundle(origin: Origin, texts: Taken) -> Self {
        Self {
            origin,
            kind: Kind::Bundle(texts),
            taken: RefCell::default(),
        }
    }

    pub(crate) const fn origin(&self) -> Origin {
        self.origin
    }

    /// Everything taken so far.
    pub(crate) fn taken(&self) -> Taken {
        self.taken.borrow().clone()
    }

    /// The text of a persona; none when there is none of that name.
    pub(crate) fn persona(&self, name: &str) -> Result<Option<String>, String> {
        let text = match &self.kind {
            Kind::Bundle(taken) => taken.personas.get(name).cloned(),
            Kind::BuiltIn => built_in(&BUILT_IN_PERSONAS, name),
            Kind::Project(folder) => {
                let path = format!("{PERSONAS}/{name}.md");
                match beneath::read_text(folder, &path, PERSONA_BYTES_MAX) {
                    Ok(text) => Some(text),
                    Err(NotRead::Absent) => built_in(&BUILT_IN_PERSONAS, name),
                    Err(why) => return Err(format!("`{path}` cannot be read: {}", said(&why))),
                }
            }
        };
        if let Some(text) = &text {
            self.taken
                .borrow_mut()
                .personas
                .insert(name.to_owned(), text.clone());
        }
        Ok(text)
    }

    /// The personas there are.
    pub(crate) fn personas(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN_PERSONAS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        match &self.kind {
            Kind::BuiltIn => {}
            Kind::Project(folder) => {
                let files = beneath::names(folder, PERSONAS);
                names.extend(
                    files
                        .iter()
                        .filter_map(|file| file.strip_suffix(".md"))
                        .map(str::to_owned),
                );
            }
            Kind::Bundle(taken) => names = taken.personas.keys().cloned().collect(),
        }
        names.sort();
        names.dedup();
        names
    }

    /// The text of a schema file, by its path from the flow file.
    pub(crate) fn schema(&self, path: &str) -> Result<String, String> {
        let text = match &self.kind {
            Kind::BuiltIn => built_in(&BUILT_IN_SCHEMAS, path).ok_or_else(|| said(&NotRead::Absent)),
            Kind::Bundle(taken) => taken
                .schemas
                .get(path)
                .cloned()
                .ok_or_else(|| said(&NotRead::Absent)),
            Kind::Project(folder) => {
                if path.starts_with('/') {
                    return Err("the path must be relative to the flow file".to_owned());
                }
                beneath::read_text(folder, &format!("{FLOWS}/{path}"), SCHEMA_BYTES_MAX)
                    .map_err(|why| said(&why))
            }
        }?;
        self.taken
            .borrow_mut()
            .schemas
            .insert(path.to_owned(), text.clone());
        Ok(text)
    }

    /// How a schema file is called in problems.
    pub(crate) fn schema_label(&self, path: &str) -> String {
        match self.origin {
            Origin::BuiltIn => format!("built-in/{path}"),
            Origin::Project => format!("{FLOWS}/{path}"),
        }
    }
}

fn built_in(table: &[(&str, &str)], name: &str) -> Option<String> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| (*text).to_owned())
}

/// Why a file cannot be read, in words.
pub(crate) fn said(why: &NotRead) -> String {
    match why {
        NotRead::Absent => "there is no such file".to_owned(),
        NotRead::Refused(why) => (*why).to_owned(),
        NotRead::TooLarge => "it is too large".to_owned(),
        NotRead::NotText => "it is not UTF-8 text".to_owned(),
        NotRead::Failed(why) => why.clone(),
    }
}
