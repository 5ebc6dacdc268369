//! When a usage limit is lifted, out of whatever an agent or its provider said: a field of a JSON body or a header,
//! an epoch behind a bar, `try again in 3 days 1 hour`, `resets 3pm (Europe/Berlin)`, a timestamp.
//!
//! Owns: every form of a reset seen so far. A form nobody knows is no moment, and the wait grows by itself then.

use domain::Moment;
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

const DAY_MS: u64 = 86_400_000;
const MINUTE_MS: u64 = 60_000;
/// A reset farther away than this was misread.
const HORIZON_MS: u64 = 400 * DAY_MS;

/// When the limit that a text speaks of is lifted; none where it does not say, or says something absurd.
pub(super) fn reset_of(text: &str, now: Moment, zone: &TimeZone) -> Option<Moment> {
    let text = &text[..text.floor_char_boundary(16_384)];
    let words = words_of(text);
    let found = field(text, now)
        .or_else(|| behind_a_bar(text))
        .or_else(|| after_a_cue(&words, now, zone))?;
    (found > now && found.ms_since(now) <= HORIZON_MS).then_some(found)
}

/// A number of seconds or milliseconds since the epoch, told apart by their size.
fn epoch(number: f64) -> Option<Moment> {
    match number {
        n if (1e9..1e11).contains(&n) => Some(Moment::from_ms((n * 1000.0) as u64)),
        n if (1e12..1e14).contains(&n) => Some(Moment::from_ms(n as u64)),
        _ => None,
    }
}

/// `…usage limit reached|1763700000`.
fn behind_a_bar(text: &str) -> Option<Moment> {
    text.split('|').skip(1).find_map(|rest| {
        let digits: String = rest
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        epoch(digits.parse().ok()?)
    })
}

/// `"resets_in_seconds": 600`, `retry-after: 20`, `"retryDelay": "34.07s"`, `"resetsAt":1763700000`, `reset: 6m0s`.
fn field(text: &str, now: Moment) -> Option<Moment> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let named = &rest[start..];
        let end = named.find(|c| !is_name(c)).unwrap_or(named.len());
        let name: String = named[..end]
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        rest = &named[end..];
        let Some(unit_ms) = unit_of_field(&name) else {
            continue;
        };
        let value = rest.trim_start_matches(['"', '\\', '\'', ' ', '\t', ']', ')']);
        let Some(value) = value.strip_prefix([':', '=']) else {
            continue;
        };
        let value = value.trim_start_matches(['"', '\\', '\'', ' ', '\t', '[', '(']);
        if let Some(moment) = value_of_field(value, unit_ms, now) {
            return Some(moment);
        }
    }
    None
}

/// What a bare number means behind a name that speaks of a reset, in milliseconds; none for other names.
fn unit_of_field(name: &str) -> Option<f64> {
    let is_reset = name.contains("reset") || name.contains("retryafter") || name.contains("retrydelay");
    let is_ms = name.ends_with("ms") || name.ends_with("millis") || name.ends_with("milliseconds");
    is_reset.then_some(if is_ms { 1.0 } else { 1000.0 })
}

fn value_of_field(value: &str, unit_ms: f64, now: Moment) -> Option<Moment> {
    let end = value
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".:+-".contains(c)))
        .unwrap_or(value.len());
    let value = value[..end].trim_end_matches('.');
    if let Ok(number) = value.parse::<f64>() {
        return epoch(number).or_else(|| later(now, number * unit_ms));
    }
    if let Some(ms) = compact_duration(value) {
        return later(now, ms);
    }
    timestamp(value)
}

fn later(now: Moment, ms: f64) -> Option<Moment> {
    (ms.is_finite() && ms >= 0.0).then(|| now.plus_ms(ms as u64))
}

fn timestamp(text: &str) -> Option<Moment> {
    let stamp: Timestamp = text.to_ascii_uppercase().parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Moment::from_ms)
}

/// The words of a text, punctuation that means nothing here taken off.
fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || ",;()[]{}\"'`·*∙".contains(c))
        .map(|word| word.trim_matches(['.', ':', '!', '?', '~', '-']).to_lowercase())
        .filter(|word| !word.is_empty())
        .take(2_000)
        .collect()
}

