//! Keeps write keys out of the log.
//!
//! A key gets into the log only if a client puts it where it does not belong, such as in the
//! address of a page. Keys are long and random, so a search for the key's text has no false
//! matches.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem::Finder;

/// The shortest key that is searched for. A shorter text could be part of the record's own syntax.
const MIN_LENGTH: usize = 16;

/// Masks a write key wherever it occurs in a record.
#[derive(Clone)]
pub struct Redactor {
    finder: Finder<'static>,
}

impl fmt::Debug for Redactor {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Creates a redactor of `key`, or `None` if the key is not a long text of letters, digits, `-`
    /// and `_` with at least one letter: only such a text cannot occur outside a string of a
    /// record.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let has_letter = key
            .bytes()
            .any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E'));
        (key.len() >= MIN_LENGTH && key.bytes().all(is_word) && has_letter).then(|| Self {
            finder: Finder::new(key.as_bytes()).into_owned(),
        })
    }

    /// Returns a text with every occurrence of the key replaced by asterisks.
    #[must_use]
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.finder.find(text.as_bytes()).is_none() {
            return Cow::Borrowed(text);
        }
        let mut bytes = text.as_bytes().to_vec();
        self.redact(&mut bytes);
        // Both the key and the asterisks are ASCII.
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Replaces every occurrence of the key in `record` with asterisks.
    pub(super) fn redact(&self, record: &mut [u8]) {
        let length = self.finder.needle().len();
        let mut at = 0;
        while let Some(found) = record.get(at..).and_then(|rest| self.finder.find(rest)) {
            let start = at + found;
            if let Some(key) = record.get_mut(start..start + length) {
                key.fill(b'*');
            }
            at = start + length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_overwritten_at_any_place() {
        let redactor = Redactor::of("etw_0123456789abcdef").unwrap();
        let mut record =
            br#"{"url":"https://x/?k=etw_0123456789abcdef&b","id":"etw_0123456789abcdef"}"#
                .to_vec();
        redactor.redact(&mut record);
        assert_eq!(
            String::from_utf8(record).unwrap(),
            r#"{"url":"https://x/?k=********************&b","id":"********************"}"#
        );
    }

    #[test]
    fn texts_that_could_be_syntax_are_not_accepted_as_keys() {
        for key in [
            "",
            "short",
            "0123456789012345",
            "1e10000000000000000",
            "properties\":{\"aaaa",
            "ééééééééé",
        ] {
            assert!(Redactor::of(key).is_none(), "{key}");
        }
    }
}
