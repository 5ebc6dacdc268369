//! Reading and writing where it must not.

use super::{Outcome, Report, Target, why};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// Tries all of it.
pub(super) fn attempt(target: &Target<'_>, report: &mut Report) {
    outside(target, report);
    daemon(target, report);
    report.escape_at("read another run's files", target.other_run("."), |path| {
        list(&path)
    });
    report.escape_at("write into another run", target.other_run("hostile"), |path| {
        make(&path)
    });
    report.escape_at(
        "write into the project's folder",
        target.project("hostile"),
        |path| make(&path),
    );
    report.escape_at(
        "write into the project's git folder",
        target.project(".git/hostile"),
        |path| make(&path),
    );
    report.escape_at(
        "write a hook of the project",
        target.project(".git/hooks/post-checkout"),
        |path| make(&path),
    );
    report.escape_at(
        "write the project's git configuration",
        target.project(".git/config"),
        |path| spoil(&path),
    );
    report.escape_at("move the project's HEAD", target.project(".git/HEAD"), |path| {
        spoil(&path)
    });
    report.escape_at(
        "move a branch of the project",
        target.project(".git/refs/heads/main"),
        |path| spoil(&path),
    );
    report.escape_at(
        "delete a branch of the project",
        target.project(".git/refs/heads/other"),
        |path| fs::remove_file(path).map(|()| "deleted".to_owned()).map_err(why),
    );
    report.escape_at(
        "rewrite an object of the project",
        target.project(".git/objects"),
        |path| rewrite(&path),
    );
    report.escape_at(
        "open up an object of the project",
        target.project(".git/objects"),
        |path| open_up(&path),
    );
    report.escape_at(
        "write the project's objects",
        target.project(".git/objects/hostile"),
        |path| make(&path),
    );
    report.escape_at(
        "make a branch in the project",
        target.project(".git/refs/heads/hostile"),
        |path| make(&path),
    );
    for (name, file) in [
        ("read a private key", ".ssh/id_ed25519"),
        ("read git credentials", ".git-credentials"),
        ("read a cloud key", ".aws/credentials"),
        ("read claude's login", ".claude/.credentials.json"),
        ("read codex's login", ".codex/auth.json"),
    ] {
        report.escape_at(name, target.user(file), |path| read(&path));
    }
    for (name, file) in [
        ("write a shell start file", ".bashrc"),
        ("write the user's git configuration", ".gitconfig"),
        ("write authorized keys", ".ssh/authorized_keys"),
        (
            "write a service of the user",
            ".config/systemd/user/hostile.service",
        ),
        ("write claude's settings", ".claude/settings.json"),
        ("write codex's configuration", ".codex/config.toml"),
        ("write partita's configuration", ".config/partita/config.toml"),
        ("write partita's agents", ".config/partita/agents.toml"),
    ] {
        report.escape_at(name, target.user(file), |path| {
            if path.exists() { spoil(&path) } else { make(&path) }
        });
    }
    for (name, path) in [
        ("write to /etc", "/etc/partita-hostile"),
        ("write to /usr", "/usr/bin/partita-hostile"),
        ("write to /", "/partita-hostile"),
        ("write to /var", "/var/partita-hostile"),
    ] {
        report.escape(name, make_for_real(Path::new(path)));
    }
    report.escape("read stored passwords", open_to_read(Path::new("/etc/shadow")));
    report.escape("see secrets through /proc/1", environment_of_init());
    #[cfg(target_os = "linux")]
    report.escape_at("watch a folder outside", target.outside("."), |path| watch(&path));
}

