//! Tells real ids from placeholders that programs send instead.
//!
//! Code without an id often sends a placeholder: `undefined`, `null`, `0`. If it were taken as an
//! id, everyone without an id would become one person. The same holds for orders, accounts and
//! codes.

/// Placeholders, in lower case. `NA` is not among them, because it occurs as a real id.
const PLACEHOLDERS: [&str; 24] = [
    "undefined",
    "null",
    "none",
    "0",
    "-0",
    "0.0",
    "-1",
    "-1.0",
    "true",
    "false",
    "anonymous",
    "guest",
    "unknown",
    "n/a",
    "#n/a",
    "not set",
    "not_set",
    "not_authenticated",
    "distinct_id",
    "distinctid",
    "[object object]",
    "[object undefined]",
    "[object null]",
    "[object promise]",
];

/// Placeholders that count only in this spelling. Where ids are letters that count up (`A` to
/// `ZZZ`), `NAN` and `NIL` are real ids, so their capital spellings are not listed.
const AS_SPELLED: [&str; 5] = ["nan", "NaN", "Nan", "nil", "Nil"];

/// Quotes and brackets that people and programs put around a placeholder.
const PAIRS: [(char, char); 9] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('«', '»'),
    ('(', ')'),
    ('<', '>'),
    ('{', '}'),
];

/// Returns an id without surrounding white space, or `None` if it is empty or a placeholder.
///
/// White space around an id comes from forms and files and never distinguishes two people. It
/// includes all Unicode white space and invisible marks such as a byte order mark. Case is kept:
/// `Anna` and `anna` may be two people.
#[must_use]
pub fn meaningful_id(text: &str) -> Option<&str> {
    let id = text.trim_matches(is_blank);
    (!id.is_empty() && !is_placeholder(id)).then_some(id)
}

/// Returns a referral code in the form in which codes are compared: trimmed and in lower case;
/// `None` if there is none. People type codes from a card or by ear: `SPRING-7`, `spring-7` and
/// ` Spring-7` are the same code.
#[must_use]
pub fn referral_code(text: &str) -> Option<String> {
    meaningful_id(text).map(str::to_lowercase)
}

const fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
}

/// Returns whether `id`, which has no surrounding white space, is a placeholder. It may be quoted
/// several times, with escapes: `"\"null\""` is left over from encoding a text twice.
fn is_placeholder(id: &str) -> bool {
    let mut rest = id;
    loop {
        let inside = rest.trim_matches('\\').trim_matches(is_blank);
        if inside.is_empty() || is_known(inside) || is_zero_uuid(inside) {
            return true;
        }
        let unwrapped = PAIRS
            .iter()
            .find_map(|(open, close)| inside.strip_prefix(*open)?.strip_suffix(*close));
        match unwrapped {
            Some(inner) => rest = inner,
            None => return false,
        }
    }
}

fn is_known(text: &str) -> bool {
    // No placeholder is longer; most ids are.
    if text.len() > 20 {
        return false;
    }
    let is_same = |known: &&str| known.eq_ignore_ascii_case(text);
    AS_SPELLED.contains(&text) || PLACEHOLDERS.iter().any(is_same)
}

/// Returns whether the text is a UUID of zeros only, with or without its hyphens.
fn is_zero_uuid(text: &str) -> bool {
    let zeros = text.bytes().filter(|byte| *byte == b'0').count();
    let hyphens = text.bytes().filter(|byte| *byte == b'-').count();
    zeros == 32 && matches!(hyphens, 0 | 4) && zeros + hyphens == text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_of_any_case_and_quoting_are_not_ids() {
        for text in [
            "",
            " ",
            "\t\n",
            "\u{a0}",
            "\u{200b}",
            "\u{feff}",
            "undefined",
            "UNDEFINED",
            " Undefined ",
            "null",
            "Null",
            "None",
            "NaN",
            "nan",
            "0",
            "-1",
            "anonymous",
            "Guest",
            "unknown",
            "[object Object]",
            "[Object object]",
            "true",
            "False",
            "00000000-0000-0000-0000-000000000000",
            "00000000000000000000000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            "\"null\"",
            "'undefined'",
            "\"\"",
            "''",
            "' '",
            "\"\\\"null\\\"\"",
            "\\\"null\\\"",
            "n/a",
            "N/A",
            "#N/A",
            "(none)",
            "(not set)",
            "<null>",
            "<nil>",
            "“null”",
        ] {
            assert_eq!(meaningful_id(text), None, "{text:?}");
        }
    }

    #[test]
    fn real_ids_are_only_trimmed() {
        for (text, id) in [
            ("NA", "NA"),
            ("NAN", "NAN"),
            ("NIL", "NIL"),
            ("N-A", "N-A"),
            (" u1\n", "u1"),
            ("\u{a0}u1\u{feff}", "u1"),
            ("u 1", "u 1"),
            ("u\0", "u\0"),
            ("00", "00"),
            ("000", "000"),
            ("10", "10"),
            ("-10", "-10"),
            ("1", "1"),
            ("guest-7", "guest-7"),
            ("Anonymous42", "Anonymous42"),
            ("nullable", "nullable"),
            ("\"u1\"", "\"u1\""),
            ("(u1)", "(u1)"),
            ("O'", "O'"),
            ("'", "'"),
            ("id", "id"),
            (
                "00000000-0000-0000-0000-000000000001",
                "00000000-0000-0000-0000-000000000001",
            ),
            ("0000000000", "0000000000"),
            ("-", "-"),
        ] {
            assert_eq!(meaningful_id(text), Some(id), "{text:?}");
        }
    }

    #[test]
    fn codes_are_compared_trimmed_and_ignoring_case() {
        for text in ["SPRING-7", "spring-7", " Spring-7\t"] {
            assert_eq!(referral_code(text).as_deref(), Some("spring-7"), "{text:?}");
        }
        assert_eq!(referral_code("ÉTÉ").as_deref(), Some("été"));
        assert_eq!(referral_code(" null "), None);
    }

    proptest! {
        #[test]
        fn an_id_is_a_substring_of_the_sent_text_and_normalising_it_is_idempotent(text in "\\PC{0,30}|[\\s\"'a-z0-]{0,12}") {
            if let Some(id) = meaningful_id(&text) {
                prop_assert!(text.contains(id));
                prop_assert_eq!(meaningful_id(id), Some(id));
            }
        }
    }
}
