//! The ground that the hostile agent stands on: decoys for everything that it looks for, each with a secret of its own
//! or with somebody who listens.

use crate::common::{Kept, order};
use domain::{Access, Network};
use engine::ports::WorkOrder;
use serde_json::json;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Files that hold a secret, by where they are.
const SECRETS: [&str; 18] = [
    "user/.ssh/id_ed25519",
    "user/.git-credentials",
    "user/.aws/credentials",
    "user/.claude/.credentials.json",
    "user/.codex/auth.json",
    "user/.bashrc",
    "user/.gitconfig",
    "user/.config/partita/config.toml",
    "home/orchestrator.db",
    "home/orchestrator.log",
    "home/orchestrator.pid",
    "home/accounts/claude/default/token",
    "home/transcripts/other",
    "home/blobs/other",
    "home/backups/other",
    "home/worktrees/other/step/tree/secret",
    "home/homes/other/secret",
    "outside/secret",
];
/// Files that something is to be done to.
const OTHERS: [&str; 7] = [
    "existing", "renamed", "moved", "deleted", "emptied", "mode", "time",
];
/// Sockets of the person's session.
const SESSION: [&str; 6] = [
    "bus",
    "X0",
    "wayland-0",
    "ssh-agent.socket",
    "gnupg/S.gpg-agent",
    "docker.sock",
];

/// Where tests have their grounds.
pub(crate) fn base() -> PathBuf {
    match std::env::var("PARTITA_TEST_GROUND") {
        Ok(given) => PathBuf::from(given),
        Err(_) => land(|_| true),
    }
}

/// The build's own folder, or another one where that will not do. Not below `/tmp` or `/var/tmp`, which are private inside
/// the sandbox and would hide what should be seen to be hidden; and short, for the name of a socket has a hundred bytes
/// and some are needed below.
pub(crate) fn land(will_do: impl Fn(&Path) -> bool) -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(own).unwrap();
    let others = ["/srv", "/opt", "/var/lib"].map(Path::new);
    let is_private = |folder: &Path| folder.starts_with("/tmp") || folder.starts_with("/var/tmp");
    let is_short = |folder: &Path| folder.as_os_str().len() <= 50;
    let mut candidates = [own].into_iter().chain(others);
    candidates
        .find(|folder| {
            is_short(folder) && !is_private(folder) && will_do(folder) && tempfile::tempdir_in(folder).is_ok()
        })
        .map(Path::to_owned)
        .expect("a folder for these tests: put the checkout, or CARGO_TARGET_DIR, outside of /tmp")
}

/// Somebody who listens.
pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Listener {
    /// Whether anybody came by.
    pub(crate) fn was_reached(&self) -> bool {
        match self {
            Self::Unix(socket) => socket.accept().is_ok(),
            Self::Tcp(socket) => socket.accept().is_ok(),
            Self::Udp(socket) => {
                let soon = std::time::Duration::from_millis(1);
                socket.set_read_timeout(Some(soon)).unwrap();
                socket.peek_from(&mut [0; 8]).is_ok()
            }
        }
    }
}