/// What may stand between the word that announces a reset and the reset.
const FILLERS: [&str; 20] = [
    "in",
    "at",
    "after",
    "on",
    "about",
    "approximately",
    "around",
    "for",
    "the",
    "will",
    "be",
    "is",
    "by",
    "until",
    "again",
    "reset",
    "resets",
    "try",
    "automatically",
    "next",
];

/// What stands behind a word that announces it, fillers skipped.
fn after_a_cue(words: &[String], now: Moment, zone: &TimeZone) -> Option<Moment> {
    const CUES: [&str; 10] = [
        "reset",
        "resets",
        "resetting",
        "retry",
        "again",
        "wait",
        "until",
        "renews",
        "available",
        "after",
    ];
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| CUES.contains(&word.as_str()))
        .find_map(|(index, cue)| {
            let rest = &words[index + 1..];
            // A bare number means seconds only right behind `retry after`.
            if cue == "after"
                && index > 0
                && words[index - 1] == "retry"
                && rest.len() < 2
                && let Some(seconds) = rest.first().and_then(|word| word.parse::<f64>().ok())
            {
                return later(now, seconds * 1000.0);
            }
            let fillers = rest
                .iter()
                .take(6)
                .take_while(|word| FILLERS.contains(&word.as_str()))
                .count();
            (0..=fillers).find_map(|skip| {
                let rest = &rest[skip..];
                duration(rest)
                    .and_then(|ms| later(now, ms))
                    .or_else(|| date_and_time(rest, now, zone))
            })
        })
}

/// `3 days 1 hour and 5 minutes`, `6m0s`, `an hour`.
fn duration(words: &[String]) -> Option<f64> {
    let mut total = None;
    let mut index = 0;
    while let Some(word) = words.get(index) {
        if word == "and" && total.is_some() {
            index += 1;
            continue;
        }
        let (ms, taken) = if let Some(ms) = compact_duration(word) {
            (ms, 1)
        } else {
            let number = if word == "a" || word == "an" {
                Some(1.0)
            } else {
                plain_number(word)
            };
            let unit = words.get(index + 1).and_then(|unit| unit_ms(unit));
            let Some((number, unit)) = number.zip(unit) else {
                break;
            };
            (number * unit, 2)
        };
        total = Some(total.unwrap_or(0.0) + ms);
        index += taken;
    }
    total
}

fn plain_number(word: &str) -> Option<f64> {
    let is_number = word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_number.then(|| word.parse().ok()).flatten()
}

/// `34.07s`, `6m0s`, `18h5m3s`: numbers, each with its unit, nothing else.
fn compact_duration(word: &str) -> Option<f64> {
    let mut rest = word;
    let mut total = 0.0;
    while !rest.is_empty() {
        let letters = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let number = plain_number(&rest[..letters])?;
        let after = &rest[letters..];
        let end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        total += number * unit_ms(&after[..end].to_ascii_lowercase())?;
        rest = &after[end..];
    }
    (!word.is_empty()).then_some(total)
}

fn unit_ms(word: &str) -> Option<f64> {
    let seconds = match word {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    };
    Some(seconds * 1000.0)
}

