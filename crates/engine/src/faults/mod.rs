//! Switches that only a test's build has: where it may kill this process, and which control it may turn off.
//!
//! Owns: the lists of both, and how the environment of a test names them. Without the feature `faults` nothing is
//! read, every point is empty, and every question is answered when compiling.

mod control;
mod point;

pub use control::Control;
pub use point::CrashPoint;

/// This process may be killed here.
#[cfg(not(feature = "faults"))]
#[inline]
pub const fn reach(_point: CrashPoint) {}

/// Whether a test has turned this control off.
#[cfg(not(feature = "faults"))]
#[must_use]
#[inline]
pub const fn is_off(_control: Control) -> bool {
    false
}

#[cfg(feature = "faults")]
pub use switch::{is_off, reach};

#[cfg(feature = "faults")]
mod switch {
    use super::{Control, CrashPoint};
    use std::collections::BTreeSet;
    use std::io::Write;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// `point` or `point:3`: the process dies there, the third time it comes by.
    const CRASH_AT: &str = "PARTITA_CRASH_AT";
    /// The same, but what is being done there panics.
    const PANIC_AT: &str = "PARTITA_PANIC_AT";
    /// The same, but the process stops there until somebody lets it go on: by a file beside the log, then by a signal.
    const STOP_AT: &str = "PARTITA_STOP_AT";
    /// A file that gets a line with the point's name before any of it.
    const CRASH_LOG: &str = "PARTITA_CRASH_LOG";
    /// Names of controls, with commas between.
    const WITHOUT: &str = "PARTITA_WITHOUT";

    /// What befalls the process.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Fate {
        Death,
        Panic,
        Stop,
    }

    struct Aim {
        fate: Fate,
        point: CrashPoint,
        hits_left: AtomicU64,
    }

    impl Aim {
        fn read(name: &str, fate: Fate) -> Option<Self> {
            let text = std::env::var(name).ok()?;
            let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
            let point = CrashPoint::named(name).expect("a test names a point of the list");
            let count = count.parse().expect("a test counts in numbers");
            Some(Self {
                fate,
                point,
                hits_left: AtomicU64::new(count),
            })
        }
    }

    static AIM: LazyLock<Option<Aim>> = LazyLock::new(|| {
        let fates = [
            (CRASH_AT, Fate::Death),
            (PANIC_AT, Fate::Panic),
            (STOP_AT, Fate::Stop),
        ];
        fates.into_iter().find_map(|(name, fate)| Aim::read(name, fate))
    });

    static OFF: LazyLock<BTreeSet<Control>> = LazyLock::new(|| {
        let text = std::env::var(WITHOUT).unwrap_or_default();
        let names = text.split(',').filter(|name| !name.is_empty());
        names
            .map(|name| Control::named(name).expect("a test names a control of the list"))
            .collect()
    });

    /// This process may be killed here, at once and without a word, as by the machine's death; or stopped; or what is
    /// being done may panic.
    pub fn reach(point: CrashPoint) {
        let Some(aim) = AIM.as_ref().filter(|aim| aim.point == point) else {
            return;
        };
        if aim.hits_left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        if let Ok(path) = std::env::var(CRASH_LOG) {
            let mut log = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .expect("a test's log can be written");
            log.write_all(format!("{}\n", point.name()).as_bytes())
                .expect("a test's log can be written");
        }
        let send = |signal| {
            rustix::process::kill_process(rustix::process::getpid(), signal)
                .expect("a process may signal itself");
        };
        match aim.fate {
            Fate::Panic => panic!("a test wants a panic at {}", point.name()),
            Fate::Stop => {
                send(rustix::process::Signal::STOP);
                // It may take a moment to arrive as well, and finds another thread first.
                let log = std::env::var(CRASH_LOG).expect("a test that stops a process looks at its log");
                let is_let_go_on = || std::path::Path::new(&format!("{log}.go-on")).exists();
                while !is_let_go_on() {
                    std::thread::park_timeout(std::time::Duration::from_millis(1));
                }
            }
            Fate::Death => {
                send(rustix::process::Signal::KILL);
                // The signal may take a moment to arrive; nothing more may happen until it does.
                loop {
                    std::thread::park();
                }
            }
        }
    }

    /// Whether a test has turned this control off.
    #[must_use]
    pub fn is_off(control: Control) -> bool {
        OFF.contains(&control)
    }
}
