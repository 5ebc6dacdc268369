//! Definitions: flows are parsed and checked with carets, prompts rendered, answers judged, reports written.
//!
//! Owns: the format of flow files, the flows that are built in, templates, contracts, schemas, reports.
//! Leaves out: what a run does with a plan (`domain`), and who carries it out (`engine`).

mod answer;
mod at;
mod beneath;
mod bundle;
mod catalogue;
mod check;
mod contract;
mod current;
mod definition;
mod diagnostic;
mod duration;
mod evidence;
mod format;
mod inputs;
mod json;
mod library;
mod literal;
mod near;
mod paths;
mod places;
mod project;
mod prompt;
mod read;
mod report;
mod schema;
mod shape;
mod template;

pub use catalogue::{Card, Listed, ListedInput, ListedStep};
pub use format::{flow_schema, project_schema};
pub use json::{from_json, to_json};
pub use library::Library;
pub use places::Origin;
pub use project::Project;