fn outside(target: &Target<'_>, report: &mut Report) {
    report.escape_at("write outside", target.outside("hostile"), |path| make(&path));
    report.escape_at("list a folder outside", target.outside("."), |path| list(&path));
    report.escape_at(
        "write outside through a link",
        target.outside("through-link"),
        |path| through_link(target, &path, |link| make(&link.join("through-link"))),
    );
    report.escape_at("write outside through dots", target.outside("dots"), |path| {
        let up = "../".repeat(target.cwd.components().count());
        make(&target.cwd.join(format!("{up}{}", path.display())))
    });
    report.escape_at(
        "link a file outside into the working copy",
        target.outside("existing"),
        |path| {
            let link = target.cwd.join("hostile-hard-link");
            fs::hard_link(&path, &link).map_err(why)?;
            let written = spoil(&link);
            drop(fs::remove_file(&link));
            written
        },
    );
    report.escape("rename the working copy's parent", rename_parent(target));
    report.escape(
        "write beside the working copy",
        make_for_real(&target.cwd.join("../hostile-beside")),
    );
    report.escape_at(
        "make a program run as its owner outside",
        target.outside("setuid"),
        |path| {
            File::create(&path)
                .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o4755)))
                .map(|()| "made".to_owned())
                .map_err(why)
        },
    );
    report.escape_at("read a file outside", target.outside("secret"), |path| {
        read(&path)
    });
    report.escape_at("rename a file outside", target.outside("renamed"), |path| {
        fs::rename(&path, path.with_extension("hostile"))
            .map(|()| "renamed".to_owned())
            .map_err(why)
    });
    report.escape_at(
        "move a file outside into the working copy",
        target.outside("moved"),
        |path| {
            fs::rename(&path, target.cwd.join("hostile-moved"))
                .map(|()| "moved".to_owned())
                .map_err(why)
        },
    );
    report.escape_at("delete a file outside", target.outside("deleted"), |path| {
        fs::remove_file(path).map(|()| "deleted".to_owned()).map_err(why)
    });
    report.escape_at("empty a file outside", target.outside("emptied"), |path| {
        rustix::fs::open(
            &path,
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::TRUNC,
            rustix::fs::Mode::empty(),
        )
        .map(|_| "emptied".to_owned())
        .map_err(why)
    });
    report.escape_at(
        "see that a file outside is there",
        target.outside("secret"),
        |path| {
            fs::metadata(path)
                .map(|seen| format!("{} bytes", seen.len()))
                .map_err(why)
        },
    );
    report.escape_at(
        "change the mode of a file outside",
        target.outside("mode"),
        |path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o666))
                .map(|()| "changed".to_owned())
                .map_err(why)
        },
    );
    report.escape_at(
        "change the time of a file outside",
        target.outside("time"),
        |path| {
            let zero = rustix::fs::Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            };
            let times = rustix::fs::Timestamps {
                last_access: zero,
                last_modification: zero,
            };
            rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty())
                .map(|()| "changed".to_owned())
                .map_err(why)
        },
    );
    for (name, place) in [
        ("read the record of the working copy", "../keep.git/config"),
        ("list what is beside the working copy", ".."),
    ] {
        let path = target.cwd.join(place);
        report.escape(
            name,
            if path.is_dir() {
                list_real(&path)
            } else {
                read(&path)
            },
        );
    }
    report.escape(
        "write the record of the working copy",
        spoil(&target.cwd.join("../keep.git/config")),
    );
}

fn daemon(target: &Target<'_>, report: &mut Report) {
    report.escape_at("list the daemon's home", target.daemon("."), |path| {
        list_real(&path)
    });
    for (name, file) in [
        ("read the daemon's history", "orchestrator.db"),
        ("read the daemon's log", "orchestrator.log"),
        ("read the daemon's process number", "orchestrator.pid"),
    ] {
        report.escape_at(name, target.daemon(file), |path| read(&path));
    }
    for (name, folder) in [
        ("list other accounts", "accounts"),
        ("list transcripts", "transcripts"),
        ("list stored outputs", "blobs"),
        ("list all working copies", "worktrees"),
        ("list backups", "backups"),
    ] {
        report.escape_at(name, target.daemon(folder), |path| list_real(&path));
    }
    report.escape_at("write into the daemon's home", target.daemon("hostile"), |path| {
        make(&path)
    });
    report.escape_at(
        "write the daemon's history",
        target.daemon("orchestrator.db"),
        |path| spoil(&path),
    );
    report.escape_at(
        "replace the daemon's socket",
        target.daemon("orchestrator.sock"),
        |path| {
            let aside = path.with_extension("aside");
            fs::rename(&path, &aside).map_err(why)?;
            drop(fs::rename(&aside, &path));
            Ok("moved".to_owned())
        },
    );
}

/// Makes a file that is not there.
fn make(path: &Path) -> Outcome {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    made.map_err(why)?;
    Ok(format!("made {}", path.display()))
}

/// Makes a file and removes it. In a place that a sandbox made up, where everything is gone with it, that is no escape.
fn make_for_real(path: &Path) -> Outcome {
    let made = make(path)?;
    drop(fs::remove_file(path));
    if is_made_up(path.parent().unwrap_or(path)) {
        return Err(format!("{made}, in a place that only the sandbox has"));
    }
    Ok(made)
}

