//! Names for runs that people can say and type: made from the run's id, so the same run always has the same one.

use domain::RunId;

const MOODS: [&str; 32] = [
    "amber", "brave", "bright", "brisk", "calm", "clear", "clever", "cosy", "crisp", "eager", "fair",
    "fleet", "fond", "gentle", "glad", "grand", "keen", "kind", "light", "lively", "lucky", "mellow",
    "merry", "neat", "noble", "proud", "quick", "quiet", "sunny", "swift", "warm", "wise",
];
const NOUNS: [&str; 32] = [
    "alto", "aria", "ballad", "banjo", "bass", "bell", "canon", "cello", "chant", "chord", "drum", "etude",
    "fiddle", "flute", "fugue", "gong", "harp", "horn", "lute", "lyre", "march", "oboe", "opera", "organ",
    "piano", "reed", "rondo", "round", "sonata", "tenor", "viola", "waltz",
];
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The name of a run. Ids of one moment differ in their last bits, so the name is made of those.
pub(crate) fn of(run: RunId) -> String {
    let mut bits = run.bits() as u64;
    let mut take = || {
        let index = (bits & 31) as usize;
        bits >>= 5;
        index
    };
    let (mood, noun) = (MOODS[take()], NOUNS[take()]);
    let mut slug = format!("{mood}-{noun}-");
    for _ in 0..4 {
        slug.push(char::from(DIGITS[take()]));
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_plain_characters_and_stays() {
        let run = RunId::from_bits(0x0190_0000_0000_7000_8000_0123_4567_89ab);
        let slug = of(run);
        assert_eq!(slug, of(run));
        assert!(
            slug.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{slug}"
        );
        assert_ne!(slug, of(RunId::from_bits(run.bits() + 1)));
    }
}
