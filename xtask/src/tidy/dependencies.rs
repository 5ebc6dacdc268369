//! Who may see whom: the table between rooms, and the outside crates that have one door.
//!
//! Reads manifests, not code: what a manifest does not list cannot be used.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Finding;
use crate::repo::{Repo, room_of};

/// Each room and the rooms it may see. Nothing points up; siblings do not see each other.
const SEES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("api", &[]),
    ("engine", &["domain"]),
    ("flows", &["engine", "domain"]),
    ("store", &["engine", "domain"]),
    ("agents", &["engine", "domain"]),
    ("git", &["engine", "domain"]),
    ("server", &["engine", "flows", "store", "api", "domain"]),
    (
        "cli",
        &[
            "server", "agents", "git", "store", "flows", "engine", "api", "domain",
        ],
    ),
];

/// The rooms that stand above all others. A test of a lower room may borrow a sibling, never one of these.
const TOP: &[&str] = &["cli", "server"];

/// Outside crates that stand for a kind of work that has one place.
const DOORS: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["store"], "SQL has one door"),
    ("axum", &["server"], "HTTP is served in one place"),
    ("hyper", &["server"], "HTTP is served in one place"),
    ("tower", &["server"], "HTTP is served in one place"),
    ("utoipa-axum", &["server"], "HTTP is served in one place"),
    (
        "reqwest",
        &["api"],
        "the typed client is the one way to call the daemon",
    ),
    (
        "tokio-tungstenite",
        &["api"],
        "the typed client is the one way to call the daemon",
    ),
    (
        "utoipa",
        &["api", "server"],
        "the outside vocabulary has one place",
    ),
    ("landlock", &["agents"], "the sandbox has one place"),
    ("minijinja", &["flows"], "templates live with definitions"),
    ("jsonschema", &["flows"], "schemas live with definitions"),
    ("clap", &["cli"], "arguments are read at the edge"),
    ("anstream", &["cli"], "printing is done at the edge"),
    ("anyhow", &["cli"], "a library says in an enum what can go wrong"),
];

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    let packages = packages(repo, &mut findings);
    let local: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in packages.iter().filter(|package| package.is_room()) {
        match SEES.iter().find(|(room, _)| *room == package.name) {
            Some((_, sees)) => findings.extend(package.judge(sees, &local)),
            None => findings.push(Finding::in_file(
                &package.manifest,
                format!(
                    "`{}` is not in the table of rooms of tidy's `dependencies`",
                    package.name
                ),
            )),
        }
    }
    findings
}

struct Package {
    manifest: String,
    name: String,
    dependencies: BTreeSet<String>,
    dev_dependencies: BTreeSet<String>,
}

impl Package {
    fn is_room(&self) -> bool {
        room_of(&self.manifest).is_some()
    }

    fn judge(&self, sees: &[&str], local: &BTreeSet<&str>) -> Vec<Finding> {
        let name = &self.name;
        let mut said = Vec::new();
        for other in &self.dependencies {
            if local.contains(other.as_str()) && !sees.contains(&other.as_str()) {
                said.push(format!(
                    "`{name}` must not see `{other}`; it may see: {}",
                    or_nothing(sees)
                ));
            }
            if let Some((_, rooms, reason)) = DOORS.iter().find(|(door, _, _)| door == other)
                && !rooms.contains(&name.as_str())
            {
                said.push(format!("`{other}` belongs to {}: {reason}", rooms.join(", ")));
            }
        }
        let is_top = TOP.contains(&name.as_str());
        for other in self
            .dev_dependencies
            .iter()
            .filter(|other| TOP.contains(&other.as_str()))
        {
            if !is_top && other != name {
                said.push(format!(
                    "not even a test of `{name}` may see `{other}`, which stands above it"
                ));
            }
        }
        let all = self.dependencies.len() + self.dev_dependencies.len();
        if name == "domain" && all > 0 {
            said.push("`domain` depends on nothing, not even in tests".to_owned());
        }
        said.into_iter()
            .map(|what| Finding::in_file(&self.manifest, what))
            .collect()
    }
}