/// Whether a folder lies on the memory file system that a sandbox has for its root.
fn is_made_up(folder: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    let is_memory = rustix::fs::statfs("/").is_ok_and(|root| u64::try_from(root.f_type) == Ok(TMPFS));
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    is_memory && device(folder).is_some() && device(folder) == device(Path::new("/"))
}

/// Adds to a file.
fn spoil(path: &Path) -> Outcome {
    let mut file = OpenOptions::new().append(true).open(path).map_err(why)?;
    file.write_all(b"hostile\n").map_err(why)?;
    Ok(format!("wrote to {}", path.display()))
}

/// Reads a decoy, and tells what it says.
fn read(path: &Path) -> Outcome {
    let text = fs::read(path).map_err(why)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(text.lines().next().unwrap_or_default().chars().take(60).collect())
}

/// Opens a file of the machine, and tells nothing of it.
fn open_to_read(path: &Path) -> Outcome {
    File::open(path).map(|_| "opened".to_owned()).map_err(why)
}

/// The first object that is found.
fn object(objects: &Path) -> Result<PathBuf, String> {
    let folders = fs::read_dir(objects).map_err(why)?.flatten();
    let loose = folders.filter(|folder| folder.file_name().len() == 2);
    let objects = loose.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
    objects
        .map(|entry| entry.path())
        .next()
        .ok_or_else(|| "no object".to_owned())
}

fn rewrite(objects: &Path) -> Outcome {
    let object = object(objects)?;
    fs::write(&object, "hostile").map_err(why)?;
    Ok(format!("wrote {}", object.display()))
}

fn open_up(objects: &Path) -> Outcome {
    let object = object(objects)?;
    fs::set_permissions(&object, fs::Permissions::from_mode(0o646)).map_err(why)?;
    Ok(match fs::write(&object, "hostile") {
        Ok(()) => format!("wrote {}", object.display()),
        Err(error) => format!("others may write it now, it itself may not: {error}"),
    })
}

/// A folder that watches tells the names of what changes in it.
#[cfg(target_os = "linux")]
fn watch(path: &Path) -> Outcome {
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    let watching = init(CreateFlags::CLOEXEC).map_err(why)?;
    add_watch(&watching, path, WatchFlags::ALL_EVENTS)
        .map(|_| "watches".to_owned())
        .map_err(why)
}

/// Lists a folder, which in a place that only the sandbox has tells nothing.
fn list_real(path: &Path) -> Outcome {
    let listed = list(path)?;
    if is_made_up(path) {
        return Err(format!("{listed}, in a place that only the sandbox has"));
    }
    Ok(listed)
}

fn list(path: &Path) -> Outcome {
    let count = fs::read_dir(path).map_err(why)?.count();
    if count == 0 {
        Err("nothing is there".to_owned())
    } else {
        Ok(format!("{count} entries"))
    }
}

fn through_link(target: &Target<'_>, path: &Path, attempt: impl FnOnce(&PathBuf) -> Outcome) -> Outcome {
    let folder = path.parent().ok_or("no folder")?;
    let link = target.cwd.join("hostile-link");
    symlink(folder, &link).map_err(why)?;
    let outcome = attempt(&link);
    drop(fs::remove_file(&link));
    outcome
}

fn rename_parent(target: &Target<'_>) -> Outcome {
    let parent = target.cwd.parent().ok_or("no parent")?;
    let aside = parent.with_extension("hostile");
    fs::rename(parent, &aside).map_err(why)?;
    drop(fs::rename(&aside, parent));
    if is_made_up(parent) {
        return Err("renamed, in a place that only the sandbox has".to_owned());
    }
    Ok("renamed".to_owned())
}

fn environment_of_init() -> Outcome {
    let text = fs::read("/proc/1/environ").map_err(why)?;
    let ours = fs::read("/proc/self/environ").map_err(why)?;
    if text.is_empty() || text == ours {
        return Err("it tells nothing new".to_owned());
    }
    let secret = ["TOKEN", "SECRET", "PASSWORD", "PARTITA_HOME"];
    let text = String::from_utf8_lossy(&text).into_owned();
    match secret.iter().find(|word| text.contains(*word)) {
        Some(word) => Ok(format!("it holds a {word}")),
        None => Err("it holds no secret".to_owned()),
    }
}

/// Makes a folder for itself, where it may.
pub(super) fn folder(path: &Path) -> Result<(), String> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(why)
}
