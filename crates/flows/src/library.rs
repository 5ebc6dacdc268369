//! The library of definitions: finds them by name, keeps the ones that runs follow, and answers the engine about them.

use crate::answer;
use crate::bundle::{Bundle, hash};
use crate::check;
use crate::contract::Contract;
use crate::current::{Ask, Current, Read};
use crate::definition::Checked;
use crate::diagnostic::{Problems, SourceText};
use crate::evidence;
use crate::inputs;
use crate::near;
use crate::places::{self, BUILT_IN, FLOW_BYTES_MAX, FLOWS, Origin, Places};
use crate::project::Project;
use crate::prompt;
use crate::{beneath, read, report};
use domain::{FlowRef, Name, Run, RunInput, Size, Value};
use engine::ports::{Compiled, DefinitionError, Definitions, PromptAsk, Rendered, Setup, UntrustedCommands};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// All definitions: those that are built in, those of projects, and those that runs brought back.
#[derive(Debug, Default)]
pub struct Library {
    known: RwLock<BTreeMap<String, Arc<Known>>>,
    current: Current,
}

/// A definition at hand.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) flow: FlowRef,
    pub(crate) checked: Checked,
}

/// The text of a flow file and where it was found.
pub(crate) struct Found {
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) places: Places,
}

impl Library {
    /// A library that knows what is built in and finds the rest when asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[cfg(test)]
    pub(crate) const fn current(&self) -> &Current {
        &self.current
    }