/// `3pm`, `15:30 utc`, `oct 9th 2026 at 3:05 pm`, `monday 9am`, `tomorrow at 3am`, `2026-11-21t05:00:00z`.
fn date_and_time(words: &[String], now: Moment, zone: &TimeZone) -> Option<Moment> {
    let first = words.first()?;
    if let Some(moment) = timestamp(first) {
        return Some(moment);
    }
    // A zone that this machine does not know is most likely its own, as the agent calls it.
    let spoken = words.iter().take(8).skip(1).find_map(|word| zone_of(word));
    let zone = spoken.unwrap_or_else(|| zone.clone());
    let now_ms = i64::try_from(now.as_ms()).ok()?;
    let today = Timestamp::from_millisecond(now_ms)
        .ok()?
        .to_zoned(zone.clone())
        .date();
    let (day, taken) = day_of(words, today)?;
    let rest: Vec<&str> = words
        .iter()
        .skip(taken)
        .map(String::as_str)
        .filter(|word| *word != "at")
        .collect();
    let time = clock(&rest)?;
    let on = |date: Date| -> Option<Moment> {
        let ms = date
            .to_datetime(time)
            .to_zoned(zone.clone())
            .ok()?
            .timestamp()
            .as_millisecond();
        let told = Moment::from_ms(u64::try_from(ms).ok()?);
        // Told to the minute. Within that minute the reset may still be to come, and is over with it.
        let end = told.plus_ms(MINUTE_MS);
        Some(if told <= now && now < end { end } else { told })
    };
    match day {
        Day::Any => on(today)
            .filter(|found| *found > now)
            .or_else(|| on(today.tomorrow().ok()?)),
        Day::Date(date) => on(date),
        Day::OfAnyYear(month, day) => on(Date::new(today.year(), month, day).ok()?)
            .filter(|found| *found > now)
            .or_else(|| on(Date::new(today.year().checked_add(1)?, month, day).ok()?)),
        Day::Weekday(weekday) => {
            let ahead = today.weekday().until(weekday);
            let date = today.checked_add(jiff::Span::new().days(ahead)).ok()?;
            on(date)
                .filter(|found| *found > now)
                .or_else(|| on(date.checked_add(jiff::Span::new().days(7)).ok()?))
        }
    }
}

enum Day {
    Any,
    Date(Date),
    OfAnyYear(i8, i8),
    Weekday(Weekday),
}

/// The day that words begin with, and how many words it took.
fn day_of(words: &[String], today: Date) -> Option<(Day, usize)> {
    let first = words.first()?;
    if first == "today" {
        return Some((Day::Date(today), 1));
    }
    if first == "tomorrow" {
        return Some((Day::Date(today.tomorrow().ok()?), 1));
    }
    if let Ok(date) = first.parse::<Date>() {
        return Some((Day::Date(date), 1));
    }
    if let Some(weekday) = weekday_of(first) {
        return Some((Day::Weekday(weekday), 1));
    }
    let Some(month) = month_of(first) else {
        return Some((Day::Any, 0));
    };
    let day = words
        .get(1)?
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .parse::<i8>()
        .ok()?;
    let year = words
        .get(2)
        .filter(|word| word.len() == 4)
        .and_then(|word| word.parse::<i16>().ok());
    match year {
        Some(year) => Some((Day::Date(Date::new(year, month, day).ok()?), 3)),
        None => Some((Day::OfAnyYear(month, day), 2)),
    }
}

fn month_of(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let position = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && month.starts_with(word))?;
    i8::try_from(position + 1).ok()
}

fn weekday_of(word: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let position = DAYS
        .iter()
        .position(|day| word.len() >= 3 && day.starts_with(word))?;
    Weekday::from_monday_one_offset(i8::try_from(position + 1).ok()?).ok()
}

/// `3pm`, `3:05 pm`, `15:30`, `05:00:00`.
fn clock(words: &[&str]) -> Option<Time> {
    let word = *words.first()?;
    let (digits, half) = match (word.strip_suffix("pm"), word.strip_suffix("am")) {
        (Some(digits), _) => (digits, Some(12)),
        (_, Some(digits)) => (digits, Some(0)),
        _ => match words.get(1).copied() {
            Some("pm" | "p.m") => (word, Some(12)),
            Some("am" | "a.m") => (word, Some(0)),
            _ => (word, None),
        },
    };
    let mut parts = digits.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: Option<i8> = parts.next().and_then(|minute| minute.parse().ok());
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        // A bare number is no time of day.
        None => minute.map(|_| hour)?,
    };
    Time::new(hour, minute.unwrap_or(0), 0, 0).ok()
}

fn zone_of(word: &str) -> Option<TimeZone> {
    match word {
        "utc" | "gmt" | "z" => Some(TimeZone::UTC),
        name if name.contains('/') && name.len() < 40 && !name.contains("..") && !name.starts_with('/') => {
            TimeZone::get(name).ok()
        }
        _ => None,
    }
}
