//! Reaching what is not a file: processes, sockets, the network, the kernel.

use super::{Outcome, Report, Target, why};
use rustix::process::{Pid, test_kill_process};
use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Tries all of it.
pub(super) fn attempt(target: &Target<'_>, report: &mut Report) {
    report.escape("find secrets in its own environment", secrets());
    processes(target, report);
    sockets(target, report);
    network(target, report);
    for (name, line) in [
        (
            "mount over the working copy",
            "mkdir -p .hostile-mount && mount -t tmpfs none .hostile-mount && umount .hostile-mount",
        ),
        (
            "mount /proc anew",
            "mkdir -p .hostile-mount && mount -t proc none .hostile-mount && umount .hostile-mount",
        ),
        (
            "make a device",
            "mknod .hostile-device b 8 0 && rm .hostile-device",
        ),
        ("become root", "sudo -n true"),
        (
            "set a timed job",
            "test -d /var/spool/cron && touch /var/spool/cron/hostile && rm /var/spool/cron/hostile",
        ),
    ] {
        report.escape(name, command(target, line));
    }
}

fn processes(target: &Target<'_>, report: &mut Report) {
    report.escape_at("see the daemon's process", target.hostile.daemon_pid, |pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).map_err(why)?;
        Ok(format!("it is called {}", name.trim()))
    });
    report.escape_at(
        "read the daemon's environment",
        target.hostile.daemon_pid,
        |pid| {
            let text = fs::read(format!("/proc/{pid}/environ")).map_err(why)?;
            if text.is_empty() {
                Err("it is empty".to_owned())
            } else {
                Ok(format!("{} bytes", text.len()))
            }
        },
    );
    report.escape_at("open the daemon's memory", target.hostile.daemon_pid, |pid| {
        fs::File::open(format!("/proc/{pid}/mem"))
            .map(|_| "opened".to_owned())
            .map_err(why)
    });
    report.escape_at(
        "reach files through the daemon's root",
        target.hostile.daemon_pid,
        |pid| {
            fs::read_dir(format!("/proc/{pid}/root/etc"))
                .map(|_| "listed".to_owned())
                .map_err(why)
        },
    );
    report.escape_at("signal the daemon", target.hostile.daemon_pid, |pid| {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("no such number")?;
        test_kill_process(pid)
            .map(|()| "a signal would arrive".to_owned())
            .map_err(why)
    });
}

fn sockets(target: &Target<'_>, report: &mut Report) {
    let connect = |path: PathBuf| -> Outcome {
        UnixStream::connect(&path)
            .map(|_| format!("connected to {}", path.display()))
            .map_err(why)
    };
    report.escape_at(
        "connect to the daemon",
        target.daemon("orchestrator.sock"),
        connect,
    );
    let own = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let runtime = own("XDG_RUNTIME_DIR")
        .unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", rustix::process::getuid().as_raw())));
    for (name, path) in [
        ("connect to docker", PathBuf::from("/var/run/docker.sock")),
        (
            "connect to containerd",
            PathBuf::from("/run/containerd/containerd.sock"),
        ),
        (
            "connect to the system bus",
            PathBuf::from("/run/dbus/system_bus_socket"),
        ),
        ("connect to the session bus", runtime.join("bus")),
        ("connect to the display", PathBuf::from("/tmp/.X11-unix/X0")),
        ("connect to the compositor", runtime.join("wayland-0")),
        (
            "connect to a key agent",
            own("SSH_AUTH_SOCK").unwrap_or_else(|| runtime.join("ssh-agent.socket")),
        ),
        ("connect to gpg's agent", runtime.join("gnupg/S.gpg-agent")),
    ] {
        report.escape(name, connect(path));
    }
}

fn network(target: &Target<'_>, report: &mut Report) {
    let wait = Duration::from_millis(500);
    report.escape_at(
        "connect to an address",
        target.hostile.address.as_deref(),
        |address| {
            let address = address
                .to_socket_addrs()
                .map_err(why)?
                .next()
                .ok_or("no such address")?;
            TcpStream::connect_timeout(&address, wait)
                .map(|_| format!("connected to {address}"))
                .map_err(why)
        },
    );
    // Inside a network of its own this arrives nowhere: whoever listens there must not hear it.
    if let Some(address) = target.hostile.address.as_deref() {
        let sent = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"hostile", address));
        report.plant(
            "a datagram",
            sent.map(|_| format!("sent to {address}")).map_err(why),
        );
    }
}

/// Names in its environment that look like somebody else's secret.
fn secrets() -> Outcome {
    let words = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "CREDENTIAL",
        "PARTITA_HOME",
        "SSH_AUTH_SOCK",
        "DBUS_SESSION",
    ];
    let found: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .filter(|name| words.iter().any(|word| name.to_uppercase().contains(word)))
        .collect();
    if found.is_empty() {
        Err("none there".to_owned())
    } else {
        Ok(found.join(", "))
    }
}

fn command(target: &Target<'_>, line: &str) -> Outcome {
    let cwd: &Path = &target.cwd;
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(cwd)
        .stdin(Stdio::null())
        .output()
        .map_err(why)?;
    if output.status.success() {
        return Ok("it worked".to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said
        .lines()
        .next()
        .unwrap_or("it failed")
        .chars()
        .take(120)
        .collect())
}
