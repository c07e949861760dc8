//! Escapes of JSON and of addresses undone, with the way back to the text that they stand in.

use std::ops::Range;

/// A text without its escapes, and where each byte of it came from.
pub(super) struct Unescaped {
    bytes: Vec<u8>,
    /// Where each byte starts in the text at first; one more says where the last one ends.
    starts: Vec<usize>,
}

impl Unescaped {
    /// Undoes the escapes of `text`.
    pub(super) fn of(text: &[u8]) -> Self {
        Self::from(text, |at| at)
    }

    /// Undoes the escapes that are left.
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

    /// Returns the text without escapes.
    pub(super) fn text(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns where a part of it stands in the text at first.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        self.starts[part.start]..self.starts[part.end]
    }
}

/// Returns whether an escape in `text` stands for a character that needs none, or for the sign of
/// another escape. Clients that do so are rare, so looking closer costs next to nothing.
pub(super) fn may_hide_a_letter(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'\\', b'%', text).any(|at| {
        let is_telling = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%');
        match text.get(at + 1) {
            // Text of JSON within a text of JSON.
            Some(b'\\') => text.get(at + 2) == Some(&b'u'),
            Some(b'b' | b'f' | b'n' | b'r' | b't') if text[at] == b'\\' => false,
            _ => escaped(&text[at..]).is_some_and(|(byte, _)| is_telling(byte) || byte == b'\\'),
        }
    })
}

/// Returns the byte that the escape at the start of `text` stands for, and how long the escape is.
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
