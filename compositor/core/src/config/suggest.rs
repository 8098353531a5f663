//! "Did you mean": the known word that is nearest to a mistyped one.

/// The word of `known` that `typed` was probably meant to be.
pub(super) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A word is taken for another when at most a third of it is wrong.
    let limit = typed.chars().count().min(64) / 3 + 1;
    known
        .into_iter()
        .map(|word| (distance(typed, word), word))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// A remedy that names the probable word, or all of them.
pub(super) fn remedy<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(word) = nearest(typed, known.clone()) {
        return format!("did you mean '{word}'?");
    }
    let words: Vec<_> = known.into_iter().take(20).map(|word| format!("'{word}'")).collect();
    if words.is_empty() { "there are none".to_owned() } else { format!("use {}", words.join(", ")) }
}

/// How many characters must be inserted, removed or replaced (Levenshtein). Very long texts are
/// far from everything.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    if a.len() > 256 || b.len() > 256 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for (&to, pair) in b.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(from != to)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "abd", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["refresh", "background", "size"];
        assert_eq!(nearest("refesh", known), Some("refresh"));
        assert_eq!(nearest("backround", known), Some("background"));
        assert_eq!(nearest("opacity", known), None);
        assert_eq!(remedy("xyz", known), "use 'refresh', 'background', 'size'");
        assert_eq!(remedy("xyz", []), "there are none");
    }
}
