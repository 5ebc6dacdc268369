//! One value as one word of a POSIX shell.

/// The text as one word, quoted when it must be.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    // A leading dash would be an option wherever the template forgot `--`; quoting cannot help, the author must.
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_23_no_value_leaves_its_word() {
        assert_eq!(quoted("cargo-test_1.2"), "cargo-test_1.2");
        assert_eq!(quoted(""), "''");
        assert_eq!(
            quoted("a b; rm -rf $(x) `y` \"z\" \n & |"),
            "'a b; rm -rf $(x) `y` \"z\" \n & |'"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("~"), "'~'");
    }
}
