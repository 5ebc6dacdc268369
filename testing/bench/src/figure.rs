//! One number with its spread, the floor it is compared with, and what is aimed at.

use serde::Serialize;

/// The middle and the ends of what the rounds gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// Of what the rounds gave, one value each.
    ///
    /// # Panics
    /// When there was no round.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let sorted = sorted(values);
        Self {
            median: percentile(&sorted, 50),
            low: sorted[0],
            high: sorted[sorted.len() - 1],
        }
    }
}

/// The values in order.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value below which so many of a hundred lie.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    assert!(!sorted.is_empty(), "every round gives a value");
    sorted[(sorted.len() - 1) * percent / 100]
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// So many in a second.
    PerSecond,
    /// So many in a minute.
    PerMinute,
    /// Mebibytes.
    Mib,
    /// Things.
    Count,
    /// One time the other.
    Ratio,
}

impl Unit {
    /// As the table has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::PerSecond => "/s",
            Self::PerMinute => "/min",
            Self::Mib => "MiB",
            Self::Count => "",
            Self::Ratio => "×",
        }
    }
}

/// What is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The number itself, at most.
    AtMost(f64),
    /// The number itself, at least.
    AtLeast(f64),
    /// So many times the floor, at most.
    FloorTimesAtMost(f64),
    /// So many times the floor, at least.
    FloorTimesAtLeast(f64),
}

/// The floor of a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Floor {
    /// What it is.
    pub name: String,
    /// How it was, in the unit of the figure.
    pub value: Spread,
    /// The figure as a multiple of it, round by round.
    pub ratio: Spread,
}

/// One number.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    /// What came out.
    pub value: Spread,
    /// What the machine itself takes.
    pub floor: Option<Floor>,
    /// What is aimed at; all of it.
    pub targets: Vec<Target>,
}

impl Figure {
    /// A number, one value a round.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: Unit, rounds: &[f64]) -> Self {
        Self {
            name: name.into(),
            unit,
            value: Spread::of(rounds),
            floor: None,
            targets: Vec::new(),
        }
    }

    /// A number that was counted once.
    #[must_use]
    pub fn one(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self::new(name, unit, &[value])
    }

    /// Compared with a floor, both given round by round: what slows a round slows both.
    #[must_use]
    pub fn against(mut self, floor: impl Into<String>, pairs: &[(f64, f64)]) -> Self {
        let floors: Vec<f64> = pairs.iter().map(|(_, floor)| *floor).collect();
        let ratios: Vec<f64> = pairs.iter().map(|(value, floor)| value / floor).collect();
        self.floor = Some(Floor {
            name: floor.into(),
            value: Spread::of(&floors),
            ratio: Spread::of(&ratios),
        });
        self
    }

    /// Something more that is aimed at.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Whether all that is aimed at was met; none where nothing is.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        let value = self.value.median;
        let ratio = self.floor.as_ref().map_or(f64::NAN, |floor| floor.ratio.median);
        let is_met = |target: &Target| match *target {
            Target::AtMost(most) => value <= most,
            Target::AtLeast(least) => value >= least,
            Target::FloorTimesAtMost(most) => ratio <= most,
            Target::FloorTimesAtLeast(least) => ratio >= least,
        };
        (!self.targets.is_empty()).then(|| self.targets.iter().all(is_met))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let figure = Figure::new("x", Unit::Ms, &[2.0, 30.0, 4.0])
            .against("y", &[(2.0, 1.0), (30.0, 10.0), (4.0, 2.0)]);
        let floor = figure.floor.clone().unwrap();
        assert_eq!(
            (floor.ratio.low, floor.ratio.median, floor.ratio.high),
            (2.0, 2.0, 3.0)
        );
        assert_eq!(figure.is_met(), None);
        assert_eq!(
            figure.clone().target(Target::FloorTimesAtMost(2.0)).is_met(),
            Some(true)
        );
        let both = figure
            .target(Target::FloorTimesAtMost(2.0))
            .target(Target::AtMost(3.0));
        assert_eq!(both.is_met(), Some(false));
    }

    #[test]
    fn a_target_without_its_floor_is_missed() {
        let figure = Figure::one("x", Unit::Ms, 1.0).target(Target::FloorTimesAtMost(2.0));
        assert_eq!(figure.is_met(), Some(false));
    }
}
