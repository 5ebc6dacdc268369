//! Owns: the attempt to escape. What a sandbox is worth is not read from versions: a small program tries what must
//! not work, and says what did.

use super::{Bounds, Choice, Containment, Policy, Program, Sandbox, weakness};
use crate::confined::{Errand, Limits, run};
use crate::spawner::Spawner;
use domain::{Access, Network};
use engine::faults::{Control, is_off};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One way of bounding processes, tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub sandbox: Sandbox,
    /// Whether it started at all, and what got out; nothing means it holds.
    pub got_out: Result<Vec<String>, String>,
}

impl Attempt {
    fn holds(&self) -> bool {
        self.got_out.as_ref().is_ok_and(Vec::is_empty)
    }
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// What every task gets.
    pub bounds: Bounds,
    /// What was tried to find out.
    pub attempts: Vec<Attempt>,
    /// Whether a sandbox can be made inside the sandbox, as some agents do for their commands.
    pub nests: bool,
    /// Whether tasks that must not write may run although nothing keeps them from it.
    pub read_without_sandbox: bool,
    /// Weaknesses of what is in force, for people.
    pub weaknesses: Vec<String>,
}

/// Each line is a thing that must fail, and its name; datagrams are told apart, for some kernels cannot refuse them. A lasting effect is looked for outside.
const SCRIPT: &str = r#"
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "OUT $name"; fi; }
try write-outside sh -c 'echo x > "$OUTSIDE/planted"'
try read-outside cat "$OUTSIDE/secret"
try list-outside ls "$OUTSIDE/"
try write-tree sh -c 'echo x > "$PLACE/planted"'
try read-shadow cat /etc/shadow
try write-system sh -c 'echo x > /usr/partita-planted'
if [ -n "$PARENT" ]; then
  try see-parent-environment sh -c 'head -c 1 /proc/$PARENT/environ | grep -aq .'
  try signal-parent kill -0 "$PARENT"
fi
if [ -x /bin/bash ]; then
  try network /bin/bash -c ': < /dev/tcp/127.0.0.1/$PORT'
  if /bin/bash -c 'echo x > /dev/udp/127.0.0.1/$PORT' 2>/dev/null; then echo "WEAK datagrams"; fi
fi
if [ -n "$NEST" ] && "$NEST" --unshare-user --unshare-pid --ro-bind / / --proc /proc true 2>/dev/null; then echo NESTS; fi
echo DONE
"#;

/// Finds bubblewrap: the system's own, since some systems let only that make namespaces.
fn program() -> Option<PathBuf> {
    [
        "/usr/bin/bwrap",
        "/bin/bwrap",
        "/usr/local/bin/bwrap",
        "/run/current-system/sw/bin/bwrap",
    ]
    .map(PathBuf::from)
    .into_iter()
    .find(|path| path.is_file())
}

/// Finds what gives a process a network of its own.
fn unsharer() -> Option<PathBuf> {
    [
        "/usr/bin/unshare",
        "/bin/unshare",
        "/run/current-system/sw/bin/unshare",
    ]
    .map(PathBuf::from)
    .into_iter()
    .find(|path| path.is_file())
}

/// Tries what the machine has, strongest first, and settles on the first that holds, or on what the user chose.
pub(crate) async fn probe(spawner: &Spawner, scratch: &Path, choice: &Choice) -> Result<InForce, String> {
    let bubblewrap = program();
    let wanted: &[Sandbox] = match choice.mode {
        Some(Sandbox::Bubblewrap) => &[Sandbox::Bubblewrap],
        Some(Sandbox::Landlock) => &[Sandbox::Landlock],
        Some(Sandbox::None) => &[],
        None => &[Sandbox::Bubblewrap, Sandbox::Landlock],
    };
    let mut attempts = Vec::new();
    let (mut nests, mut namespaces) = (false, false);
    let mut found: Option<(Bounds, Vec<String>)> = None;
    for sandbox in [Sandbox::Bubblewrap, Sandbox::Landlock] {
        if !wanted.contains(&sandbox) && choice.mode.is_none() {
            continue;
        }
        let (bounds, tried) = strongest(spawner, scratch, sandbox, bubblewrap.clone()).await;
        if sandbox == Sandbox::Bubblewrap {
            nests = tried.as_ref().is_ok_and(|tried| tried.nests);
            namespaces = tried.is_ok();
        }
        let weak = tried.as_ref().map(|tried| tried.weak.clone()).unwrap_or_default();
        let attempt = Attempt {
            sandbox,
            got_out: tried.map(|tried| tried.out),
        };
        let holds = attempt.holds();
        attempts.push(attempt);
        if holds && wanted.contains(&sandbox) {
            found = Some((bounds, weak));
            break;
        }
    }
    if let (None, Some(mode @ (Sandbox::Bubblewrap | Sandbox::Landlock))) = (&found, choice.mode) {
        return Err(format!(
            "the sandbox `{}` that agents.toml asks for does not hold here: {attempts:?}",
            mode.word()
        ));
    }
    let (mut bounds, weak) = found.unwrap_or_else(|| (candidate(Sandbox::None, None), Vec::new()));
    bounds.containment = match (choice.containment, bounds.sandbox) {
        (Some(Containment::Bubblewrap), _) if !namespaces && bounds.sandbox != Sandbox::Bubblewrap => {
            return Err("the containment `bwrap` that agents.toml asks for does not work here".to_owned());
        }
        // Its mounts need its process namespace.
        (_, Sandbox::Bubblewrap) | (Some(Containment::Bubblewrap), _) => Containment::Bubblewrap,
        (Some(Containment::Shim), _) => Containment::Shim,
        (None, _) if namespaces => Containment::Bubblewrap,
        (None, _) => Containment::Shim,
    };
    bounds.bubblewrap = bubblewrap.filter(|_| bounds.containment == Containment::Bubblewrap);
    let weaknesses = weakness::of(&bounds, &weak);
    Ok(InForce {
        bounds,
        attempts,
        nests,
        read_without_sandbox: choice.read_without_sandbox,
        weaknesses,
    })
}