pub(crate) struct Ground {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) listeners: Vec<(&'static str, Listener)>,
    pub(crate) victim: Child,
    pub(crate) sleeps: String,
    /// The terminal at which the person sits.
    _terminal: OwnedFd,
    address: String,
    datagrams: String,
    abstract_socket: String,
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.victim.kill());
        drop(self.victim.wait());
        // There only where a control was off.
        drop(std::fs::remove_file(format!("/dev/shm/hostile-{}", self.sleeps)));
    }
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("h-").tempdir_in(base()).unwrap();
        let root = folder.path();
        for (index, name) in SECRETS.iter().enumerate() {
            put(
                &root.join(name),
                &format!("SECRET-{index}-{}\n", name.replace('/', "-")),
            );
        }
        for name in OTHERS {
            put(&root.join("outside").join(name), "old\n");
        }
        for made in ["home/homes", "runtime/gnupg", "user/.config/systemd/user"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        repository(&root.join("project"));
        place(root);
        let sleeps = crate::common::token();
        let abstract_socket = format!("partita-hostile-{sleeps}");
        let (listeners, address, datagrams) = listeners(root, &abstract_socket);
        Self {
            victim: victim(),
            _terminal: terminal(),
            listeners,
            sleeps,
            address,
            datagrams,
            abstract_socket,
            folder,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.path("home/worktrees/run/step/tree")
    }

    /// Beside everything: whatever makes it ran outside of the sandbox.
    pub(crate) fn marker(&self) -> PathBuf {
        self.path("marker")
    }

    /// The hostile task.
    pub(crate) fn hostile(&self, kept: &Arc<Kept>, access: Access, network: Network) -> WorkOrder {
        let hostile = json!({
            "daemon_home": self.path("home"),
            "daemon_pid": self.victim.id(),
            "user_home": self.path("user"),
            "outside": self.path("outside"),
            "other_run": self.path("home/worktrees/other/step/tree"),
            "project": self.path("project"),
            "address": self.address,
            "datagrams": self.datagrams,
            "abstract_socket": self.abstract_socket,
            "runtime": self.path("runtime"),
            "sleeps": self.sleeps,
            "marker": self.marker(),
        });
        let script = json!({ "do": [{ "hostile": hostile }] });
        let mut order = order(
            self.folder.path(),
            kept,
            "rehearsal",
            &format!("Obey.\n\n```rehearsal\n{script}\n```\n"),
        );
        order.place = self.tree();
        order.readable = vec![self.path("project/.git/objects")];
        order.access = access;
        order.network = network;
        order
    }

    /// A task that works, as most do.
    pub(crate) fn honest(&self, kept: &Arc<Kept>) -> WorkOrder {
        let script = "set -e; cat a.txt; echo more >> a.txt; mkdir -p src; echo new > src/new.txt; git add -A; \
                      git commit -qm work; git log --format=%s -1; git status --short | wc -l; cd ~; echo x > mine; \
                      echo x > $TMPDIR/mine; python3 -c 'print(1)' 2>/dev/null || echo 1";
        let mut order = order(self.folder.path(), kept, "command", script);
        order.place = self.tree();
        order.readable = vec![self.path("project/.git/objects")];
        order
    }
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(crate) fn git(folder: &Path, line: &str) {
    let status = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{line}");
}

fn repository(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    git(
        folder,
        "git init -qb main && git config user.name a && git config user.email a@b && echo one > a.txt && git add . && \
         git commit -qm one && git branch other && git remote add origin https://user:SECRET-remote@127.0.0.1:9/x.git",
    );
}

/// As the product makes it: a git folder of the task's own, which reads the project's objects, and a record beside.
fn place(root: &Path) {
    let step = root.join("home/worktrees/run/step");
    std::fs::create_dir_all(step.join("tree")).unwrap();
    let objects = root.join("project/.git/objects");
    git(
        &step.join("tree"),
        &format!(
            "git init -qb partita-work && git config user.name a && git config user.email a@b && \
             rm -rf .git/hooks/* && echo {objects} > .git/objects/info/alternates && \
             git update-ref refs/heads/partita-work $(git -C {project} rev-parse main) && git reset -q --hard && \
             cp -r .git ../keep.git",
            objects = objects.display(),
            project = root.join("project").display(),
        ),
    );
}

/// A terminal of this user's, which lives as long as what is given back.
fn terminal() -> OwnedFd {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    assert!(Path::new(name.to_str().unwrap()).exists());
    terminal
}

/// Stands for the daemon, and for another agent that was given a key.
fn victim() -> Child {
    // It waits by a word of the shell itself: killing it leaves nobody behind.
    let mut victim = Command::new("sh")
        .args(["-c", "echo ready; read -r line", "SECRET-argument"])
        .env("OTHER_API_KEY", "SECRET-environment")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    victim.stdout.take().unwrap().read_exact(&mut [0; 5]).unwrap();
    victim
}

fn listeners(root: &Path, abstract_socket: &str) -> (Vec<(&'static str, Listener)>, String, String) {
    let unix = |path: PathBuf| {
        let socket = UnixListener::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Listener::Unix(socket)
    };
    let names = [
        "connect to the session's bus",
        "connect to the session's display",
        "connect to the session's compositor",
        "connect to the session's key agent",
        "connect to the session's gpg agent",
        "connect to the session's containers",
    ];
    let mut listeners = vec![("connect to the daemon", unix(root.join("home/orchestrator.sock")))];
    for (name, file) in names.into_iter().zip(SESSION) {
        listeners.push((name, unix(root.join("runtime").join(file))));
    }
    let abstractly = SocketAddr::from_abstract_name(abstract_socket).unwrap();
    let abstractly = UnixListener::bind_addr(&abstractly).unwrap();
    abstractly.set_nonblocking(true).unwrap();
    listeners.push(("connect to an abstract socket", Listener::Unix(abstractly)));
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    tcp.set_nonblocking(true).unwrap();
    let address = tcp.local_addr().unwrap();
    // Machines without the newer protocol have nothing to reach there.
    if let Ok(newer) = TcpListener::bind(("::1", address.port())) {
        newer.set_nonblocking(true).unwrap();
        listeners.push(("connect over the newer protocol", Listener::Tcp(newer)));
    }
    listeners.push(("connect to an address", Listener::Tcp(tcp)));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagrams = udp.local_addr().unwrap().to_string();
    let answering = udp.try_clone().unwrap();
    std::thread::spawn(move || {
        // Looks without taking, so that it can be counted; ends with the test.
        while let Ok((_, from)) = answering.peek_from(&mut [0; 64]) {
            if answering.send_to(b"answer", from).is_ok() {
                return;
            }
        }
    });
    listeners.push(("exchange datagrams", Listener::Udp(udp)));
    (listeners, address.to_string(), datagrams)
}
