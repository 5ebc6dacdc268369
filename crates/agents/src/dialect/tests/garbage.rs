//! Whatever comes, a dialect neither panics nor hangs nor forgets to say how it ended.

use super::*;

/// A small generator of our own: the same garbage on every run, a seed to print when one breaks.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below.max(1) as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.next(of.len())]
    }
}

/// Lines of every recording that we keep, as their agents sent them.
fn corpus() -> Vec<String> {
    let names = [
        "claude/control_deny",
        "claude/slow_partial",
        "claude/error_429_forever",
        "codex/auto_write",
        "codex/error_400",
        "claude/acp_ask_write_deny",
        "qwen/acp_plan_exit_deny",
        "gemini/acp_plan_exit_deny",
        "codex-acp-0.16/acp_escalation_deny",
    ];
    let of_name = |name: &&str| -> Vec<String> {
        recording(name)
            .iter()
            .map(|line| {
                let line = parsed(line);
                line.get("msg").unwrap_or(&line).to_string()
            })
            .filter(|line| line.len() < 4_000)
            .collect()
    };
    names.iter().flat_map(of_name).collect()
}

/// Damages a line: cut, bytes flipped, a piece of another line in the middle, values swapped for nonsense.
fn damaged(line: &str, corpus: &[String], chance: &mut Chance) -> String {
    let mut bytes = line.as_bytes().to_vec();
    match chance.next(6) {
        0 => bytes.truncate(chance.next(line.len() + 1)),
        1 => {
            for _ in 0..=chance.next(8) {
                let at = chance.next(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(chance.next(256)).unwrap();
                }
            }
        }
        2 => {
            let other = chance.pick(corpus).as_bytes();
            let at = chance.next(bytes.len() + 1);
            let from = chance.next(other.len());
            bytes.splice(at..at, other[from..].iter().copied());
        }
        3 | 4 => return nonsense(parsed(line), chance).to_string(),
        _ => {
            bytes = (0..chance.next(200))
                .map(|_| u8::try_from(chance.next(256)).unwrap())
                .collect()
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Swaps values deep inside for values of other kinds.
fn nonsense(value: Json, chance: &mut Chance) -> Json {
    if chance.next(12) == 0 {
        let swaps = [
            Json::Null,
            Json::from(-1),
            Json::from(u64::MAX),
            Json::from(1e308),
            Json::from(""),
            Json::from(true),
            Json::from("\u{0}é\u{1f600}".repeat(50)),
            serde_json::json!([]),
            serde_json::json!({}),
            serde_json::json!([[{}]]),
        ];
        return chance.pick(&swaps).clone();
    }
    match value {
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(key, value)| (key, nonsense(value, chance)))
                .collect(),
        ),
        Json::Array(list) => Json::Array(list.into_iter().map(|value| nonsense(value, chance)).collect()),
        other => other,
    }
}

#[test]
fn no_line_and_no_order_of_lines_breaks_a_dialect() {
    let corpus = corpus();
    for seed in 0..400 {
        for kind in DialectKind::ALL {
            let mut chance = Chance(seed * 7 + 1);
            let mut brief = brief(*chance.pick(&[Access::Read, Access::Write]));
            brief.mode = chance.pick(&[None, Some("plan".to_owned())]).clone();
            brief.model = chance.pick(&[None, Some("scripted-1".to_owned())]).clone();
            brief.resume = chance.pick(&[None, Some("s".to_owned())]).clone();
            let mut dialect = speak(kind, brief);
            dialect.arguments();
            dialect.open();
            for _ in 0..30 {
                let line = chance.pick(&corpus).clone();
                let line = if chance.next(3) == 0 {
                    line
                } else {
                    damaged(&line, &corpus, &mut chance)
                };
                for part in line.split('\n') {
                    dialect.on_line(part, NOW);
                }
                match chance.next(20) {
                    0 => drop(dialect.repair("again")),
                    1 => drop(dialect.interrupt()),
                    _ => {}
                }
            }
            let exit = *chance.pick(&[
                Exit::Code(0),
                Exit::Code(1),
                Exit::Signal(9),
                Exit::Stopped,
                Exit::Unknown,
            ]);
            let stderr = chance.pick(&corpus).clone();
            let end = dialect.on_end(exit, &stderr, NOW);
            assert_eq!(
                dialect.on_end(exit, &stderr, NOW),
                end,
                "seed={seed} {kind:?}: an end must hold"
            );
        }
    }
}

#[test]
fn endless_nesting_and_half_an_object_are_raw() {
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for kind in [DialectKind::Acp, DialectKind::Claude, DialectKind::Codex] {
        for line in [
            deep.as_str(),
            "{\"type\":\"resu",
            "[1,2]",
            "null",
            "\u{fffd}\u{0}",
            "{}",
        ] {
            let mut dialect = speak(kind, brief(Access::Read));
            dialect.open();
            let steps = dialect.on_line(line, NOW);
            assert!(
                matches!(steps[..], [Step::Entry(EntryKind::Raw(_))]),
                "{kind:?} {}",
                rendered(&steps)
            );
        }
    }
}

#[test]
fn resets_are_read_out_of_any_text() {
    let corpus = corpus();
    let words = [
        "resets",
        "reset at",
        "try again in",
        "3pm",
        "9",
        "|",
        "1e9",
        "seconds",
        "nov",
        "31",
        "2026",
        "monday",
        "retry-after:",
        "99999999999",
        "\"resetsAt\":",
        "-",
        "12:61",
        "(Europe/Berlin)",
        "h",
        "5h",
        "é",
        "a",
        "until",
        "29th feb 9am",
        "feb",
    ];
    for seed in 0..20_000 {
        let mut chance = Chance(seed);
        let count = chance.next(12);
        let mut text: String = (0..count).map(|_| format!("{} ", chance.pick(&words))).collect();
        if seed % 50 == 0 {
            text.push_str(&damaged(&chance.pick(&corpus).clone(), &corpus, &mut chance));
        }
        let now = Moment::from_ms(*chance.pick(&[0, NOW.as_ms(), u64::MAX / 2, u64::MAX]));
        if let Some(found) = super::super::reset::reset_of(&text, now, &TimeZone::UTC) {
            assert!(found > now, "seed={seed} {text}");
        }
    }
}
