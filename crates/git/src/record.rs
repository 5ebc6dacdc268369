//! What a place remembers of itself on disk: what it was made from, and which result was taken from it last.

use crate::error::{Answer, failed, io_failed};
use crate::files;
use crate::identity::Identity;
use crate::names::Oid;
use domain::{Access, RunId, StepKey};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// What a place was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) project: PathBuf,
    pub(crate) run: RunId,
    pub(crate) key: StepKey,
    pub(crate) access: Access,
    pub(crate) base: Oid,
    pub(crate) identity: Identity,
    /// During which run of the machine it was made.
    pub(crate) boot: String,
}

const FIRST_LINE: &str = "partita place 1";
const MOST: u64 = 1 << 20;

impl Record {
    pub(crate) fn text(&self) -> String {
        let access = if self.access == Access::Write {
            "write"
        } else {
            "read"
        };
        let mut text = format!("{FIRST_LINE}\n");
        for (field, value) in [
            ("project", self.project.as_os_str().as_bytes()),
            ("run", self.run.to_string().as_bytes()),
            ("step", self.key.step.as_str().as_bytes()),
            (
                "item",
                self.key
                    .item
                    .map(|item| item.to_string())
                    .unwrap_or_default()
                    .as_bytes(),
            ),
            ("access", access.as_bytes()),
            ("base", self.base.as_str().as_bytes()),
            ("name", self.identity.name.as_bytes()),
            ("email", self.identity.email.as_bytes()),
            ("boot", self.boot.as_bytes()),
        ] {
            let _ = writeln!(text, "{field} {}", escaped(value));
        }
        text
    }

    /// Reads a place's record.
    pub(crate) fn read(path: &Path) -> Answer<Self> {
        let bytes = files::read_regular(path, MOST).map_err(|error| io_failed("read", path, &error))?;
        Self::parse(&bytes).ok_or_else(|| failed(format!("{} is not a record of ours", path.display())))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_prefix(FIRST_LINE)?;
        let fields: BTreeMap<&str, Vec<u8>> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(field, value)| unescaped(value).map(|value| (field, value)))
            .collect::<Option<_>>()?;
        let word = |field: &str| String::from_utf8(fields.get(field)?.clone()).ok();
        let item = word("item")?;
        let item = if item.is_empty() {
            None
        } else {
            Some(item.parse().ok()?)
        };
        Some(Self {
            project: PathBuf::from(OsString::from_vec(fields.get("project")?.clone())),
            run: word("run")?.parse().ok()?,
            key: StepKey {
                step: word("step")?.into(),
                item,
            },
            access: match word("access")?.as_str() {
                "write" => Access::Write,
                "read" => Access::Read,
                _ => return None,
            },
            base: Oid::parse(&word("base")?)?,
            identity: Identity {
                name: word("name")?,
                email: word("email")?,
            },
            boot: word("boot")?,
        })
    }
}

/// Remembers which commit holds what the place held.
pub(crate) fn write_harvested(path: &Path, commit: &Oid) -> Answer<()> {
    files::write_whole(path, commit.as_str().as_bytes())
}

/// Which commit that was.
pub(crate) fn read_harvested(path: &Path) -> Option<Oid> {
    Oid::parse(fs::read_to_string(path).ok()?.trim())
}

fn escaped(value: &[u8]) -> String {
    value.iter().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_graphic() && *byte != b'%' {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02x}");
        }
        text
    })
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_what_it_writes() {
        let record = Record {
            project: PathBuf::from(OsString::from_vec(b"/a b/\n%\xff".to_vec())),
            run: RunId::from_bits(7),
            key: StepKey::item("fix it\r\n[", 3),
            access: Access::Write,
            base: Oid::parse(&"a".repeat(40)).expect("an id"),
            identity: Identity {
                name: "Zoë".to_owned(),
                email: String::new(),
            },
            boot: "b".to_owned(),
        };
        assert_eq!(Record::parse(record.text().as_bytes()), Some(record.clone()));
        assert_eq!(Record::parse(b"partita place 2\n"), None);
        assert_eq!(Record::parse(&record.text().as_bytes()[..60]), None);
    }
}