fn candidate(sandbox: Sandbox, bubblewrap: Option<PathBuf>) -> Bounds {
    match sandbox {
        Sandbox::Bubblewrap => Bounds {
            containment: Containment::Bubblewrap,
            sandbox,
            bubblewrap,
            scoping: None,
            unsharing: None,
        },
        Sandbox::Landlock | Sandbox::None => Bounds {
            containment: Containment::Shim,
            sandbox,
            bubblewrap: None,
            scoping: None,
            unsharing: None,
        },
    }
}

/// Tries a sandbox with what makes it stronger, which not every kernel has, then without.
async fn strongest(
    spawner: &Spawner,
    scratch: &Path,
    sandbox: Sandbox,
    bubblewrap: Option<PathBuf>,
) -> (Bounds, Result<Tried, String>) {
    let plain = candidate(sandbox, bubblewrap);
    let stronger = match sandbox {
        Sandbox::Bubblewrap => Bounds {
            scoping: (!is_off(Control::AbstractSockets)).then(|| spawner.shim().to_owned()),
            ..plain.clone()
        },
        Sandbox::Landlock | Sandbox::None => Bounds {
            unsharing: unsharer().filter(|_| !is_off(Control::OwnNetwork)),
            ..plain.clone()
        },
    };
    let tried = attempt(spawner, scratch, &stronger).await;
    if tried.is_ok() || stronger == plain {
        return (stronger, tried);
    }
    let tried = attempt(spawner, scratch, &plain).await;
    (plain, tried)
}

/// What came of an attempt that started.
struct Tried {
    /// What got out.
    out: Vec<String>,
    /// What works although it should not, and is not what a sandbox is there for.
    weak: Vec<String>,
    /// Whether a sandbox can be made inside.
    nests: bool,
}

async fn attempt(spawner: &Spawner, scratch: &Path, bounds: &Bounds) -> Result<Tried, String> {
    if bounds.sandbox == Sandbox::Bubblewrap && bounds.bubblewrap.is_none() {
        return Err("bubblewrap is not installed".to_owned());
    }
    let ground = scratch.join(bounds.sandbox.word());
    let tried = on_ground(spawner, &ground, bounds).await;
    let _left = std::fs::remove_dir_all(&ground);
    tried
}

async fn on_ground(spawner: &Spawner, ground: &Path, bounds: &Bounds) -> Result<Tried, String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let [place, outside, temporary] = ["place", "outside", "tmp"].map(|name| ground.join(name));
    for folder in [&place, &outside, &temporary] {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::write(outside.join("secret"), "secret").map_err(|error| error.to_string())?;
    // Numbers mean other processes inside a namespace.
    let parent = if bounds.sandbox == Sandbox::Landlock {
        std::process::id().to_string()
    } else {
        String::new()
    };
    let heard = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let port = heard.local_addr().map_err(|error| error.to_string())?.port();
    let nest = bounds.bubblewrap.as_deref().map(text).unwrap_or_default();
    let environment = [
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("OUTSIDE", text(&outside)),
        ("PLACE", text(&place)),
        ("PARENT", parent),
        ("PORT", port.to_string()),
        ("NEST", nest),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let policy = Policy {
        place,
        access: Access::Read,
        protects_tree: true,
        unseen: Vec::new(),
        network: Network::None,
        home: None,
        temporary,
        readable: Vec::new(),
        writable: Vec::new(),
    };
    let line = ["/bin/sh", "-c", SCRIPT].map(ToOwned::to_owned).to_vec();
    let limits = Limits {
        time: Duration::from_secs(20),
        output_max: 1 << 16,
    };
    let errand = Errand {
        mark: "probe",
        policy: &policy,
        bounds,
        program: Program { line, environment },
        input: None,
        limits,
    };
    let ended = run(spawner, errand).await.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    if !said.lines().any(|line| line == "DONE") {
        return Err(format!(
            "it does not start: {}",
            String::from_utf8_lossy(&ended.stderr).trim()
        ));
    }
    let words = |mark: &str| -> Vec<String> {
        let marked = said.lines().filter_map(|line| line.strip_prefix(mark));
        marked.map(ToOwned::to_owned).collect()
    };
    Ok(Tried {
        out: words("OUT "),
        weak: words("WEAK "),
        nests: said.lines().any(|line| line == "NESTS"),
    })
}
