//! `.partita/partita.toml` as it is written.

use super::fields::Fields;
use crate::at::At;
use crate::bundle::SIZES;
use crate::diagnostic::Problems;
use domain::{Network, Size};
use toml::de::DeTable;

/// The file as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProjectFile {
    pub(crate) gate: Option<At<String>>,
    pub(crate) setup: Option<At<String>>,
    pub(crate) setup_timeout: Option<At<String>>,
    pub(crate) setup_network: Option<At<Network>>,
    pub(crate) agent: Option<At<String>>,
    pub(crate) model: Option<At<String>>,
    pub(crate) size: Option<At<Size>>,
}

const NETWORKS: [(&str, Network); 2] = [("none", Network::None), ("open", Network::Open)];

/// Reads the file. What is wrong goes to `problems`; what could be read comes back, unless it is no TOML at all.
pub(crate) fn read(text: &str, problems: &Problems) -> Option<ProjectFile> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        problems.add(problems.at(at, error.message(), "here"));
    }
    errors
        .is_empty()
        .then(|| read_document(document.get_ref(), problems))
}

fn read_document<'t>(document: &'t DeTable<'t>, problems: &'t Problems) -> ProjectFile {
    let fields = Fields::new(document, 0..0, "the project's file", problems);
    let file = ProjectFile {
        gate: fields.text("gate"),
        setup: fields.text("setup"),
        setup_timeout: fields.duration("setup_timeout"),
        setup_network: fields.word("setup_network", &NETWORKS),
        agent: fields.text("agent"),
        model: fields.text("model"),
        size: fields.word("size", &SIZES),
    };
    fields.finish();
    file
}
