//! The nearest name to a misspelt one.

/// The candidate that a person most likely meant, if one is near enough.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(wrong, candidates).into_iter().next()
}

/// Up to three candidates that a person may have meant, the likeliest first.
pub(crate) fn nearest_few<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let bound = (wrong.chars().count() / 3).clamp(1, 4);
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let steps = distance(&wrong, &candidate.to_lowercase());
            let is_part = wrong.len() >= 3 && (candidate.starts_with(&wrong) || wrong.starts_with(candidate));
            (steps <= bound || is_part).then_some((steps, candidate))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// How many letters must be added, dropped, changed or swapped with a neighbour. Texts longer than any name of ours
/// count as infinitely far.
fn distance(left: &str, right: &str) -> usize {
    const LETTERS_MAX: usize = 64;
    let left: Vec<char> = left.chars().take(LETTERS_MAX + 1).collect();
    let right: Vec<char> = right.chars().take(LETTERS_MAX + 1).collect();
    if left.len() > LETTERS_MAX || right.len() > LETTERS_MAX {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let changed = rows[i][j] + usize::from(a != b);
            let mut best = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

/// A hint that names the nearest candidate, else lists all of them.
pub(crate) fn hint<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(wrong, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<String> = candidates
        .into_iter()
        .take(40)
        .map(|name| format!("`{name}`"))
        .collect();
    if all.is_empty() {
        None
    } else {
        Some(format!("there are {}", all.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_slips() {
        let names = ["needs", "network", "agent", "agents", "angles"];
        assert_eq!(nearest("need", names), Some("needs"));
        assert_eq!(nearest("nedes", names), Some("needs"));
        assert_eq!(nearest("agnets", names), Some("agents"));
        assert_eq!(nearest("zzz", names), None);
        assert_eq!(nearest("", names), None);
    }
}
