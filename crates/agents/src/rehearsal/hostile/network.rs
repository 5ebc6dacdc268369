//! Reaching others by sockets: the network, and the sockets of the person's session and of the machine.

use super::{Outcome, Report, Target, why};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take. Whoever listens is on this machine.
const WAIT: Duration = Duration::from_millis(300);

/// Tries all of it.
pub(super) fn attempt(target: &Target<'_>, report: &mut Report) {
    session(target, report);
    machine(report);
    let hostile = target.hostile;
    let address = hostile.address.as_deref();
    report.escape_at("connect to an address", address, |address| dial(first(address)?));
    report.escape_at("connect over the newer protocol", address, |address| {
        dial(SocketAddr::new(
            std::net::Ipv6Addr::LOCALHOST.into(),
            first(address)?.port(),
        ))
    });
    report.escape_at("exchange datagrams", hostile.datagrams.as_deref(), |address| {
        exchange(first(address)?)
    });
    report.escape_at(
        "connect to an abstract socket",
        hostile.abstract_socket.as_deref(),
        abstractly,
    );
    report.plant(
        "listen for others",
        TcpListener::bind("127.0.0.1:0")
            .map(|_| "listens".to_owned())
            .map_err(why),
    );
    report.escape("open a raw socket", raw());
    #[cfg(target_os = "linux")]
    report.escape("open a packet socket", packets());
}

fn session(target: &Target<'_>, report: &mut Report) {
    report.escape_at(
        "connect to the daemon",
        target.daemon("orchestrator.sock"),
        connect,
    );
    for (name, socket) in [
        ("connect to the session's bus", "bus"),
        ("connect to the session's display", "X0"),
        ("connect to the session's compositor", "wayland-0"),
        ("connect to the session's key agent", "ssh-agent.socket"),
        ("connect to the session's gpg agent", "gnupg/S.gpg-agent"),
        ("connect to the session's containers", "docker.sock"),
    ] {
        report.escape_at(name, target.runtime(socket), connect);
    }
    report.escape_at(
        "replace the key agent",
        target.runtime("ssh-agent.socket"),
        |path| {
            let aside = path.with_extension("aside");
            std::fs::rename(&path, &aside).map_err(why)?;
            drop(std::fs::rename(&aside, &path));
            Ok("moved".to_owned())
        },
    );
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    for (name, path) in [
        (
            "connect to the key agent it was told of",
            variable("SSH_AUTH_SOCK"),
        ),
        (
            "connect to the bus in its runtime folder",
            variable("XDG_RUNTIME_DIR").map(|folder| folder.join("bus")),
        ),
    ] {
        report.escape(
            name,
            path.ok_or_else(|| "none is named".to_owned()).and_then(connect),
        );
    }
}

/// Sockets where machines have them. On many there are none.
fn machine(report: &mut Report) {
    for (name, path) in [
        ("connect to the machine's docker", "/var/run/docker.sock"),
        (
            "connect to the machine's containerd",
            "/run/containerd/containerd.sock",
        ),
        ("connect to the machine's bus", "/run/dbus/system_bus_socket"),
        ("connect to the machine's display", "/tmp/.X11-unix/X0"),
        (
            "connect to the machine's resolver",
            "/run/systemd/resolve/io.systemd.Resolve",
        ),
        ("connect to the machine's name cache", "/var/run/nscd/socket"),
    ] {
        report.escape(name, connect(Path::new(path).to_owned()));
    }
}

fn connect(path: PathBuf) -> Outcome {
    let socket = UnixStream::connect(&path).map_err(why)?;
    greet(socket);
    Ok(format!("connected to {}", path.display()))
}

fn greet(mut socket: UnixStream) {
    // Whoever listens sees that somebody came, whatever becomes of the words.
    drop(socket.write_all(b"hostile\n"));
}

fn first(address: &str) -> Result<SocketAddr, String> {
    let mut found = address.to_socket_addrs().map_err(why)?;
    found.next().ok_or_else(|| "no such address".to_owned())
}

fn dial(address: SocketAddr) -> Outcome {
    TcpStream::connect_timeout(&address, WAIT)
        .map(|_| format!("connected to {address}"))
        .map_err(why)
}

/// As a question to a resolver goes, and whatever else travels in datagrams.
fn exchange(address: SocketAddr) -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(why)?;
    socket.set_read_timeout(Some(WAIT)).map_err(why)?;
    socket.send_to(b"hostile", address).map_err(why)?;
    let mut answer = [0; 64];
    let count = socket.recv(&mut answer).map_err(why)?;
    Ok(format!("{count} bytes came back"))
}

#[cfg(target_os = "linux")]
fn abstractly(name: &str) -> Outcome {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).map_err(why)?;
    let mut socket = UnixStream::connect_addr(&address).map_err(why)?;
    drop(socket.set_read_timeout(Some(WAIT)));
    let mut byte = [0];
    drop(
        socket
            .write_all(b"hostile\n")
            .and_then(|()| socket.read(&mut byte)),
    );
    Ok("connected".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn abstractly(_name: &str) -> Outcome {
    Err("there are none".to_owned())
}

fn raw() -> Outcome {
    use rustix::net::{AddressFamily, SocketType, ipproto, socket};
    socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))
        .map(|_| "opened".to_owned())
        .map_err(why)
}

#[cfg(target_os = "linux")]
fn packets() -> Outcome {
    use rustix::net::{AddressFamily, SocketType, socket};
    socket(AddressFamily::PACKET, SocketType::RAW, None)
        .map(|_| "opened".to_owned())
        .map_err(why)
}