fn or_nothing(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn packages(repo: &Repo, findings: &mut Vec<Finding>) -> Vec<Package> {
    let manifests = repo
        .texts()
        .filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml"));
    let mut packages = Vec::new();
    for (path, text) in manifests {
        match text.parse::<Table>() {
            Ok(table) => packages.extend(package(path, &table)),
            Err(error) => findings.push(Finding::in_file(path, error.message())),
        }
    }
    packages
}

fn package(path: &str, table: &Table) -> Option<Package> {
    let name = table.get("package")?.get("name")?.as_str()?.to_owned();
    // Dependencies may also be given for one platform only.
    let targets = table
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values);
    let tables: Vec<&Table> = std::iter::once(table)
        .chain(targets.filter_map(Value::as_table))
        .collect();
    let names = |sections: &[&str]| {
        tables
            .iter()
            .flat_map(|table| {
                sections
                    .iter()
                    .filter_map(|section| table.get(*section)?.as_table())
            })
            .flat_map(|section| section.iter().map(|(key, value)| real_name(key, value)))
            .collect()
    };
    Some(Package {
        manifest: path.to_owned(),
        dependencies: names(&["dependencies", "build-dependencies"]),
        dev_dependencies: names(&["dev-dependencies"]),
        name,
    })
}

/// A dependency may go by another name; what counts is the package.
fn real_name(key: &str, value: &Value) -> String {
    value
        .get("package")
        .and_then(Value::as_str)
        .unwrap_or(key)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(room: &str, sections: &str) -> Vec<String> {
        let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
        let rooms = SEES.iter().map(|(name, _)| {
            let rest = if *name == room { sections } else { "" };
            (format!("crates/{name}/Cargo.toml"), manifest(name, rest))
        });
        check(&Repo::of(rooms))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn a_room_sees_the_rooms_below_it() {
        assert_eq!(
            found(
                "store",
                "[dependencies]\nengine.workspace = true\nrusqlite = \"1\"\n"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_sibling_is_not_seen() {
        let said = found("store", "[dependencies]\ngit.workspace = true\n");
        assert_eq!(said, ["`store` must not see `git`; it may see: engine, domain"]);
    }

    #[test]
    fn an_arrow_that_points_up_is_found_under_any_name_and_on_any_platform() {
        let said = found(
            "engine",
            "[target.'cfg(unix)'.dependencies]\nother = { package = \"server\", path = \"x\" }\n",
        );
        assert_eq!(said, ["`engine` must not see `server`; it may see: domain"]);
    }

    #[test]
    fn a_test_may_borrow_a_sibling_but_never_the_top() {
        assert_eq!(
            found(
                "git",
                "[dev-dependencies]\nstore.workspace = true\nanyhow = \"1\"\n"
            ),
            Vec::<String>::new()
        );
        let said = found("git", "[dev-dependencies]\ncli.workspace = true\n");
        assert_eq!(
            said,
            ["not even a test of `git` may see `cli`, which stands above it"]
        );
    }

    #[test]
    fn domain_depends_on_nothing_not_even_in_tests() {
        assert_eq!(found("domain", "[dev-dependencies]\nproptest = \"1\"\n").len(), 1);
    }

    #[test]
    fn an_outside_crate_with_one_door_is_not_used_elsewhere() {
        assert_eq!(
            found("cli", "[dependencies]\nrusqlite = \"1\"\n"),
            ["`rusqlite` belongs to store: SQL has one door"]
        );
    }

    #[test]
    fn a_room_that_is_not_in_the_table_is_found() {
        let said = check(&Repo::of([(
            "crates/utils/Cargo.toml",
            "[package]\nname = \"utils\"\n",
        )]));
        assert_eq!(said.len(), 1);
    }
}