    /// The flow file of that name, from the project or built in.
    pub(crate) fn find(project: Option<&Path>, name: &str) -> Result<Found, DefinitionError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            let label = format!("built-in/{name}.toml");
            return Ok(Found {
                label,
                text: (*text).to_owned(),
                places: Places::built_in(),
            });
        }
        let unknown = || {
            let names = Self::names(project);
            let near = near::nearest_few(name, names.iter().map(String::as_str));
            DefinitionError::Unknown {
                name: name.to_owned(),
                near: near.into_iter().map(str::to_owned).collect(),
            }
        };
        let is_plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let folder = project.filter(|_| is_plain).ok_or_else(unknown)?;
        let label = format!("{FLOWS}/{name}.toml");
        match beneath::read_text(folder, &label, FLOW_BYTES_MAX) {
            Ok(text) => Ok(Found {
                label,
                text,
                places: Places::project(folder),
            }),
            Err(beneath::NotRead::Absent) => Err(unknown()),
            Err(why) => Err(DefinitionError::Invalid {
                shown: format!("  × `{label}` cannot be read: {}\n", places::said(&why)),
            }),
        }
    }

    /// The names of all flows, sorted.
    pub(crate) fn names(project: Option<&Path>) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        if let Some(folder) = project {
            let files = beneath::names(folder, FLOWS);
            names.extend(
                files
                    .iter()
                    .filter_map(|file| file.strip_suffix(".toml"))
                    .map(str::to_owned),
            );
        }
        names.sort();
        names.dedup();
        names
    }

    /// Reads and checks a flow file. The error shows all that is wrong with it.
    pub(crate) fn check(found: &Found, name: Option<&str>) -> Result<Checked, DefinitionError> {
        let problems = Problems::new(SourceText::new(&found.label, &found.text));
        let file = read::read(&found.text, &problems);
        if let (Some(wanted), Some(written)) = (name, file.as_ref().and_then(|file| file.name.as_ref()))
            && written.value != wanted
            && !check::head::VERBS.contains(&written.value.as_str())
        {
            problems.add(
                problems
                    .at(
                        written.at.clone(),
                        format!("the file `{}` holds a flow of another name", found.label),
                        "this name",
                    )
                    .hint(format!(
                        "call it `{wanted}`, or rename the file to `{}.toml`",
                        written.value
                    )),
            );
        }
        let checked = file.and_then(|file| check::check(&found.text, &file, &found.places, &problems));
        checked
            .filter(|_| problems.is_empty())
            .ok_or_else(|| DefinitionError::Invalid {
                shown: problems.shown(),
            })
    }

    /// The same with what the project adds to it, and the text in which the project says it.
    pub(crate) fn check_in(
        project: Option<&Path>,
        found: &Found,
        name: &str,
    ) -> Result<(Checked, Option<String>), DefinitionError> {
        let mut checked = Self::check(found, Some(name))?;
        let said = project.map(Project::text).transpose()?.flatten();
        Project::parse(said.as_deref())?
            .taken_by(&checked)
            .enter(&mut checked);
        Ok((checked, said))
    }

    /// Compiles what was found, and says what was read for it.
    fn made(&self, found: Found, ask: &Ask) -> Result<(Compiled, Read), DefinitionError> {
        let (checked, said) = Self::check_in(ask.project.as_deref(), &found, &ask.name)?;
        let origin = found.places.origin();
        let read = Read {
            label: found.label,
            flow: found.text,
            texts: found.places.taken(),
            project: said,
        };
        let bundle = Bundle {
            origin,
            label: read.label.clone(),
            flow: read.flow.clone(),
            texts: read.texts.clone(),
            project: checked.taken.clone(),
            size: ask.size,
            fast: ask.is_fast,
        };
        let untrusted_commands = untrusted(origin, &checked);
        let plan = checked.plan(ask.size);
        let (known, bytes) = self.remember(&bundle, checked);
        let compiled = Compiled {
            flow: known.flow.clone(),
            plan,
            bundle: bytes,
            untrusted_commands,
        };
        Ok((compiled, read))
    }

    fn remember(&self, bundle: &Bundle, checked: Checked) -> (Arc<Known>, Vec<u8>) {
        let bytes = bundle.bytes();
        let flow = FlowRef {
            name: Name::from(checked.name.as_str()),
            version: checked.version,
            hash: hash(&bytes),
        };
        let known = Arc::new(Known {
            flow: flow.clone(),
            checked,
        });
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(all.entry(flow.hash).or_insert(known)), bytes)
    }

    pub(crate) fn known(&self, flow: &FlowRef) -> Result<Arc<Known>, DefinitionError> {
        let all = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let missing = || DefinitionError::Unknown {
            name: flow.name.to_string(),
            near: Vec::new(),
        };
        all.get(&flow.hash).map(Arc::clone).ok_or_else(missing)
    }
}

impl Definitions for Library {
    fn compile(
        &self,
        project: Option<&Path>,
        name: &str,
        size: Size,
        fast: bool,
    ) -> Result<Compiled, DefinitionError> {
        let found = Self::find(project, name)?;
        let ask = Ask::of(project, name, size, fast);
        self.made(found, &ask).map(|(compiled, _)| compiled)
    }

    fn check_input(&self, flow: &FlowRef, input: &mut RunInput) -> Result<(), DefinitionError> {
        inputs::check(&self.known(flow)?.checked, input).map_err(DefinitionError::Input)
    }

    fn has(&self, hash: &str) -> bool {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(hash)
    }

    fn restore(&self, bundle: &[u8]) -> Result<(), DefinitionError> {
        let hash = hash(bundle);
        // Runs that come back together bring the same definition, each because the others have not come that far yet.
        if self.has(&hash) {
            return Ok(());
        }
        let parsed = Bundle::parse(bundle).map_err(|shown| DefinitionError::Invalid { shown })?;
        let found = Found {
            label: parsed.label,
            text: parsed.flow,
            places: Places::bundle(parsed.origin, parsed.texts),
        };
        let mut checked = Self::check(&found, None)?;
        parsed.project.enter(&mut checked);
        // Kept under the hash of the very bytes: those of an older program hash its contracts, not today's.
        let flow = FlowRef {
            name: Name::from(checked.name.as_str()),
            version: checked.version,
            hash,
        };
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(flow.hash.clone())
            .or_insert_with(|| Arc::new(Known { flow, checked }));
        Ok(())
    }

