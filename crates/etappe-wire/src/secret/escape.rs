//! Decodes JSON and percent escapes, and maps the result back to the original text.

use std::ops::Range;

/// A text with its escapes decoded, and the origin of each byte.
pub(super) struct Unescaped {
    bytes: Vec<u8>,
    /// Where each byte starts in the original text; one more entry is the end of the last byte.
    starts: Vec<usize>,
}

impl Unescaped {
    /// Decodes the escapes of `text`.
    pub(super) fn of(text: &[u8]) -> Self {
        Self::from(text, |at| at)
    }

    /// Decodes the escapes that are left.
    pub(super) fn again(&self) -> Self {
        Self::from(&self.bytes, |at| self.starts[at])
    }

    fn from(text: &[u8], source: impl Fn(usize) -> usize) -> Self {
        let mut unescaped = Self {
            bytes: Vec::with_capacity(text.len()),
            starts: Vec::with_capacity(text.len() + 1),
        };
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let (byte, length) = escaped(&text[at..]).unwrap_or((*byte, 1));
            unescaped.bytes.push(byte);
            unescaped.starts.push(source(at));
            at += length;
        }
        unescaped.starts.push(source(text.len()));
        unescaped
    }

    /// Returns the decoded text.
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the range of a part in the original text.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        self.starts[part.start]..self.starts[part.end]
    }
}

/// Returns whether an escape in `text` stands for a character that needs no escape, or for the
/// first character of another escape. Few clients send such escapes, so the full check rarely runs.
pub(super) fn may_hide_a_letter(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'\\', b'%', text).any(|at| {
        let is_telling = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%');
        match text.get(at + 1) {
            // JSON text nested in JSON text.
            Some(b'\\') => text.get(at + 2) == Some(&b'u'),
            Some(b'b' | b'f' | b'n' | b'r' | b't') if text[at] == b'\\' => false,
            _ => escaped(&text[at..]).is_some_and(|(byte, _)| is_telling(byte) || byte == b'\\'),
        }
    })
}

/// Returns the byte that the escape at the start of `text` stands for, and the escape's length.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] => Some((hex(*high, *low)?, 3)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((hex(*high, *low)?, 6)),
        [b'\\', b'u', ..] => None,
        [b'\\', letter, ..] => {
            let byte = match letter {
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => *other,
            };
            Some((byte, 2))
        }
        _ => None,
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}
