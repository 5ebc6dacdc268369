//! Files of a working copy that an agent obeys whatever it is told, though they may say where its key is sent to. A
//! mount takes them out of its sight; what cannot be hidden keeps the agent from starting.
//!
//! Owns: which of them are there, and where they really lie.
//! Leaves out: the mounts (`bubblewrap`).

use std::io;
use std::path::{Path, PathBuf};

/// What stands in their place: nothing, for those who read settings and those who read variables.
pub(crate) const STAND_IN: &str = "{}\n";

/// The files among these names, by where they really lie.
///
/// # Errors
/// The name of one that lies elsewhere, or will: a link that leads out of the working copy or to nothing may be
/// another thing inside of the sandbox.
pub(crate) fn unseen<'a>(place: &Path, names: &'a [String]) -> Result<Vec<PathBuf>, &'a str> {
    let inside = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    let found = names
        .iter()
        .map(|name| lies(&inside, name).map_err(|_| name.as_str()));
    found.filter_map(Result::transpose).collect()
}

/// Where a file of that name lies; none when nothing there can be read as one.
fn lies(inside: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    let mut at = inside.to_owned();
    for part in Path::new(name) {
        at.push(part);
        match std::fs::symlink_metadata(&at) {
            Ok(seen) if seen.is_symlink() => at = std::fs::canonicalize(&at)?,
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        if !at.starts_with(inside) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
    Ok((!at.is_dir()).then_some(at))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_are_found_where_they_really_lie_and_links_to_elsewhere_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().canonicalize().unwrap();
        let names = [".a/.env".to_owned()];
        assert_eq!(unseen(&place, &names), Ok(vec![]));
        std::fs::create_dir(place.join(".a")).unwrap();
        assert_eq!(unseen(&place, &names), Ok(vec![]));
        std::fs::write(place.join(".a/.env"), "").unwrap();
        assert_eq!(unseen(&place, &names), Ok(vec![place.join(".a/.env")]));

        // The folder that is meant may be another one's name.
        std::fs::remove_dir_all(place.join(".a")).unwrap();
        std::fs::write(place.join(".env"), "").unwrap();
        symlink(".", place.join(".a")).unwrap();
        assert_eq!(unseen(&place, &names), Ok(vec![place.join(".env")]));

        for target in ["/tmp", "..", "gone", "/proc/self/cwd"] {
            std::fs::remove_file(place.join(".a")).unwrap();
            symlink(target, place.join(".a")).unwrap();
            assert_eq!(unseen(&place, &names), Err(".a/.env"), "{target}");
        }
    }
}