    fn current_hash(&self, project: Option<&Path>, name: &str, size: Size, fast: bool) -> Option<String> {
        let found = Self::find(project, name).ok()?;
        let ask = Ask::of(project, name, size, fast);
        if let Some(hash) = self.current.hash(&ask, &found) {
            return Some(hash);
        }
        // Places remember what was taken from them: what is made now is made from what it takes itself.
        let found = Self::find(project, name).ok()?;
        let (compiled, read) = self.made(found, &ask).ok()?;
        self.current.remember(ask, read, compiled.flow.hash.clone());
        Some(compiled.flow.hash)
    }

    fn render(&self, ask: PromptAsk<'_>) -> Result<Rendered, DefinitionError> {
        let known = self.known(&ask.run.start().flow)?;
        let missing = || DefinitionError::Render(format!("the flow has no step `{}`", ask.key.step));
        let step = known.checked.step(&ask.key.step).ok_or_else(missing)?;
        prompt::render(&known.checked, step, ask.run, (ask.key, ask.role, ask.before)).map_err(|why| {
            DefinitionError::Render(format!("step `{}` cannot be told what to do: {why}", ask.key))
        })
    }

    fn setup(&self, flow: &FlowRef) -> Result<Option<Setup>, DefinitionError> {
        Ok(self.known(flow)?.checked.taken.setup.clone())
    }

    fn has_schema(&self, flow: &FlowRef, step: &str) -> bool {
        let known = self.known(flow).ok();
        known.is_some_and(|known| {
            known
                .checked
                .step(&Name::from(step))
                .is_some_and(|step| step.texts.schema.is_some())
        })
    }

    fn check_output(&self, flow: &FlowRef, step: &str, message: &str, tree: &Path) -> Result<Value, String> {
        let known = self.known(flow).map_err(|error| error.to_string())?;
        let Some(step) = known.checked.step(&Name::from(step)) else {
            return Ok(Value::from(message));
        };
        let Some(schema) = &step.texts.schema else {
            return Ok(Value::from(message));
        };
        let answer = answer::read(message).map_err(|problem| prompt::repair(&[problem]))?;
        let value = schema
            .check(&answer)
            .map_err(|problems| prompt::repair(&problems))?;
        if step.texts.contracts.contains(&Contract::Evidence) {
            let problems = evidence::check(&value, tree);
            if !problems.is_empty() {
                return Err(prompt::repair(&problems));
            }
        }
        Ok(value)
    }

    fn report(&self, run: &Run) -> Result<String, DefinitionError> {
        Ok(report::markdown(run, &self.known(&run.start().flow)?.checked))
    }
}

impl Library {
    /// The report of a run as JSON, from what it stored.
    ///
    /// # Errors
    /// When the run's definition is not at hand.
    pub fn report_json(&self, run: &Run) -> Result<serde_json::Value, DefinitionError> {
        Ok(report::json(run, &self.known(&run.start().flow)?.checked))
    }
}

/// What a person must have seen before a project's commands run.
fn untrusted(origin: Origin, checked: &Checked) -> Option<UntrustedCommands> {
    let mut commands = match origin {
        Origin::BuiltIn => Vec::new(),
        Origin::Project => checked.commands(),
    };
    commands.extend(checked.taken_commands());
    if commands.is_empty() {
        return None;
    }
    let canonical = serde_json::json!(
        commands
            .iter()
            .map(|brought| [brought.what, &brought.name, &brought.line])
            .collect::<Vec<_>>()
    );
    let shown = commands
        .iter()
        .map(|brought| format!("{} `{}`: {}", brought.what, brought.name, brought.line));
    Some(UntrustedCommands {
        hash: hash(canonical.to_string().as_bytes()),
        shown: shown.collect(),
    })
}
