//! Says numbered lines at an even pace, each with the time it was said, and in the end how long one took, and how long the
//! pipe had no room for one: for measuring what becomes of live output.

use super::act::{Next, Player};
use super::detail::Lines;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::{Duration, Instant, UNIX_EPOCH};

impl Player<'_> {
    /// Says them. What could not be said in time is said as soon as it can be, so that the pace is kept.
    pub(super) fn lines(&mut self, lines: &Lines) -> Next {
        let begun = Instant::now();
        let (mut longest, mut longest_full) = (Duration::ZERO, Duration::ZERO);
        for number in 0..lines.count {
            let due = begun + pause(number, lines.per_second);
            let early = due.saturating_duration_since(Instant::now());
            if let Some(finish) = self.pause_for(early, false)? {
                return Ok(Some(finish));
            }
            let is_full = is_pipe_full();
            let asked = Instant::now();
            self.say(&format!(
                "{number:06} @{:016} a line of about the length that builds print\n",
                now_us()
            ))?;
            let took = asked.elapsed();
            longest = longest.max(took);
            if is_full {
                longest_full = longest_full.max(took);
            }
        }
        self.say(&format!(
            "a line took {} microseconds at most, and at a full pipe {}\n",
            longest.as_micros(),
            longest_full.as_micros()
        ))?;
        Ok(None)
    }
}

/// Whether what is said now waits for whoever reads it. Otherwise a line that takes long waits for a processor only.
fn is_pipe_full() -> bool {
    let stdout = std::io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::OUT)];
    poll(&mut ends, Some(&Timespec::default())) == Ok(0)
}

/// When a line is due, from the first one on.
fn pause(number: u32, per_second: u32) -> Duration {
    Duration::from_secs_f64(f64::from(number) / f64::from(per_second.max(1)))
}

fn now_us() -> u128 {
    #[expect(
        clippy::disallowed_methods,
        reason = "whoever hears the line is another process, and compares with its own clock"
    )]
    let now = std::time::SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_due_at_an_even_pace() {
        assert_eq!(pause(0, 1_000), Duration::ZERO);
        assert_eq!(pause(2_500, 1_000), Duration::from_millis(2_500));
        assert_eq!(pause(3, 0), Duration::from_secs(3));
    }
}
