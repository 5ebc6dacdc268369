//! The controls that a test may turn off, to see that some case fails without them.

super::point::list! {
    /// Something that keeps a promise, alone or beside others.
    Control {
        /// The agent's own plan mode is set and verified.
        PlanMode = "plan-mode",
        /// A reader's permission questions are denied.
        QuestionsDenied = "questions-denied",
        /// A reader's tree is mounted read-only.
        TreeReadOnly = "tree-read-only",
        /// A reader's tree is compared afterwards.
        TreeCompared = "tree-compared",
    }
}
