//! The table as a document, compared with the one that people read.

use crate::table::{self, ROWS};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# What a hostile agent can do

Each line is something that an agent tries which obeys whatever it reads, and the answer it gets under each pair of
containment and sandbox. The tests of `crates/agents/tests/hostile` try all of it, as the superuser and as an ordinary user,
reading and writing, with and without network, and look from outside at what came of it; this page is written by them.

- *refused*: it does not work.
- *harmless*: it works, on what is the task's own, and comes to nothing.
- *noticed*: it works, and is seen before anything obeys it: the task fails, and nothing of it is brought back.
- *open*: it works. What is open here is a weakness of that pair.

What stands in brackets holds only there: `write` for tasks that may write, `network` for tasks whose network is open, `user`
where partita runs as an ordinary user, `Landlock 9` on kernels that have it (Linux 7.1), `no user namespaces` on machines
that allow none.

Containment `shim` with sandbox `bwrap` is the first column: mounts bring their process namespace along. Without a sandbox,
all that the user may do is open; a reading task is refused there unless the user chose otherwise.

Tasks whose network is open reach every address, also those of this machine. The daemon's own port, where it is switched on,
answers them as it answers everybody without a token: not at all. Its socket turns processes of tasks away where they can
see it.
";

const TITLES: [(&str, &str); 10] = [
    ("A-17", "The daemon, and other tasks"),
    ("A-24", "Files, privileges and the machine"),
    ("A-25", "Folders that the model names"),
    ("A-30", "Odd files in the working copy"),
    ("A-31", "Git configuration in the working copy"),
    ("A-32", "The git folder of the working copy"),
    ("A-33", "Repositories inside"),
    ("A-34", "The project's branches and objects"),
    ("A-43", "Sockets and the network"),
    ("A-61", "Secrets"),
];

fn document() -> String {
    let titles: BTreeMap<&str, &str> = TITLES.into_iter().collect();
    let mut text = HEAD.to_owned();
    for (id, title) in titles {
        write!(
            text,
            "\n## {title} ({id})\n\n| attempt | bwrap | bwrap + landlock | shim + landlock |\n"
        )
        .unwrap();
        text.push_str("| --- | --- | --- | --- |\n");
        for (_, name, [whole, mixed, shim]) in ROWS.iter().filter(|row| row.0 == id) {
            writeln!(text, "| {name} | {whole} | {mixed} | {shim} |").unwrap();
        }
    }
    text
}

#[test]
fn the_table_is_the_one_that_people_read() {
    assert!(ROWS.iter().all(|row| TITLES.iter().any(|(id, _)| *id == row.0)));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/containment.md");
    let made = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let read = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        read == made,
        "docs/containment.md is stale: run `UPDATE=1 cargo test -p agents --test hostile document` and commit"
    );
}

#[test]
fn the_table_names_each_attempt_once_and_at_least_forty() {
    let names: std::collections::BTreeSet<&str> = ROWS.iter().map(|row| row.1).collect();
    assert_eq!(names.len(), ROWS.len());
    assert!(ROWS.len() >= 40);
    for (_, name, cells) in ROWS {
        cells.iter().for_each(|cell| table::check(name, cell));
    }
}
