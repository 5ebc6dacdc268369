//! Contracts: rules of work that a step may bind its agent to. Their texts become part of the prompt in this process,
//! and are kept nowhere else; what can be checked is checked by code when the answer comes.

/// A contract that a step can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contract {
    /// Every finding cites what can be looked up; code looks it up.
    Evidence,
    /// Nothing is asked for or built that the matter at hand does not need.
    Yagni,
}

impl Contract {
    pub(crate) const WORDS: [(&'static str, Self); 2] =
        [("evidence", Self::Evidence), ("yagni", Self::Yagni)];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, contract)| *contract)
    }

    /// What the agent is told.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Evidence => EVIDENCE.trim_ascii(),
            Self::Yagni => YAGNI.trim_ascii(),
        }
    }
}

const EVIDENCE: &str = include_str!("../builtin/contracts/evidence.md");
const YAGNI: &str = include_str!("../builtin/contracts/yagni.md");
