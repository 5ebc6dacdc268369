//! Which containments go with which sandboxes, which of them this machine allows, and to whom. Asked of the machine
//! itself, not of what is tested: a machine that allows none does not pass in silence.

use crate::common::{PATIENCE, config};
use agents::{Containment, Fleet, Sandbox};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// A containment and a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Both are bubblewrap. The shim alone cannot carry its mounts, so that asking for it gives this as well.
    Bubblewrap,
    /// A process namespace, and Landlock in it.
    BubblewrapLandlock,
    /// The shim, and Landlock.
    ShimLandlock,
}

impl Pair {
    pub(crate) const ALL: [Self; 3] = [Self::Bubblewrap, Self::BubblewrapLandlock, Self::ShimLandlock];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bubblewrap => "bwrap",
            Self::BubblewrapLandlock => "bwrap+landlock",
            Self::ShimLandlock => "shim+landlock",
        }
    }

    /// As `agents.toml` says it.
    pub(crate) const fn config(self) -> &'static str {
        match self {
            Self::Bubblewrap => "[sandbox]\nmode = 'bwrap'\n",
            Self::BubblewrapLandlock => "[sandbox]\nmode = 'landlock'\ncontainment = 'bwrap'\n",
            Self::ShimLandlock => "[sandbox]\nmode = 'landlock'\ncontainment = 'shim'\n",
        }
    }

    pub(crate) const fn has_landlock(self) -> bool {
        !matches!(self, Self::Bubblewrap)
    }

    const fn has_namespaces(self) -> bool {
        !matches!(self, Self::ShimLandlock)
    }

    /// Whether the machine should allow it to whoever asks.
    pub(crate) fn should_hold(self, who: Who) -> bool {
        (!self.has_namespaces() || who.can_make_namespaces()) && (!self.has_landlock() || landlock_abi() >= 6)
    }
}

/// Whose tasks they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The superuser.
    Root,
    /// Anybody else.
    Ordinary,
}

/// The user `nobody` on every Linux.
const NOBODY: u32 = 65_534;
/// Set in a copy of this program that runs as somebody else.
const COPY: &str = "PARTITA_TEST_COPY";

impl Who {
    pub(crate) fn we_are() -> Self {
        if rustix::process::geteuid().is_root() {
            Self::Root
        } else {
            Self::Ordinary
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ordinary => "user",
        }
    }

    /// Asks the machine, by another way than the product.
    fn can_make_namespaces(self) -> bool {
        let line = [
            "--unshare-user-try",
            "--unshare-pid",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "true",
        ];
        let mut command = Command::new("/usr/bin/bwrap");
        command.args(line).stderr(Stdio::null()).current_dir("/");
        if self == Self::Ordinary && Self::we_are() == Self::Root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.status().is_ok_and(|status| status.success())
    }
}

/// The newest Landlock that both this kernel and we know; nought where there is none. It is told to who restricts
/// itself only: a thread that does no more than that.
pub(crate) fn landlock_abi() -> i32 {
    static ABI: LazyLock<i32> = LazyLock::new(ask_landlock);
    *ABI
}

fn ask_landlock() -> i32 {
    use landlock::{LandlockStatus, Ruleset, RulesetAttr as _, Scope};
    let restricted = std::thread::spawn(|| {
        let ruleset = Ruleset::default()
            .scope(Scope::AbstractUnixSocket)
            .and_then(Ruleset::create);
        ruleset.and_then(landlock::RulesetCreated::restrict_self)
    });
    match restricted.join().unwrap().map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, .. }) => effective_abi as i32,
        Ok(_) | Err(_) => 0,
    }
}

/// Whether we may make user namespaces without bubblewrap, and networks with them.
pub(crate) fn has_user_namespaces() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-current-user", "--net", "true"])
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    *HAS
}

/// Runs a test of this program again as an ordinary user, from a copy in a folder of that user's own.
pub(crate) fn again_as_an_ordinary_user(test: &str) {
    assert!(
        std::env::var_os(COPY).is_none(),
        "the copy is still the superuser"
    );
    let ground = tempfile::Builder::new()
        .prefix("p-")
        .tempdir_in(open_to_all())
        .unwrap();
    let [program, shim] = [
        std::env::current_exe().unwrap(),
        env!("CARGO_BIN_EXE_agents-shim").into(),
    ]
    .map(|from: PathBuf| {
        let to = ground.path().join(from.file_name().unwrap());
        std::fs::copy(from, &to).unwrap();
        to
    });
    std::os::unix::fs::chown(ground.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let status = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(COPY, "1")
        .env("HOME", "/nonexistent")
        .env("PARTITA_TEST_GROUND", ground.path())
        .env("PARTITA_TEST_SHIM", shim)
        .current_dir(ground.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .status()
        .unwrap();
    assert!(status.success(), "as an ordinary user: {status}");
}

/// A folder whose name is short and whose parents everybody may enter.
fn open_to_all() -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let may_enter =
        |folder: &Path| std::fs::metadata(folder).is_ok_and(|seen| seen.permissions().mode() & 0o001 != 0);
    crate::ground::land(|folder| folder.ancestors().all(may_enter))
}

/// What is said about each pair, for people, and whether it is as the machine allows.
fn report(who: Who) -> (String, bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut text, mut ran, mut is_right) = (String::new(), 0, true);
    for pair in Pair::ALL {
        let ground = tempfile::tempdir_in(crate::ground::base()).unwrap();
        let made = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, Fleet::new(config(ground.path(), pair.config(), &[]))).await
        });
        let made = made.expect("in time");
        let should = pair.should_hold(who);
        is_right &= made.is_ok() == should;
        ran += u32::from(made.is_ok());
        let said = match &made {
            Ok(fleet) => format!("in force: {:?}", fleet.in_force().bounds),
            Err(error) => format!("NOT in force: {error}"),
        };
        text.push_str(&format!("{} {}: {said}\n", who.name(), pair.name()));
    }
    (text, is_right && ran > 0)
}

#[test]
fn s4_21_the_pairs_in_force_are_those_that_the_machine_allows() {
    let (text, is_right) = report(Who::we_are());
    println!("{text}Landlock {}", landlock_abi());
    assert!(is_right, "the machine allows others, or none:\n{text}");
    if Who::we_are() == Who::Root {
        again_as_an_ordinary_user("pairs::s4_21_the_pairs_in_force_are_those_that_the_machine_allows");
    }
}

#[test]
fn s4_21_mounts_bring_their_process_namespace_along() {
    let ground = tempfile::tempdir_in(crate::ground::base()).unwrap();
    let asked = "[sandbox]\nmode = 'bwrap'\ncontainment = 'shim'\n";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Ok(fleet) = runtime.block_on(Fleet::new(config(ground.path(), asked, &[]))) else {
        assert!(!Pair::Bubblewrap.should_hold(Who::we_are()));
        return;
    };
    let bounds = &fleet.in_force().bounds;
    assert_eq!(
        (bounds.containment, bounds.sandbox),
        (Containment::Bubblewrap, Sandbox::Bubblewrap)
    );
}
