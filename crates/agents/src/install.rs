//! Finds an agent's program and what it needs to run: its interpreter, the packages around it, the links that lead
//! to it. Each is made visible where it lies.
//!
//! Owns: looking for programs. Leaves out: starting them.

use crate::sandbox::is_common;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installed {
    /// The command line's beginning: an interpreter, if it needs naming, and the program itself.
    pub(crate) line: Vec<String>,
    /// What must be readable for it.
    pub(crate) roots: Vec<PathBuf>,
    /// Folders of programs that it finds things in.
    pub(crate) path: Vec<PathBuf>,
    /// What interprets it, where it is a script.
    pub(crate) interpreter: Option<PathBuf>,
}

/// Where to look.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    /// Folders of programs, in order.
    pub(crate) path: Vec<PathBuf>,
    /// The user's home: never made visible as a whole.
    pub(crate) home: PathBuf,
}

/// Finds a program and all it needs; says in words what is missing.
pub(crate) fn find(
    program: &str,
    interpreter: Option<&str>,
    places: &Whereabouts,
) -> Result<Installed, String> {
    let found = locate(program, places).ok_or_else(|| format!("`{program}` is not there"))?;
    let target = found
        .canonicalize()
        .map_err(|error| format!("{}: {error}", found.display()))?;
    if !is_executable(&target) && interpreter.is_none() {
        return Err(format!("{} is not executable", found.display()));
    }
    let mut installed = Installed {
        line: Vec::new(),
        roots: Vec::new(),
        path: Vec::new(),
        interpreter: None,
    };
    let named = match interpreter {
        Some(named) => {
            Some(locate(named, places).ok_or_else(|| format!("its interpreter `{named}` is not there"))?)
        }
        None => None,
    };
    if let Some(named) = &named {
        installed.line.push(named.to_string_lossy().into_owned());
    }
    let script = match named {
        Some(named) => Some(named),
        None => interpreter_of(&target)
            .map(|name| locate(&name, places).ok_or_else(|| format!("its interpreter `{name}` is not there")))
            .transpose()?,
    };
    if let Some(interpreter) = script {
        let real = interpreter
            .canonicalize()
            .map_err(|error| format!("{}: {error}", interpreter.display()))?;
        installed.roots.push(interpreter_root(&real, &places.home));
        installed.path.extend(interpreter.parent().map(Path::to_owned));
        installed.roots.push(interpreter.clone());
        installed.interpreter = Some(interpreter);
    }
    installed.roots.push(package_root(&target));
    installed.path.extend(found.parent().map(Path::to_owned));
    installed.line.push(target.to_string_lossy().into_owned());
    installed.roots.retain(|root| !is_common(root));
    installed.path.retain(|folder| !is_common(folder));
    installed.roots.dedup();
    installed.path.dedup();
    Ok(installed)
}

/// A path as it is, a name by the folders of programs.
fn locate(program: &str, places: &Whereabouts) -> Option<PathBuf> {
    if program.contains('/') {
        let path = expand(program, &places.home);
        return path.is_file().then_some(path);
    }
    places
        .path
        .iter()
        .map(|folder| folder.join(program))
        .find(|path| is_executable(path))
}

/// The path, with the user's home for `~`.
pub(crate) fn expand(path: &str, home: &Path) -> PathBuf {
    path.strip_prefix("~/").map_or_else(
        || if path == "~" { home.to_owned() } else { path.into() },
        |rest| home.join(rest),
    )
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|seen| seen.is_file() && seen.permissions().mode() & 0o111 != 0)
}

/// What a script names in its first line; none for a binary.
fn interpreter_of(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line).into_owned();
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    if first.ends_with("/env") {
        return words
            .find(|word| !word.starts_with('-') && !word.contains('='))
            .map(ToOwned::to_owned);
    }
    Some(first.to_owned())
}

/// A package of Node needs those beside it: the outermost `node_modules`. A binary needs itself.
fn package_root(target: &Path) -> PathBuf {
    let outermost = target
        .ancestors()
        .filter(|folder| folder.file_name().is_some_and(|name| name == "node_modules"));
    outermost.last().unwrap_or(target).to_owned()
}

/// An interpreter needs what lies around it, `prefix/bin/node` the prefix, but never as much as a home.
fn interpreter_root(real: &Path, home: &Path) -> PathBuf {
    let prefix = real
        .parent()
        .filter(|folder| folder.file_name().is_some_and(|name| name == "bin"))
        .and_then(Path::parent);
    let narrow = prefix.filter(|prefix| {
        let is_wide =
            home.starts_with(prefix) || **prefix == home.join(".local") || **prefix == home.join(".cargo");
        !is_wide && prefix.components().count() > 2
    });
    narrow.unwrap_or(real).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_node_package_brings_its_packages_and_its_node() {
        let ground = tempfile::tempdir().unwrap();
        let home = ground.path().canonicalize().unwrap();
        let node = home.join(".nvm/versions/v22/bin/node");
        let code = home.join("lib/node_modules/@x/agent/cli.js");
        program(&node, "binary");
        program(&code, "#!/usr/bin/env node\n");
        let link = home.join("bin/agent");
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&code, &link).unwrap();
        let path = vec![home.join("bin"), home.join(".nvm/versions/v22/bin")];
        let places = Whereabouts {
            path,
            home: home.clone(),
        };

        let installed = find("agent", None, &places).unwrap();

        assert_eq!(installed.line, [code.to_string_lossy()]);
        let roots = [
            home.join(".nvm/versions/v22"),
            node.clone(),
            home.join("lib/node_modules"),
        ];
        assert_eq!(installed.roots, roots);
        assert_eq!(
            installed.path,
            [home.join(".nvm/versions/v22/bin"), home.join("bin")]
        );
        assert_eq!(installed.interpreter, Some(node));
    }

    #[test]
    fn f_39_what_is_missing_is_named() {
        let ground = tempfile::tempdir().unwrap();
        let home = ground.path().canonicalize().unwrap();
        let places = Whereabouts {
            path: vec![home.clone()],
            home: home.clone(),
        };
        assert_eq!(find("agent", None, &places).unwrap_err(), "`agent` is not there");
        std::fs::write(home.join("plain"), "x").unwrap();
        let plain = home.join("plain").to_string_lossy().into_owned();
        assert_eq!(
            find(&plain, None, &places).unwrap_err(),
            format!("{plain} is not executable")
        );
        program(&home.join("script"), "#!/usr/bin/env no-such-interpreter\n");
        assert_eq!(
            find("script", None, &places).unwrap_err(),
            "its interpreter `no-such-interpreter` is not there"
        );
    }

    #[test]
    fn a_home_is_never_a_root() {
        let home = Path::new("/home/a");
        for real in ["/home/a/bin/node", "/home/a/.local/bin/node", "/home/bin/node"] {
            assert_eq!(interpreter_root(Path::new(real), home), Path::new(real));
        }
    }
}
