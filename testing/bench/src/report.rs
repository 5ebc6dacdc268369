//! The outcome for people and for programs, and the machine that it was measured on.

use crate::figure::{Figure, Spread, Target, Unit};
use serde::Serialize;
use std::fmt::Write as _;

/// The machine, as far as it explains the numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Processors that we may use.
    pub processors: usize,
    /// The load over one, five and fifteen minutes before the first measurement.
    pub load_before: String,
    /// The same after the last one.
    pub load_after: String,
    /// The system's name and version.
    pub system: String,
}

impl Machine {
    /// As it is now.
    #[must_use]
    pub fn look() -> Self {
        let load = load();
        let system = std::fs::read_to_string("/proc/version").unwrap_or_default();
        Self {
            processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            load_after: load.clone(),
            load_before: load,
            system: system.split(" (").next().unwrap_or_default().trim().to_owned(),
        }
    }

    /// The same machine, after the measurements.
    #[must_use]
    pub fn after(self) -> Self {
        Self {
            load_after: load(),
            ..self
        }
    }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// What came out, by measurement.
    pub measured: Vec<Measured>,
}

/// What one measurement gave.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Which.
    pub name: String,
    /// How long it took.
    pub seconds: f64,
    /// Its numbers.
    pub figures: Vec<Figure>,
}

impl Report {
    /// For a program.
    ///
    /// # Errors
    /// When a number is none.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// For a person.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        for measured in &self.measured {
            let _ = writeln!(text, "\n{} ({:.0} s)", measured.name, measured.seconds);
            for figure in &measured.figures {
                text.push_str(&line(figure));
            }
        }
        let machine = &self.machine;
        let _ = writeln!(
            text,
            "\n{} processors, {}; load {} before, {} after",
            machine.processors, machine.system, machine.load_before, machine.load_after
        );
        text
    }
}

fn line(figure: &Figure) -> String {
    let mut text = format!("  {:<44} {:>22}", figure.name, spread(figure.value, figure.unit));
    if let Some(floor) = &figure.floor {
        let _ = write!(
            text,
            "   {:>17} {} ({})",
            spread(floor.ratio, Unit::Ratio),
            floor.name,
            number(floor.value.median, figure.unit)
        );
    }
    if let Some(is_met) = figure.is_met() {
        let aims = figure.targets.iter().map(|target| aim(*target, figure.unit));
        let word = if is_met { "met" } else { "MISSED" };
        let _ = write!(text, "   {word}: {}", aims.collect::<Vec<_>>().join(" and "));
    }
    text.push('\n');
    text
}

fn aim(target: Target, unit: Unit) -> String {
    match target {
        Target::AtMost(most) => format!("at most {}", number(most, unit)),
        Target::AtLeast(least) => format!("at least {}", number(least, unit)),
        Target::FloorTimesAtMost(most) => format!("at most {}", number(most, Unit::Ratio)),
        Target::FloorTimesAtLeast(least) => format!("at least {}", number(least, Unit::Ratio)),
    }
}

fn spread(spread: Spread, unit: Unit) -> String {
    let Spread { median, low, high } = spread;
    let is_one = (high - low).abs() < f64::EPSILON;
    if is_one {
        return number(median, unit);
    }
    format!("{} ({}–{})", number(median, unit), plain(low), plain(high))
}

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{} ×", plain(value)),
        Unit::Count => plain(value),
        Unit::Ms | Unit::PerSecond | Unit::PerMinute | Unit::Mib => {
            format!("{} {}", plain(value), unit.word())
        }
    }
}

/// Three digits that say something, and no more.
fn plain(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_number_its_floor_and_whether_it_is_good_enough() {
        let figure = Figure::new("x", Unit::Ms, &[1.0, 2.0, 4.0])
            .against("a flush", &[(1.0, 0.5), (2.0, 0.5), (4.0, 0.5)])
            .target(Target::FloorTimesAtMost(2.0));
        let said = line(&figure).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            said,
            "x 2.00 ms (1.00–4.00) 4.00 × (2.00–8.00) a flush (0.50 ms) MISSED: at most 2.00 ×"
        );
    }
}
