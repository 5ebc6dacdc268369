//! What a task used, in one meaning for all agents.

/// Tokens and money. Every number is of this task alone: cumulative counters are differenced before they get here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens that no cache answered.
    pub input_uncached: u64,
    /// Input tokens that a cache answered.
    pub input_cached: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Money in millionths of a US dollar, where the agent says it.
    pub cost_micros: Option<u64>,
}

impl Usage {
    /// Both together. Money is known when either knows it.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_uncached: self.input_uncached.saturating_add(other.input_uncached),
            input_cached: self.input_cached.saturating_add(other.input_cached),
            output: self.output.saturating_add(other.output),
            cost_micros: match (self.cost_micros, other.cost_micros) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
            },
        }
    }
}
