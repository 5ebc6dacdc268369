//! A look inside of the engine, for simulations only.

use domain::Run;

/// What a simulation sees of the engine, and does to it.
pub struct Probe {
    /// Shown each run after each turn that was stored.
    pub stored: Box<dyn Fn(&Run) + Send + Sync>,
    /// Asked at each report of something that ended: is it to arrive twice?
    pub doubles: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            stored: Box::new(|_| {}),
            doubles: Box::new(|| false),
        }
    }
}
