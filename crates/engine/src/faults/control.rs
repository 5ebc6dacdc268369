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
        /// A task sees of the machine what is mounted for it.
        SandboxMounts = "sandbox-mounts",
        /// A task opens what Landlock's rules open.
        LandlockRules = "landlock-rules",
        /// A task in bubblewrap has processes of its own, and a /proc that shows them only.
        ProcessNamespace = "process-namespace",
        /// A task finds nothing in its environment but what was named.
        CleanEnvironment = "clean-environment",
        /// A task without network reaches nobody.
        NetworkClosed = "network-closed",
        /// Without network, a task under Landlock has a network of its own.
        OwnNetwork = "own-network",
        /// A task in bubblewrap is kept from abstract sockets.
        AbstractSockets = "abstract-sockets",
        /// Configuration of git and of agents is mounted read-only in a writable tree.
        ProtectedMounts = "protected-mounts",
        /// A task does not see what its agent would obey although it may send the key elsewhere.
        FilesUnseen = "files-unseen",
        /// Configuration of git and of agents is compared after a task.
        ConfigurationCompared = "configuration-compared",
        /// A task's process that comes to the socket is turned away.
        TasksTurnedAway = "tasks-turned-away",
        /// A place's git folders are compared with what was written, byte for byte, before any git meets them.
        GitCompared = "git-compared",
        /// What comes out of the sandbox must stand on the run's line.
        DescendsFromBase = "descends-from-base",
        /// One ref is fetched, and only the commit that was just made.
        OneRef = "one-ref",
        /// A guard that loses its daemon ends all that is below it.
        GuardEnds = "guard-ends",
        /// A sandbox, and all in it, dies with its guard.
        DieWithParent = "die-with-parent",
        /// An agent in no sandbox program dies with its guard.
        DeathSignal = "death-signal",
        /// What is left of an earlier life is ended before anything goes on.
        LeftoversEnded = "leftovers-ended",
        /// Who does not end when asked to is killed.
        KillAfterGrace = "kill-after-grace",
        /// A task has so much time.
        WallClock = "wall-clock",
        /// A task may be silent for so long.
        SilenceClock = "silence-clock",
        /// So much is kept of what a task says.
        OutputCap = "output-cap",
        /// A line is so long at most.
        LineCap = "line-cap",
        /// A lock that somebody alive could hold stays.
        LiveLocksStay = "live-locks-stay",
        /// Locks of a dead attempt go.
        DeadLocksGo = "dead-locks-go",
        /// A run's branch moves only from where the run left it.
        BranchCompared = "branch-compared",
        /// A branch that a person has checked out is not moved.
        CheckoutRespected = "checkout-respected",
        /// On a full disk the ballast is given up.
        BallastReleased = "ballast-released",
        /// An agent is asked for before anything is made for it.
        AskedFirst = "asked-first",
        /// The guard looks at how long a body is said to be.
        GuardSize = "guard-size",
        /// The guard compares the Host with a fixed list.
        GuardHost = "guard-host",
        /// The guard compares the Origin with a fixed list.
        GuardOrigin = "guard-origin",
        /// The guard refuses what another site makes a browser ask.
        GuardSite = "guard-site",
        /// Over TCP the guard wants a secret.
        GuardLogin = "guard-login",
        /// A page's change needs the page's own token.
        PageToken = "page-token",
        /// The socket answers its owner only.
        PeerUser = "peer-user",
        /// The socket's folder must be closed to others.
        SocketFolder = "socket-folder",
        /// A login's code holds once.
        CodeOnce = "code-once",
        /// A request under a key that was answered is not done again.
        KeyRemembered = "key-remembered",
        /// A question that was answered takes no second answer.
        DecisionOnce = "decision-once",
        /// A reader that does not keep up is let go.
        SlowReaderClosed = "slow-reader-closed",
        /// Secrets are taken out of what is kept and told.
        Redaction = "redaction",
        /// A change that holds a key is not taken.
        KeysStayIn = "keys-stay-in",
        /// Nothing that others wrote moves the terminal.
        TerminalText = "terminal-text",
        /// What a home holds is closed to others, whatever the umask.
        PrivateFiles = "private-files",
        /// One daemon per home: the lock decides.
        HomeLocked = "home-locked",
        /// A lock whose holder is dead is waited for.
        LockPasses = "lock-passes",
        /// A daemon removes lock and socket only while they are its own.
        OwnRemoved = "own-removed",
        /// What a younger daemon has taken is written no more.
        EpochFence = "epoch-fence",
        /// A process is told by its start and boot, not by its number alone.
        ProcessIdentity = "process-identity",
        /// Nothing begins before what earlier lives left is gone.
        RecoveredFirst = "recovered-first",
        /// What breaks is told to whoever waits for it.
        BrokenTold = "broken-told",
        /// A life that ends before it let go of what a run kept leaves that to the next.
        ReleaseOwed = "release-owed",
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
