//! How much of everything is done: enough to say something, or only enough to see that it can be said.

/// How much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// Almost nothing: shows that the measurement works.
    Tiny,
    /// Less than two minutes for everything.
    Quick,
    /// Less than twelve minutes for everything.
    Full,
}

/// How much, and whether the history of a million events is made as well.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How much.
    pub scale: Scale,
    /// With a million events of history.
    pub is_long: bool,
}

impl Budget {
    /// One of three, by the scale.
    pub(crate) const fn pick(self, tiny: usize, quick: usize, full: usize) -> usize {
        match self.scale {
            Scale::Tiny => tiny,
            Scale::Quick => quick,
            Scale::Full => full,
        }
    }
}
