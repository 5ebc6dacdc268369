//! Where a test may kill the daemon: each boundary between deciding, doing, storing and telling.

/// Makes the enum, the list of all its values and their names from one list, so that none can be left out.
macro_rules! list {
    ($(#[$outer:meta])* $list:ident { $($(#[$inner:meta])* $value:ident = $name:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $list {
            $($(#[$inner])* $value,)*
        }

        impl $list {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$value,)*];

            /// What a test calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}
pub(super) use list;

list! {
    /// A place in the code where a test may kill the process.
    CrashPoint {
        /// A work unit was claimed and its run begun; neither has moved.
        AfterClaim = "after-claim",
        /// A task was ordered and the order stored; nothing was made for it.
        AfterOrder = "after-order",
        /// A task's place was made.
        AfterPlace = "after-place",
        /// A task's process waits; nobody stored that it exists.
        AfterSpawn = "after-spawn",
        /// A task's process was let go.
        AfterGo = "after-go",
        /// A task's process ended; nobody looked at what it left.
        AfterExit = "after-exit",
        /// What a writer made was fetched; the task's end is not stored.
        AfterHarvest = "after-harvest",
        /// An account's limit is stored; the end of the task that met it is not.
        AfterLimit = "after-limit",
        /// Changes were merged; nobody stored it.
        AfterMerge = "after-merge",
        /// A blob is on disk; nothing names it.
        AfterBlob = "after-blob",
        /// Events are written, their views are not, nothing is committed.
        MidCommit = "mid-commit",
        /// A batch is committed; nobody was told.
        AfterCommit = "after-commit",
        /// What a person asked is stored; the person was not told.
        AfterRequest = "after-request",
        /// The run's branch was moved; nobody stored it.
        AfterBranchMoved = "after-branch-moved",
        /// A run ended; what it kept outside the history is still there.
        BeforeRelease = "before-release",
    }
}
