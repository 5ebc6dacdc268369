//! Choices worth remembering: `docs/adr/NNNN-title.md`, numbered without gaps, each in the list of its folder.

use super::Finding;
use crate::repo::Repo;

const FOLDER: &str = "docs/adr/";
const LIST: &str = "docs/adr/README.md";

pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let list = repo.text(LIST).unwrap_or_default();
    let mut findings = Vec::new();
    let mut expected = 1;
    for path in repo
        .paths()
        .filter(|path| path.starts_with(FOLDER) && *path != LIST)
    {
        let file = &path[FOLDER.len()..];
        let Some(number) = number(file) else {
            findings.push(Finding::in_file(path, "is not named `NNNN-title.md`"));
            continue;
        };
        if number != expected {
            findings.push(Finding::in_file(
                path,
                format!("is numbered {number:04}; the next one is {expected:04}"),
            ));
        }
        expected = number + 1;
        if !list.contains(&format!("({file})")) {
            findings.push(Finding::in_file(LIST, format!("does not list `{file}`")));
        }
    }
    findings
}

/// The number that a file name starts with.
pub(super) fn number(file: &str) -> Option<u32> {
    let (number, title) = file.strip_suffix(".md")?.split_once('-')?;
    let is_number = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_title = !title.is_empty()
        && title
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_number && is_title {
        number.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], list: &str) -> Vec<String> {
        let files = files
            .iter()
            .map(|file| (format!("{FOLDER}{file}"), String::new()));
        let repo = Repo::of(files.chain([(LIST.to_owned(), list.to_owned())]));
        check(&repo)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn a_gap_and_a_double_number_are_found() {
        let list = "(0001-a.md) (0003-b.md) (0003-c.md)";
        assert_eq!(
            found(&["0001-a.md", "0003-b.md", "0003-c.md"], list),
            [
                "docs/adr/0003-b.md: is numbered 0003; the next one is 0002",
                "docs/adr/0003-c.md: is numbered 0003; the next one is 0004"
            ]
        );
    }

    #[test]
    fn one_that_is_not_listed_is_found() {
        assert_eq!(
            found(&["0001-a.md"], ""),
            ["docs/adr/README.md: does not list `0001-a.md`"]
        );
    }

    #[test]
    fn a_name_without_number_is_found() {
        assert_eq!(
            found(&["idea.md"], ""),
            ["docs/adr/idea.md: is not named `NNNN-title.md`"]
        );
    }
}
