//! How many packages a build brings in. Each is someone else's code to trust and to wait for.

use super::Finding;
use crate::repo::Repo;

const LOCK: &str = "Cargo.lock";
const PACKAGES_MAX: usize = 400;

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let count = repo
        .text(LOCK)
        .unwrap_or_default()
        .lines()
        .filter(|line| *line == "[[package]]")
        .count();
    if count <= PACKAGES_MAX {
        return Vec::new();
    }
    vec![Finding::in_file(
        LOCK,
        format!("locks {count} packages; the limit is {PACKAGES_MAX}"),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_package_too_many_is_found() {
        let lock = |count| Repo::of([(LOCK, "[[package]]\nname = \"x\"\n".repeat(count))]);
        assert_eq!(check(&lock(400)), []);
        assert_eq!(
            check(&lock(401)),
            [Finding::in_file(LOCK, "locks 401 packages; the limit is 400")]
        );
    }
}
