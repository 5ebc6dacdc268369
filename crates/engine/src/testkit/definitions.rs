//! Definitions that are plans given by the test, under names that may come to stand for other plans.

use super::{Life, lock, sha256};
use crate::ports::{Compiled, DefinitionError, Definitions, PromptAsk, Rendered, Setup, UntrustedCommands};
use domain::{FlowRef, Name, Network, Plan, Run, RunInput, Size, StepState, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// All definitions that there are, and were.
#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    by_name: BTreeMap<String, Page>,
}

#[derive(Clone, Debug)]
struct Page {
    version: u32,
    plan: Plan,
    untrusted: Option<UntrustedCommands>,
}

impl Page {
    fn bundle(&self, name: &str) -> Vec<u8> {
        format!("{name} {}", self.version).into_bytes()
    }
}

impl Book {
    /// The name stands for this plan from now on.
    pub fn set(&self, name: &str, plan: Plan) {
        self.set_with(name, plan, None);
    }

    /// The name stands for this plan from now on, which brings commands along.
    pub fn set_with(&self, name: &str, plan: Plan, untrusted: Option<UntrustedCommands>) {
        let mut pages = lock(&self.0);
        let version = pages.by_name.get(name).map_or(1, |page| page.version + 1);
        let page = Page {
            version,
            plan,
            untrusted,
        };
        pages.by_name.insert(name.to_owned(), page);
    }

    /// The name stands for nothing any more.
    pub fn remove(&self, name: &str) {
        lock(&self.0).by_name.remove(name);
    }

    fn page(&self, name: &str) -> Option<Page> {
        lock(&self.0).by_name.get(name).cloned()
    }
}

/// The definitions as one life of a daemon knows them.
pub struct FakeDefinitions {
    book: Arc<Book>,
    life: Life,
    at_hand: Mutex<BTreeSet<String>>,
}

impl FakeDefinitions {
    /// Knows nothing yet but where to look.
    #[must_use]
    pub fn new(book: &Arc<Book>, life: &Life) -> Self {
        Self {
            book: Arc::clone(book),
            life: life.clone(),
            at_hand: Mutex::default(),
        }
    }
}

impl Definitions for FakeDefinitions {
    fn compile(
        &self,
        _project: Option<&Path>,
        name: &str,
        _size: Size,
        _fast: bool,
    ) -> Result<Compiled, DefinitionError> {
        self.life.count();
        let page = self.book.page(name).ok_or_else(|| DefinitionError::Unknown {
            name: name.to_owned(),
            near: Vec::new(),
        })?;
        let bundle = page.bundle(name);
        let hash = sha256(&bundle);
        lock(&self.at_hand).insert(hash.clone());
        Ok(Compiled {
            flow: FlowRef {
                name: Name::from(name),
                version: page.version,
                hash,
            },
            plan: page.plan,
            bundle,
            untrusted_commands: page.untrusted,
        })
    }

    fn check_input(&self, _flow: &FlowRef, _input: &mut RunInput) -> Result<(), DefinitionError> {
        Ok(())
    }

    fn has(&self, hash: &str) -> bool {
        lock(&self.at_hand).contains(hash)
    }

    fn restore(&self, bundle: &[u8]) -> Result<(), DefinitionError> {
        lock(&self.at_hand).insert(sha256(bundle));
        Ok(())
    }

    fn current_hash(&self, _project: Option<&Path>, name: &str, _size: Size, _fast: bool) -> Option<String> {
        self.book.page(name).map(|page| sha256(&page.bundle(name)))
    }

    fn render(&self, ask: PromptAsk<'_>) -> Result<Rendered, DefinitionError> {
        self.life.count();
        if !self.has(&ask.run.start().flow.hash) {
            return Err(DefinitionError::Render(
                "the definition is not at hand".to_owned(),
            ));
        }
        let prompt = format!(
            "{:?} {}: {}",
            ask.role,
            ask.key,
            ask.before.unwrap_or("the first try")
        );
        Ok(Rendered {
            prompt,
            files: Vec::new(),
        })
    }

    fn setup(&self, flow: &FlowRef) -> Result<Option<Setup>, DefinitionError> {
        Ok(Some(Setup {
            command: format!("make {} ready", flow.name),
            timeout_ms: 60_000,
            network: Network::None,
        }))
    }

    fn has_schema(&self, _flow: &FlowRef, _step: &str) -> bool {
        false
    }

    fn check_output(
        &self,
        _flow: &FlowRef,
        _step: &str,
        message: &str,
        _tree: &Path,
    ) -> Result<Value, String> {
        Ok(Value::from(message))
    }

    fn report(&self, run: &Run) -> Result<String, DefinitionError> {
        let is_done = |state: &StepState| matches!(state, StepState::Completed);
        let done = run.steps().values().filter(|step| is_done(&step.state)).count();
        Ok(format!("# {}\n\n{done} steps done\n", run.start().slug))
    }
}
