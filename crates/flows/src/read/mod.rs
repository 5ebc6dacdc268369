//! Reads the text of a flow file into what it says, each value with its place, and says all at once what is unknown,
//! missing or of the wrong type. Whether it makes sense is `check`'s business.

mod fields;
mod flow;
mod project;
mod step;

pub(crate) use flow::{FlowFile, InputFile, InputType, read};
pub(crate) use project::{ProjectFile, read as read_project};
pub(crate) use step::{Kind, RetryFile, StepFile};
