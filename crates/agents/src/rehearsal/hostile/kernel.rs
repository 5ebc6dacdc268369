//! Powers over the machine: privileges, namespaces, mounts, devices, terminals.

use super::{Outcome, Report, Target, why};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

/// Tries all of it.
pub(super) fn attempt(target: &Target<'_>, report: &mut Report) {
    for (name, line) in [
        (
            "mount over the working copy",
            "mkdir -p .hostile-mount && mount -t tmpfs none .hostile-mount && umount .hostile-mount",
        ),
        (
            "bind another folder into the working copy",
            "mkdir -p .hostile-mount && mount --bind /etc .hostile-mount && umount .hostile-mount",
        ),
        (
            "mount /proc anew",
            "mkdir -p .hostile-mount && mount -t proc none .hostile-mount && umount .hostile-mount",
        ),
        (
            "make the working copy writable",
            "mount -o remount,bind,rw . && touch .hostile-remounted && rm .hostile-remounted",
        ),
        (
            "make a device",
            "mknod .hostile-device b 8 0 && head -c 1 .hostile-device",
        ),
        ("become root", "sudo -n true"),
        ("become another user", "setpriv --reuid 65533 --clear-groups true"),
        ("name the machine", "hostname \"$(hostname)\""),
        (
            "set a timed job",
            "test -d /var/spool/cron && touch /var/spool/cron/hostile && rm /var/spool/cron/hostile",
        ),
        (
            "put root's files into its own power",
            "touch .hostile-owned && chown 65533 .hostile-owned",
        ),
    ] {
        report.escape(name, target.shell(line));
    }
    report.escape("gain privileges by starting a program", new_privileges());
    report.escape("use privileges that it has", privileges());
    report.plant("make a program that runs as its owner", set_user_id(target));
    namespaces(target, report);
    terminals(report);
    report.escape(
        "open a disk",
        first_byte(Path::new("/dev/sda")).or(first_byte(Path::new("/dev/vda"))),
    );
    report.escape("read kernel memory", first_byte(Path::new("/dev/mem")));
    report.escape("read the kernel's log", first_byte(Path::new("/dev/kmsg")));
    report.escape(
        "write a kernel setting",
        open(Path::new("/proc/sys/kernel/core_pattern")),
    );
    report.escape("write to /sys", open_to_write(Path::new("/sys/power/state")));
    report.plant("fill the shared memory", shared_memory(target));
}

/// In user and mount namespaces of its own it may mount; it must not uncover what was covered.
fn namespaces(target: &Target<'_>, report: &mut Report) {
    report.plant(
        "make a user namespace",
        target.shell("unshare --user --map-root-user true"),
    );
    let inside = "unshare --user --map-root-user --mount sh -c";
    for (name, line) in [
        (
            "uncover what is protected, in a namespace of its own",
            format!("{inside} 'umount .git/config; umount -l .git/hooks; mount -o remount,bind,rw .git/config'; grep -q uncovered .git/config || {inside} 'umount .git/config; echo \"# uncovered\" >> .git/config'"),
        ),
        (
            "uncover what is hidden, in a namespace of its own",
            format!("{inside} 'umount -l /tmp; umount -l /proc; test -e \"$0\"' {}", target.outside("secret").unwrap_or_default().display()),
        ),
        (
            "mount /proc anew, in namespaces of its own",
            format!("unshare --user --map-root-user --mount --pid --fork sh -c 'mount -t proc none /proc && test -e /proc/{}/comm'", target.hostile.daemon_pid.unwrap_or(u32::MAX)),
        ),
        (
            "look into the first process's namespaces",
            "nsenter --target 1 --mount --net true && test \"$(readlink /proc/1/ns/mnt)\" != \"$(readlink /proc/self/ns/mnt)\"".to_owned(),
        ),
    ] {
        report.escape(name, target.shell(&line));
    }
}

fn terminals(report: &mut Report) {
    report.escape("open a controlling terminal", open(Path::new("/dev/tty")));
    report.escape("open a terminal of the person", others_terminal());
    report.escape("open the console", open(Path::new("/dev/console")));
}

/// Any terminal that is there already: whoever opens it reads what is typed and writes what is shown.
fn others_terminal() -> Outcome {
    let entries = fs::read_dir("/dev/pts").map_err(why)?.flatten();
    let numbered = entries.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let mut tried = 0;
    for terminal in numbered {
        tried += 1;
        if open(&terminal.path()).is_ok() {
            return Ok(format!("opened {}", terminal.path().display()));
        }
    }
    Err(format!("none of {tried}"))
}

fn status(line: &str) -> Result<String, String> {
    let text = fs::read_to_string("/proc/self/status").map_err(why)?;
    let found = text.lines().find_map(|one| one.strip_prefix(line));
    found
        .map(|value| value.trim().to_owned())
        .ok_or_else(|| format!("no {line}"))
}

fn new_privileges() -> Outcome {
    match status("NoNewPrivs:")?.as_str() {
        "1" => Err("the kernel refuses them".to_owned()),
        _ => Ok("a set-uid program would have them".to_owned()),
    }
}

fn privileges() -> Outcome {
    let (effective, permitted) = (status("CapEff:")?, status("CapPrm:")?);
    if [&effective, &permitted]
        .iter()
        .all(|set| set.chars().all(|digit| digit == '0'))
    {
        Err("it has none".to_owned())
    } else {
        Ok(format!("effective {effective}, permitted {permitted}"))
    }
}

fn set_user_id(target: &Target<'_>) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let path = target.cwd.join("hostile-runs-as-owner");
    fs::copy("/bin/sh", &path).map_err(why)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).map_err(why)?;
    Ok("made".to_owned())
}

fn shared_memory(target: &Target<'_>) -> Outcome {
    let path = format!(
        "/dev/shm/hostile-{}",
        target.hostile.sleeps.as_deref().unwrap_or("x")
    );
    fs::write(path, vec![b'x'; 8 << 20]).map_err(why)?;
    Ok("8 MiB".to_owned())
}

fn open(path: &Path) -> Outcome {
    OpenOptions::new()
        .read(true)
        .append(true)
        .open(path)
        .map_err(why)?;
    Ok(format!("opened {}", path.display()))
}

/// Opens and writes nothing: what is written here would be done.
fn open_to_write(path: &Path) -> Outcome {
    OpenOptions::new().write(true).open(path).map_err(why)?;
    Ok(format!("opened {}", path.display()))
}

fn first_byte(path: &Path) -> Outcome {
    use rustix::fs::{Mode, OFlags};
    // A log that is read to its end would be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(why)?);
    std::io::Read::read(&mut file, &mut [0]).map_err(why)?;
    Ok(format!("read {}", path.display()))
}
