//! "Did you mean": the known word that is nearest to a mistyped one.

/// What to say of a word that is none of `known`.
pub(crate) fn remedy<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().take(256).collect();
    // A word is taken for another when at most a third of it is wrong.
    let limit = typed.chars().count().min(64) / 3 + 1;
    let distances = known.iter().map(|word| (distance(typed, word), *word));
    let near = distances.filter(|(distance, _)| *distance <= limit).min();
    match (near, known.as_slice()) {
        (Some((_, word)), _) => format!("did you mean '{word}'?"),
        (None, []) => "there are none".to_owned(),
        (None, words) => {
            let shown = words.iter().take(32).map(|word| format!("'{word}'"));
            let shown: Vec<String> = shown.collect();
            let more = if words.len() > shown.len() { ", ..." } else { "" };
            format!("there are {}{more}", shown.join(", "))
        }
    }
}

/// How many characters must be inserted, removed or replaced. Very long texts are far from all.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.len() > 256 || b.len() > 256 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (place, from) in a.chars().enumerate() {
        let mut diagonal = place;
        let mut left = place + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(from != *to)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = place + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "abd", 1), ("kitten", "sitting", 3), ("", "ab", 2)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn near_words_are_suggested_and_all_others_listed() {
        let known = ["cluster", "ivi", "map"];
        assert_eq!(remedy("clutser", known), "did you mean 'cluster'?");
        assert_eq!(remedy("navigation", known), "there are 'cluster', 'ivi', 'map'");
        assert_eq!(remedy("x", []), "there are none");
    }
}
