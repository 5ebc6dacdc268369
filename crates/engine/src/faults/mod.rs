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
    /// A file that gets a line with the point's name before the process dies there.
    const CRASH_LOG: &str = "PARTITA_CRASH_LOG";
    /// Names of controls, with commas between.
    const WITHOUT: &str = "PARTITA_WITHOUT";

    struct Aim {
        point: CrashPoint,
        hits_left: AtomicU64,
    }

    static AIM: LazyLock<Option<Aim>> = LazyLock::new(|| {
        let text = std::env::var(CRASH_AT).ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        let point = CrashPoint::named(name).expect("a test names a point of the list");
        let count = count.parse().expect("a test counts in numbers");
        Some(Aim {
            point,
            hits_left: AtomicU64::new(count),
        })
    });

    static OFF: LazyLock<BTreeSet<Control>> = LazyLock::new(|| {
        let text = std::env::var(WITHOUT).unwrap_or_default();
        let names = text.split(',').filter(|name| !name.is_empty());
        names
            .map(|name| Control::named(name).expect("a test names a control of the list"))
            .collect()
    });

    /// This process may be killed here, at once and without a word, as by the machine's death.
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
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .expect("a process may kill itself");
        // The signal may take a moment to arrive; nothing more may happen until it does.
        loop {
            std::thread::park();
        }
    }

    /// Whether a test has turned this control off.
    #[must_use]
    pub fn is_off(control: Control) -> bool {
        OFF.contains(&control)
    }
}
