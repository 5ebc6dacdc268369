//! What a turn used, out of the four places where agents say it. Some count what a cache answered as input, some do
//! not; their own total tells which.

use super::super::json;
use domain::Usage;
use serde_json::Value as Json;

/// The usage in the answer to a prompt; none where it says nothing.
pub(super) fn of_result(result: &Json) -> Option<Usage> {
    let counts =
        json::at(result, &["usage"]).or_else(|| json::at(result, &["_meta", "quota", "token_count"]))?;
    Some(of_counts(counts)).filter(|usage| *usage != Usage::default())
}

/// Normalises counts, whatever their spelling.
pub(super) fn of_counts(counts: &Json) -> Usage {
    let input = json::count(counts, &["inputTokens", "input_tokens"]).unwrap_or(0);
    let cached = json::count(
        counts,
        &["cachedReadTokens", "cachedInputTokens", "cached_input_tokens"],
    )
    .unwrap_or(0);
    let written = json::count(
        counts,
        &[
            "cachedWriteTokens",
            "cacheWriteInputTokens",
            "cached_write_tokens",
        ],
    )
    .unwrap_or(0);
    let output = json::count(counts, &["outputTokens", "output_tokens"]).unwrap_or(0);
    let thought = json::count(counts, &["thoughtTokens", "reasoningOutputTokens"]).unwrap_or(0);
    let total = json::count(counts, &["totalTokens", "total_tokens"]);
    let sum = |parts: &[u64]| parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));

    let output_whole = if thought > 0 && total == Some(sum(&[input, cached, written, output, thought])) {
        output.saturating_add(thought)
    } else {
        output
    };
    let is_cached_apart = match total {
        Some(total) => total >= sum(&[input, cached, output]),
        // Without a total: more from the cache than there was input can only be counted apart.
        None => cached > input,
    };
    Usage {
        input_uncached: if is_cached_apart {
            sum(&[input, written])
        } else {
            input.saturating_sub(cached)
        },
        input_cached: cached,
        output: output_whole,
        cost_micros: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_total_tells_whether_the_cache_is_counted_apart() {
        let expected = Usage {
            input_uncached: 200,
            input_cached: 1000,
            output: 34,
            cost_micros: None,
        };
        let apart =
            json!({"inputTokens": 200, "cachedReadTokens": 1000, "outputTokens": 34, "totalTokens": 1234});
        let inside =
            json!({"inputTokens": 1200, "cachedReadTokens": 1000, "outputTokens": 34, "totalTokens": 1234});
        assert_eq!(of_counts(&apart), expected);
        assert_eq!(of_counts(&inside), expected);
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let counts = json!({"inputTokens": u64::MAX, "cachedReadTokens": u64::MAX, "outputTokens": u64::MAX,
            "thoughtTokens": u64::MAX, "totalTokens": u64::MAX});
        assert_eq!(of_counts(&counts).input_cached, u64::MAX);
    }
}
