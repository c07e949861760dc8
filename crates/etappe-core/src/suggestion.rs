//! Finds the known names that are nearest to a mistyped one.

/// Longer names are not compared: the cost grows with both lengths.
const LONGEST: usize = 128;

/// Returns at most `most` of the `known` names that are near to `word`, nearest first.
///
/// A name is near if at most a third of the letters differ; case and word separators do not count.
/// Equally near names keep their order in `known`.
#[must_use]
pub fn nearest<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
    most: usize,
) -> Vec<&'k str> {
    let folded = fold(word);
    let letters = folded.chars().count();
    if letters > LONGEST {
        return Vec::new();
    }
    let allowed = (letters / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter(|name| name.len() <= 4 * LONGEST)
        .map(|name| (name, fold(name)))
        .filter(|(_, folded)| folded.chars().count().abs_diff(letters) <= allowed)
        .map(|(name, other)| (strsim::osa_distance(&folded, &other), name))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.truncate(most);
    near.into_iter().map(|(_, name)| name).collect()
}

/// Returns the words in lower case with one space between them, whatever separated them.
fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    let mut before_is_lower = false;
    for letter in name.chars() {
        let separates = letter.is_whitespace() || matches!(letter, '_' | '-' | '.' | '/' | ':');
        let begins_word = letter.is_uppercase() && before_is_lower;
        if (separates || begins_word) && !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
        if !separates {
            folded.extend(letter.to_lowercase());
        }
        before_is_lower = letter.is_lowercase() || letter.is_numeric();
    }
    folded.truncate(folded.trim_end().len());
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let known = [
            "Order Completed",
            "Order Cancelled",
            "Product Viewed",
            "order_completed_v2",
        ];
        let cases: [(&str, &[&str]); 7] = [
            ("Order Complete", &["Order Completed", "order_completed_v2"]),
            (
                "order_completed",
                &["Order Completed", "order_completed_v2", "Order Cancelled"],
            ),
            (
                "orderCompleted",
                &["Order Completed", "order_completed_v2", "Order Cancelled"],
            ),
            ("Prodcut Viewed", &["Product Viewed"]),
            ("Product  viewed ", &["Product Viewed"]),
            ("Signed Up", &[]),
            ("", &[]),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known, 3), expected, "{word}");
        }
        assert_eq!(nearest("form", ["to", "from", "timezone"], 1), ["from"]);
    }

    #[test]
    fn oversized_names_are_not_compared() {
        let long = "x".repeat(100_000);
        assert!(nearest(&long, [long.as_str()], 3).is_empty());
        assert!(nearest("xx", [long.as_str()], 3).is_empty());
    }
}
