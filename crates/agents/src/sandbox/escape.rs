//! Owns: the attempt to escape. What a sandbox is worth is not read from versions: a small program tries what must
//! not work, and says what did.

use super::{Bounds, Choice, Containment, Policy, Program, Sandbox};
use crate::confined::{Errand, Limits, run};
use crate::spawner::Spawner;
use domain::{Access, Network};
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

/// Each line is a thing that must fail, and its name. A lasting effect is looked for outside.
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
if [ -x /bin/bash ]; then try network /bin/bash -c ': < /dev/tcp/127.0.0.1/$PORT'; fi
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
    let mut nests = false;
    let mut namespaces = false;
    for sandbox in [Sandbox::Bubblewrap, Sandbox::Landlock] {
        if !wanted.contains(&sandbox) && choice.mode.is_none() {
            continue;
        }
        let bounds = candidate(sandbox, bubblewrap.clone());
        let (got_out, inner) = attempt(spawner, scratch, &bounds).await;
        let attempt = Attempt { sandbox, got_out };
        if sandbox == Sandbox::Bubblewrap {
            nests = inner;
            namespaces = attempt.got_out.is_ok();
        }
        let holds = attempt.holds();
        attempts.push(attempt);
        if holds && wanted.contains(&sandbox) {
            break;
        }
    }
    let found = wanted.iter().copied().find(|sandbox| {
        attempts
            .iter()
            .any(|tried| tried.sandbox == *sandbox && tried.holds())
    });
    if let (None, Some(mode @ (Sandbox::Bubblewrap | Sandbox::Landlock))) = (found, choice.mode) {
        return Err(format!(
            "the sandbox `{}` that agents.toml asks for does not hold here: {attempts:?}",
            mode.word()
        ));
    }
    let sandbox = found.unwrap_or(Sandbox::None);
    let containment = match (choice.containment, sandbox) {
        (Some(Containment::Bubblewrap), _) if !namespaces && sandbox != Sandbox::Bubblewrap => {
            return Err("the containment `bwrap` that agents.toml asks for does not work here".to_owned());
        }
        // Its mounts need its process namespace.
        (_, Sandbox::Bubblewrap) | (Some(Containment::Bubblewrap), _) => Containment::Bubblewrap,
        (Some(Containment::Shim), _) => Containment::Shim,
        (None, _) if namespaces => Containment::Bubblewrap,
        (None, _) => Containment::Shim,
    };
    let bubblewrap = bubblewrap.filter(|_| containment == Containment::Bubblewrap);
    let bounds = Bounds {
        containment,
        sandbox,
        bubblewrap,
    };
    let weaknesses = weaknesses(&bounds);
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
        },
        Sandbox::Landlock | Sandbox::None => Bounds {
            containment: Containment::Shim,
            sandbox,
            bubblewrap: None,
        },
    }
}

/// What got out, and whether a sandbox can be made inside.
async fn attempt(spawner: &Spawner, scratch: &Path, bounds: &Bounds) -> (Result<Vec<String>, String>, bool) {
    if bounds.sandbox == Sandbox::Bubblewrap && bounds.bubblewrap.is_none() {
        return (Err("bubblewrap is not installed".to_owned()), false);
    }
    let ground = scratch.join(bounds.sandbox.word());
    let tried = on_ground(spawner, &ground, bounds).await;
    let _left = std::fs::remove_dir_all(&ground);
    match tried {
        Ok((out, nests)) => (Ok(out), nests),
        Err(wrong) => (Err(wrong), false),
    }
}

async fn on_ground(spawner: &Spawner, ground: &Path, bounds: &Bounds) -> Result<(Vec<String>, bool), String> {
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
    let out = said
        .lines()
        .filter_map(|line| line.strip_prefix("OUT "))
        .map(ToOwned::to_owned)
        .collect();
    Ok((out, said.lines().any(|line| line == "NESTS")))
}

fn weaknesses(bounds: &Bounds) -> Vec<String> {
    let said: &[&str] = match bounds.sandbox {
        Sandbox::Bubblewrap => &["a task that may use the network can reach abstract local sockets, too"],
        Sandbox::Landlock => &[
            "modes, owners and times of files of this user can be changed, their contents cannot",
            "configuration inside a writable tree is compared afterwards, not kept from being changed",
            "local sockets of this user can be connected to on kernels before 7.1",
            "without network, TCP is closed; other protocols are not",
        ],
        Sandbox::None => &["nothing keeps a task from touching what this user may touch"],
    };
    let shim: &[&str] = match bounds.containment {
        Containment::Bubblewrap => &[],
        Containment::Shim => &["a task that kills its own guard is found by its mark only"],
    };
    said.iter().chain(shim).map(|text| (*text).to_owned()).collect()
}
