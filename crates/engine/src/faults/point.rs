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
        /// A task's place was made under another name; it is not in its place.
        MidPlace = "mid-place",
        /// A task's place was made.
        AfterPlace = "after-place",
        /// A task's process waits; nobody stored that it exists.
        AfterSpawn = "after-spawn",
        /// A task's process was let go.
        AfterGo = "after-go",
        /// A task's process ended; nobody looked at what it left.
        AfterExit = "after-exit",
        /// What a writer made is a commit in its place; nobody fetched it.
        MidHarvest = "mid-harvest",
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
        /// The run's branch is about to be moved; nothing says so.
        BeforeBranchMoved = "before-branch-moved",
        /// The run's branch was moved; nobody stored it.
        AfterBranchMoved = "after-branch-moved",
        /// A run ended; what it kept outside the history is still there.
        BeforeRelease = "before-release",
        /// The schema has changed; nothing says so, and nothing is committed.
        MidMigration = "mid-migration",
        /// The home is locked; nothing was read.
        AfterLock = "after-lock",
        /// The state is open and ours; nothing was made of it.
        AfterStore = "after-store",
        /// The history is read and what it owes is looked at; nobody can ask yet.
        BeforeSocket = "before-socket",
        /// What an earlier life left of a task is gone; nobody stored that the task is over.
        AfterLeftover = "after-leftover",
        /// Nothing of earlier lives is left; nothing has begun in this one.
        BeforeDispatch = "before-dispatch",
        /// Told to stop: everything under way has ended and is stored; the state is still open.
        AfterDrain = "after-drain",
        /// Told to stop: the state is closed; socket and lock are still there.
        BeforeUnlock = "before-unlock",
    }
}
