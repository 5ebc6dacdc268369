//! Owns: the command line of bubblewrap, which is the policy as mounts.

use super::{HIDDEN, PROTECTED_FILES, PROTECTED_FOLDERS, PROTECTED_GIT, Policy, Sandbox, system};
use domain::{Access, Network};
use engine::faults::{Control, is_off};
use std::path::{Path, PathBuf};

/// A command line in the making.
struct Line(Vec<String>);

impl Line {
    fn flags<'a>(&mut self, flags: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.0.extend(flags.into_iter().map(ToOwned::to_owned));
        self
    }

    fn mount(&mut self, how: &str, from: &Path, to: &Path) -> &mut Self {
        self.0.extend([
            how.to_owned(),
            from.to_string_lossy().into_owned(),
            to.to_string_lossy().into_owned(),
        ]);
        self
    }

    fn same(&mut self, how: &str, path: &Path) -> &mut Self {
        self.mount(how, path, path)
    }
}

/// A process namespace that dies with its parent, and nothing hidden but, where something else bounds what can be
/// opened, the devices: terminals of a task's own can be told from the person's only where it sees no others.
pub(super) fn namespace_only(bubblewrap: &Path, policy: &Policy, sandbox: Sandbox) -> Vec<String> {
    let mut line = begin(bubblewrap);
    line.flags(["--dev-bind", "/", "/"]);
    if !is_off(Control::ProcessNamespace) {
        line.flags(["--unshare-pid", "--proc", "/proc"]);
    }
    match sandbox {
        Sandbox::Landlock => line.flags(["--dev", "/dev"]),
        Sandbox::Bubblewrap | Sandbox::None => &mut line,
    };
    if policy.network == Network::None {
        line.flags(["--unshare-net"]);
    }
    finish(line, policy)
}

/// The whole sandbox. `ours` is our own program, where it is the last stage before the task.
pub(super) fn whole(bubblewrap: &Path, policy: &Policy, ours: Option<&Path>) -> Vec<String> {
    let mut line = begin(bubblewrap);
    line.flags([
        "--unshare-user-try",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--cap-drop",
        "ALL",
    ]);
    if policy.network == Network::None {
        line.flags(["--unshare-net"]);
    }
    for folder in system::FOLDERS.map(Path::new) {
        match std::fs::read_link(folder) {
            Ok(target) => line.mount("--symlink", &target, folder),
            Err(_) => line.same("--ro-bind-try", folder),
        };
    }
    for setting in system::SETTINGS.map(Path::new) {
        line.same("--ro-bind-try", setting);
    }
    if is_off(Control::ProcessNamespace) {
        line.flags(["--ro-bind", "/proc", "/proc"]);
    } else {
        line.flags(["--unshare-pid", "--proc", "/proc"]);
    }
    line.flags(["--dev", "/dev"]);
    if rustix::process::geteuid().is_root() {
        // The kernel's settings belong to the superuser, also inside a namespace, and bubblewrap covers only what it
        // finds writable as a folder, which none of these folders is.
        line.same("--ro-bind", Path::new("/proc/sys"));
    }
    line.mount("--bind", &policy.temporary, Path::new("/tmp")).mount(
        "--bind",
        &policy.temporary,
        Path::new("/var/tmp"),
    );
    for readable in &policy.readable {
        line.same("--ro-bind-try", readable);
    }
    for writable in &policy.writable {
        line.same("--bind-try", writable);
    }
    if let Some(home) = &policy.home {
        line.same("--bind", home);
    }
    match policy.access {
        Access::Read => line.same("--ro-bind", &policy.place),
        Access::Write => line.same("--bind", &policy.place),
    };
    if policy.access == Access::Write && !is_off(Control::ProtectedMounts) {
        protect(&mut line, policy);
    }
    if policy.protects_tree {
        hide(&mut line, policy);
    }
    for file in &policy.unseen {
        line.mount("--ro-bind", &unseen_stand_in(policy), file);
    }
    if let Some(ours) = ours {
        // Looked up each time: an upgrade may have put another in its place.
        let ours = std::fs::canonicalize(ours).unwrap_or_else(|_| ours.to_owned());
        line.same("--ro-bind", &ours);
    }
    line.flags(["--remount-ro", "/"]);
    finish(line, policy)
}

/// Puts an empty folder over each, wherever in the working copy it really lies.
fn hide(line: &mut Line, policy: &Policy) {
    let inside = std::fs::canonicalize(&policy.place).unwrap_or_else(|_| policy.place.clone());
    let found = HIDDEN
        .iter()
        .filter_map(|name| std::fs::canonicalize(policy.place.join(name)).ok());
    for folder in found.filter(|folder| folder.is_dir() && folder.starts_with(&inside) && *folder != inside) {
        line.mount("--ro-bind", &stand_in(policy), &folder);
    }
}

/// Puts what git and other agents obey out of reach, and keeps folders that hold it from being moved away.
fn protect(line: &mut Line, policy: &Policy) {
    let git = policy.place.join(".git");
    match kind(&git) {
        Kind::Folder => {
            line.same("--bind", &git);
            for name in PROTECTED_GIT {
                protect_one(line, policy, &git.join(name), name != "config");
            }
        }
        Kind::File => {
            line.same("--ro-bind", &git);
        }
        Kind::Absent | Kind::Other => {}
    }
    if policy.protects_tree {
        for name in PROTECTED_FOLDERS {
            protect_one(line, policy, &policy.place.join(name), true);
        }
        for name in PROTECTED_FILES {
            protect_one(line, policy, &policy.place.join(name), false);
        }
    }
}

/// What is there is mounted over itself; where nothing is, an empty folder that git does not see takes the place.
/// A link is left alone: what it points to lies inside anyway, or is not there.
fn protect_one(line: &mut Line, policy: &Policy, path: &Path, even_when_absent: bool) {
    match kind(path) {
        Kind::Folder | Kind::File => {
            line.same("--ro-bind", path);
        }
        Kind::Absent if even_when_absent => {
            line.mount("--ro-bind", &stand_in(policy), path);
        }
        Kind::Absent | Kind::Other => {}
    }
}

/// An empty folder beside the folder for what is temporary.
pub(super) fn stand_in(policy: &Policy) -> PathBuf {
    policy.temporary.with_extension("empty")
}

/// A file that says nothing, beside that folder.
fn unseen_stand_in(policy: &Policy) -> PathBuf {
    policy.temporary.with_extension("unseen")
}

enum Kind {
    Folder,
    File,
    Absent,
    Other,
}

fn kind(path: &Path) -> Kind {
    match std::fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() => Kind::Folder,
        Ok(seen) if seen.is_file() => Kind::File,
        Ok(_) => Kind::Other,
        Err(_) => Kind::Absent,
    }
}

fn begin(bubblewrap: &Path) -> Line {
    let mut line = Line(vec![bubblewrap.to_string_lossy().into_owned()]);
    if !is_off(Control::DieWithParent) {
        line.flags(["--die-with-parent"]);
    }
    line.flags(["--new-session"]);
    line
}

fn finish(mut line: Line, policy: &Policy) -> Vec<String> {
    line.0.extend([
        "--chdir".to_owned(),
        policy.place.to_string_lossy().into_owned(),
        "--".to_owned(),
    ]);
    line.0
}
