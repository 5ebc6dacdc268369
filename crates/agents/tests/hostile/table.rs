//! What is expected of each attempt, in each pair. `document` makes a page of it, `matrix` holds the product to it.

use crate::pairs::{Pair, Who, has_user_namespaces, landlock_abi};
use domain::{Access, Network};
use std::fmt;

/// What comes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It does not work.
    Refused,
    /// It works and comes to nothing.
    Harmless,
    /// It works, and the task fails for it.
    Noticed,
    /// It works.
    Open,
}

/// Where an attempt is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) who: Who,
    pub(crate) pair: Pair,
    pub(crate) access: Access,
    pub(crate) network: Network,
}

impl fmt::Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            who,
            pair,
            access,
            network,
        } = self;
        write!(f, "{} {} {access:?} {network:?}", who.name(), pair.name())
    }
}

/// The case, the attempt, and the answers in bubblewrap, in both, and in the shim with Landlock. In brackets stands what
/// holds only under a condition.
pub(crate) type Row = (&'static str, &'static str, [&'static str; 3]);

/// The row of an attempt.
pub(crate) fn row(name: &str) -> &'static Row {
    let found = ROWS.iter().find(|row| row.1 == name);
    found.unwrap_or_else(|| panic!("`{name}` is not in the table"))
}

/// What is expected.
pub(crate) fn answer(name: &str, at: Circumstances) -> Answer {
    let cells = row(name).2;
    let cell = match at.pair {
        Pair::Bubblewrap => cells[0],
        Pair::BubblewrapLandlock => cells[1],
        Pair::ShimLandlock => cells[2],
    };
    let (usual, special) = parts(cell);
    let fitting = special.into_iter().find(|(condition, _)| holds(condition, at));
    word(fitting.map_or(usual, |(_, answer)| answer))
}

/// Whether it depends on what a machine has.
pub(crate) fn is_of_the_machine(name: &str) -> bool {
    name.starts_with("connect to the machine's")
}

/// Every word of a cell means something.
pub(crate) fn check(name: &str, cell: &'static str) {
    let (usual, special) = parts(cell);
    word(usual);
    for (condition, answer) in special {
        assert_ne!(word(answer), word(usual), "{name}");
        assert!(CONDITIONS.contains(&condition), "{name}: {condition}");
    }
}

const CONDITIONS: [&str; 6] = [
    "write",
    "network",
    "user",
    "root",
    "Landlock 9",
    "no user namespaces",
];

fn holds(condition: &str, at: Circumstances) -> bool {
    match condition {
        "write" => at.access == Access::Write,
        "network" => at.network == Network::Open,
        "user" => at.who == Who::Ordinary,
        "root" => at.who == Who::Root,
        "Landlock 9" => landlock_abi() >= 9,
        "no user namespaces" => !has_user_namespaces(),
        other => panic!("{other} is no condition"),
    }
}

/// `usual (condition: answer, condition: answer)`; the first that holds counts.
fn parts(cell: &'static str) -> (&'static str, Vec<(&'static str, &'static str)>) {
    match cell.split_once(" (") {
        Some((usual, rest)) => {
            let special = rest.trim_end_matches(')').split(", ");
            (usual, special.filter_map(|one| one.split_once(": ")).collect())
        }
        None => (cell, Vec::new()),
    }
}

fn word(word: &str) -> Answer {
    match word {
        "refused" => Answer::Refused,
        "harmless" => Answer::Harmless,
        "noticed" => Answer::Noticed,
        "open" => Answer::Open,
        other => panic!("{other} is no answer"),
    }
}

const REFUSED: [&str; 3] = ["refused"; 3];
/// Landlock bounds what is opened; a file's name, size, mode and times are not opened.
const LANDLOCK_OPEN: [&str; 3] = ["refused", "open", "open"];
/// The processes of others can be seen, and what needs no more than their number can be done.
const SHIM_OPEN: [&str; 3] = ["refused", "refused", "open"];
/// Before Linux 7.1, Landlock does not know of sockets that have a name in the file system.
const SOCKET: [&str; 3] = [
    "refused",
    "open (Landlock 9: refused)",
    "open (Landlock 9: refused)",
];
/// What an open network is.
const NETWORK: [&str; 3] = ["refused (network: open)"; 3];
const HARMLESS: [&str; 3] = ["harmless"; 3];
/// In its own working copy.
const OWN: [&str; 3] = ["refused (write: harmless)"; 3];
/// A mount keeps it from that; Landlock cannot close what lies in an open folder.
const NOTICED: [&str; 3] = ["refused", "refused (write: noticed)", "refused (write: noticed)"];
const ALL_NOTICED: [&str; 3] = ["refused (write: noticed)"; 3];

/// The table.
pub(crate) const ROWS: &[Row] = &[
    ("A-17", "read the record of the working copy", REFUSED),
    ("A-17", "write the record of the working copy", REFUSED),
    ("A-17", "list the daemon's home", REFUSED),
    ("A-17", "read the daemon's history", REFUSED),
    ("A-17", "read the daemon's log", REFUSED),
    ("A-17", "read the daemon's process number", REFUSED),
    ("A-17", "list other accounts", REFUSED),
    ("A-17", "list transcripts", REFUSED),
    ("A-17", "list stored outputs", REFUSED),
    ("A-17", "list all working copies", REFUSED),
    ("A-17", "list backups", REFUSED),
    ("A-17", "write into the daemon's home", REFUSED),
    ("A-17", "write the daemon's history", REFUSED),
    ("A-17", "replace the daemon's socket", REFUSED),
    ("A-17", "read another run's files", REFUSED),
    ("A-17", "write into another run", REFUSED),
    ("A-17", "see the daemon's process", SHIM_OPEN),
    ("A-17", "read the daemon's environment", REFUSED),
    ("A-17", "open the daemon's memory", REFUSED),
    ("A-17", "list the daemon's open files", SHIM_OPEN),
    ("A-17", "reach files through the daemon's root", REFUSED),
    ("A-17", "take an open file of the daemon", REFUSED),
    ("A-17", "limit the daemon", SHIM_OPEN),
    (
        "A-17",
        "lower the daemon's priority",
        ["refused", "refused", "refused (user: open)"],
    ),
    ("A-17", "signal the daemon", REFUSED),
    ("A-17", "kill the daemon", REFUSED),
    ("A-17", "signal its guard", REFUSED),
    ("A-17", "leave processes behind", HARMLESS),
    ("A-17", "connect to the daemon", SOCKET),
    ("A-24", "write outside", REFUSED),
    ("A-24", "list a folder outside", REFUSED),
    ("A-24", "write outside through a link", REFUSED),
    ("A-24", "write outside through dots", REFUSED),
    ("A-24", "link a file outside into the working copy", REFUSED),
    ("A-24", "rename the working copy's parent", REFUSED),
    ("A-24", "write beside the working copy", REFUSED),
    ("A-24", "make a program run as its owner outside", REFUSED),
    ("A-24", "read a file outside", REFUSED),
    ("A-24", "rename a file outside", REFUSED),
    ("A-24", "move a file outside into the working copy", REFUSED),
    ("A-24", "delete a file outside", REFUSED),
    ("A-24", "empty a file outside", REFUSED),
    ("A-24", "see that a file outside is there", LANDLOCK_OPEN),
    ("A-24", "change the mode of a file outside", LANDLOCK_OPEN),
    ("A-24", "change the time of a file outside", LANDLOCK_OPEN),
    ("A-24", "list what is beside the working copy", REFUSED),
    ("A-24", "write a shell start file", REFUSED),
    ("A-24", "write the user's git configuration", REFUSED),
    ("A-24", "write authorized keys", REFUSED),
    ("A-24", "write a service of the user", REFUSED),
    ("A-24", "write claude's settings", REFUSED),
    ("A-24", "write codex's configuration", REFUSED),
    ("A-24", "write partita's configuration", REFUSED),
    ("A-24", "write partita's agents", REFUSED),
    ("A-24", "write to /etc", REFUSED),
    ("A-24", "write to /usr", REFUSED),
    ("A-24", "write to /", REFUSED),
    ("A-24", "write to /var", REFUSED),
    ("A-24", "watch a folder outside", LANDLOCK_OPEN),
    ("A-24", "mount over the working copy", REFUSED),
    ("A-24", "bind another folder into the working copy", REFUSED),
    ("A-24", "mount /proc anew", REFUSED),
    ("A-24", "make the working copy writable", REFUSED),
    ("A-24", "make a device", REFUSED),
    ("A-24", "become root", REFUSED),
    ("A-24", "become another user", REFUSED),
    ("A-24", "name the machine", REFUSED),
    ("A-24", "set a timed job", REFUSED),
    ("A-24", "put root's files into its own power", REFUSED),
    ("A-24", "gain privileges by starting a program", REFUSED),
    ("A-24", "use privileges that it has", REFUSED),
    ("A-24", "make a program that runs as its owner", OWN),
    (
        "A-24",
        "uncover what is protected, in a namespace of its own",
        REFUSED,
    ),
    (
        "A-24",
        "uncover what is hidden, in a namespace of its own",
        REFUSED,
    ),
    ("A-24", "mount /proc anew, in namespaces of its own", REFUSED),
    ("A-24", "look into the first process's namespaces", REFUSED),
    ("A-24", "open a controlling terminal", REFUSED),
    ("A-24", "open a terminal of the person", REFUSED),
    ("A-24", "open the console", REFUSED),
    ("A-24", "open a disk", REFUSED),
    ("A-24", "read kernel memory", REFUSED),
    ("A-24", "read the kernel's log", REFUSED),
    ("A-24", "write a kernel setting", REFUSED),
    ("A-24", "write to /sys", REFUSED),
    (
        "A-24",
        "fill the shared memory",
        ["harmless", "refused", "refused"],
    ),
    ("A-24", "claude's settings", NOTICED),
    ("A-24", "claude's local settings", NOTICED),
    ("A-24", "tool servers for agents", NOTICED),
    ("A-24", "codex's configuration", NOTICED),
    ("A-24", "gemini's settings", NOTICED),
    ("A-24", "qwen's settings", NOTICED),
    ("A-24", "opencode's configuration", ALL_NOTICED),
    ("A-24", "tasks of an editor", NOTICED),
    ("A-24", "an environment for shells", ALL_NOTICED),
    ("A-24", "cursor's servers", NOTICED),
    ("A-24", "claude's commands", NOTICED),
    ("A-24", "instructions for agents", OWN),
    ("A-24", "variables for agents", OWN),
    ("A-24", "partita's own project file", OWN),
    ("A-24", "a flow of its own", OWN),
    (
        "A-24",
        "make a user namespace",
        ["refused (user: harmless)", "refused", "refused"],
    ),
    ("A-25", "have the client read a file", REFUSED),
    ("A-25", "have the client write a file", REFUSED),
    ("A-25", "have the client run a command", REFUSED),
    ("A-25", "have the client open another folder", REFUSED),
    ("A-30", "a link to passwords", OWN),
    ("A-30", "a link to its environment", OWN),
    ("A-30", "a link to a folder above", OWN),
    ("A-30", "a link to nowhere", OWN),
    ("A-30", "a pipe where a file is expected", OWN),
    ("A-30", "a huge sparse file", OWN),
    ("A-30", "a name with a line end", OWN),
    ("A-30", "a name that moves the cursor", OWN),
    ("A-30", "a name like an option", OWN),
    ("A-30", "a file that nobody may read", OWN),
    ("A-31", "hooks in its git folder", NOTICED),
    ("A-31", "git configuration that runs programs", NOTICED),
    ("A-31", "attributes that filter files", OWN),
    ("A-31", "attributes in its git folder", NOTICED),
    (
        "A-31",
        "its git configuration replaced",
        [
            "refused",
            "refused (write: harmless)",
            "refused (write: harmless)",
        ],
    ),
    ("A-31", "its git configuration behind a hard link", NOTICED),
    ("A-31", "a submodule that runs a command", OWN),
    ("A-32", "its git folder led elsewhere", ALL_NOTICED),
    (
        "A-32",
        "its git folder moved away",
        [
            "refused",
            "refused (write: harmless)",
            "refused (write: harmless)",
        ],
    ),
    ("A-33", "a bare repository inside", OWN),
    ("A-34", "write into the project's folder", REFUSED),
    ("A-34", "write into the project's git folder", REFUSED),
    ("A-34", "write a hook of the project", REFUSED),
    ("A-34", "write the project's git configuration", REFUSED),
    ("A-34", "move the project's HEAD", REFUSED),
    ("A-34", "move a branch of the project", REFUSED),
    ("A-34", "delete a branch of the project", REFUSED),
    ("A-34", "rewrite an object of the project", REFUSED),
    ("A-34", "open up an object of the project", LANDLOCK_OPEN),
    ("A-34", "write the project's objects", REFUSED),
    ("A-34", "make a branch in the project", REFUSED),
    ("A-34", "other branches and tags of its own", OWN),
    ("A-34", "borrowed objects", ALL_NOTICED),
    ("A-43", "connect to the session's bus", SOCKET),
    ("A-43", "connect to the session's display", SOCKET),
    ("A-43", "connect to the session's compositor", SOCKET),
    ("A-43", "connect to the session's key agent", SOCKET),
    ("A-43", "connect to the session's gpg agent", SOCKET),
    ("A-43", "connect to the session's containers", SOCKET),
    ("A-43", "replace the key agent", REFUSED),
    ("A-43", "connect to the key agent it was told of", REFUSED),
    ("A-43", "connect to the bus in its runtime folder", REFUSED),
    ("A-43", "connect to the machine's docker", SOCKET),
    ("A-43", "connect to the machine's containerd", SOCKET),
    ("A-43", "connect to the machine's bus", SOCKET),
    ("A-43", "connect to the machine's display", SOCKET),
    ("A-43", "connect to the machine's resolver", SOCKET),
    ("A-43", "connect to the machine's name cache", SOCKET),
    ("A-43", "connect to an address", NETWORK),
    ("A-43", "connect over the newer protocol", NETWORK),
    (
        "A-43",
        "exchange datagrams",
        [
            "refused (network: open)",
            "refused (network: open)",
            "refused (network: open, no user namespaces: open)",
        ],
    ),
    ("A-43", "connect to an abstract socket", REFUSED),
    (
        "A-43",
        "listen for others",
        [
            "harmless",
            "refused (network: harmless)",
            "refused (network: harmless)",
        ],
    ),
    ("A-43", "open a raw socket", REFUSED),
    ("A-43", "open a packet socket", REFUSED),
    ("A-61", "read a private key", REFUSED),
    ("A-61", "read git credentials", REFUSED),
    ("A-61", "read a cloud key", REFUSED),
    ("A-61", "read claude's login", REFUSED),
    ("A-61", "read codex's login", REFUSED),
    ("A-61", "read stored passwords", REFUSED),
    ("A-61", "see secrets through /proc/1", REFUSED),
    ("A-61", "find secrets in its own environment", REFUSED),
    ("A-61", "find secrets in others' environments", REFUSED),
    ("A-61", "find secrets in others' arguments", SHIM_OPEN),
    ("A-61", "find secrets in git's configuration", REFUSED),
];
