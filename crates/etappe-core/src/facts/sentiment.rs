//! Sentiment: a number from −1 to 1, or a word that stands for one, in English or Dutch.

use crate::json::JsonValue;

/// Words and their numbers, in lower case; senders may write `_` or `-` for the space.
const WORDS: [(f64, &[&str]); 5] = [
    (
        -1.0,
        &[
            "very negative",
            "terrible",
            "awful",
            "angry",
            "very dissatisfied",
            "😡",
            "zeer negatief",
            "vreselijk",
            "boos",
            "zeer ontevreden",
        ],
    ),
    (
        -0.5,
        &[
            "negative",
            "bad",
            "sad",
            "dissatisfied",
            "frustrated",
            "disappointed",
            "thumbs down",
            "🙁",
            "👎",
            "negatief",
            "slecht",
            "ontevreden",
            "gefrustreerd",
            "teleurgesteld",
        ],
    ),
    (
        0.0,
        &[
            "neutral", "ok", "okay", "mixed", "meh", "😐", "neutraal", "gaat wel", "gemengd",
        ],
    ),
    (
        0.5,
        &[
            "positive",
            "good",
            "happy",
            "satisfied",
            "thumbs up",
            "🙂",
            "👍",
            "positief",
            "goed",
            "blij",
            "tevreden",
        ],
    ),
    (
        1.0,
        &[
            "very positive",
            "great",
            "amazing",
            "excited",
            "delighted",
            "very satisfied",
            "😍",
            "zeer positief",
            "geweldig",
            "enthousiast",
            "zeer tevreden",
        ],
    ),
];

/// Returns the sentiment that `value` states, or `None` for a number out of range, an unknown word
/// or anything else; nothing is guessed.
pub(super) fn parse(value: &JsonValue<'_>) -> Option<f64> {
    if let Some(number) = value.as_f64() {
        return (-1.0..=1.0).contains(&number).then_some(number);
    }
    let JsonValue::String(word) = value else {
        return None;
    };
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|known| is_same(word.trim(), known)))
        .map(|(number, _)| *number)
}

/// Compares without regard to case and to whether a space, `_` or `-` separates words.
fn is_same(sent: &str, known: &str) -> bool {
    let plain = |c: char| match c {
        '_' | '-' => ' ',
        other => other,
    };
    let lower = sent.chars().flat_map(char::to_lowercase).map(plain);
    lower.eq(known.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_of_both_languages_are_understood() {
        let cases = [
            (JsonValue::Number("0.25"), Some(0.25)),
            (JsonValue::Number("-1"), Some(-1.0)),
            (JsonValue::Number("1.01"), None),
            (JsonValue::String(" -0.5 ".into()), Some(-0.5)),
            (JsonValue::String("Very_Negative".into()), Some(-1.0)),
            (JsonValue::String("thumbs-up".into()), Some(0.5)),
            (JsonValue::String("👎".into()), Some(-0.5)),
            (JsonValue::String("Zeer tevreden".into()), Some(1.0)),
            (JsonValue::String("GAAT WEL".into()), Some(0.0)),
            (JsonValue::String("purple".into()), None),
            (JsonValue::String(String::new().into()), None),
            (JsonValue::Bool(true), None),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(&value), expected, "{value:?}");
        }
    }
}
