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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_of_controls_and_their_tests_names_each_once() {
        let list = include_str!("../../../../docs/controls.toml");
        let named = list
            .lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        let named: Vec<&str> = named.collect();
        let all: BTreeSet<&str> = Control::ALL.iter().map(|control| control.name()).collect();
        assert_eq!(named.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(named.len(), all.len(), "none is listed twice");
    }
}
