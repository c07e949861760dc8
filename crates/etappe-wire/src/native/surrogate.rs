//! Repairs escapes of lone surrogates.
//!
//! A browser that cuts a text in the middle of an emoji sends `"\ud83d"`, which is valid JSON but
//! not valid text. Every consumer downstream would fail on it, so each such escape is replaced by
//! `\ufffd`, the replacement character, which has the same length.

use memchr::memchr;

/// Replaces every `\uXXXX` in `json` that is one half of a surrogate pair without the other.
pub(super) fn repair_surrogates(json: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += found;
        let Some(unit) = code_unit(json, at) else {
            at += 2;
            continue;
        };
        let is_pair = (0xd800..0xdc00).contains(&unit)
            && code_unit(json, at + 6).is_some_and(|low| (0xdc00..0xe000).contains(&low));
        if is_pair {
            at += 12;
            continue;
        }
        if (0xd800..0xe000).contains(&unit)
            && let Some(digits) = json.get_mut(at + 2..at + 6)
        {
            digits.copy_from_slice(b"fffd");
        }
        at += 6;
    }
}

/// Returns the code unit of the `\uXXXX` at `at`, if there is one.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would accept a sign.
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then_some(())?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_halves_are_replaced() {
        for (sent, expected) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D""#, r#""\ufffd""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83dx\u0041\n""#, r#""\ufffdx\u0041\n""#),
            (r#""\u+12f\ud8""#, r#""\u+12f\ud8""#),
            ("\\", "\\"),
        ] {
            let mut json = sent.as_bytes().to_vec();
            repair_surrogates(&mut json);
            assert_eq!(String::from_utf8(json).unwrap(), expected, "{sent}");
        }
    }
}
