//! Finds where JSON text continues, by balancing brackets and quotes only.
//!
//! Nothing is checked: of an invalid value the end is found as well, so that its neighbours can be
//! read. Nothing recurses, so no depth of nesting can exhaust the stack. The functions take the
//! text's bytes and the position to start at; they are inlined where they are used, because every
//! event passes through them several times.

/// Bytes to look for.
#[derive(Debug)]
pub struct ByteSet([bool; 256]);

static QUOTE_OR_ESCAPE: ByteSet = ByteSet::of(b"\"\\");
static BRACKET_OR_QUOTE: ByteSet = ByteSet::of(b"{}[]\"");
static AFTER_SCALAR: ByteSet = ByteSet::of(b",]}: \t\r\n");

impl ByteSet {
    /// Returns the set of `bytes`.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut index = 0;
        while index < bytes.len() {
            set[bytes[index] as usize] = true;
            index += 1;
        }
        Self(set)
    }

    /// Adds the control characters, which JSON text must escape.
    #[must_use]
    pub const fn and_controls(mut self) -> Self {
        let mut byte = 0;
        while byte < 0x20 {
            self.0[byte] = true;
            byte += 1;
        }
        self
    }

    /// Returns the position of the first byte of the set at or after `from`.
    #[inline]
    #[must_use]
    pub fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        rest.iter()
            .position(|byte| self.0[usize::from(*byte)])
            .map(|at| from + at)
    }
}

/// Returns the position of the first byte at or after `from` that is not white space.
#[inline]
#[must_use]
pub fn space(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Returns where the string that starts at `from` ends (after its quote), whatever it contains.
#[inline]
#[must_use]
pub fn string(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 1;
    loop {
        at = QUOTE_OR_ESCAPE.find(bytes, at)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Returns where the value that starts at `from` ends.
#[inline]
#[must_use]
pub fn value(bytes: &[u8], from: usize) -> Option<usize> {
    match bytes.get(from)? {
        b'"' => return string(bytes, from),
        b'{' | b'[' => {}
        _ => {
            let end = AFTER_SCALAR.find(bytes, from).unwrap_or(bytes.len());
            return (end > from).then_some(end);
        }
    }
    let mut depth = 0_usize;
    let mut at = from;
    loop {
        at = BRACKET_OR_QUOTE.find(bytes, at)?;
        match bytes.get(at)? {
            b'"' => {
                at = string(bytes, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            _ => depth = depth.checked_sub(1)?,
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Returns the text of the last member called `name` of a valid value; `None` if it is not an object.
#[must_use]
pub fn member<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let bytes = object.as_bytes();
    let mut at = space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = space(bytes, at + 1);
    let mut found = None;
    while bytes.get(at) == Some(&b'"') {
        let key_end = string(bytes, at)?;
        let key = object.get(at..key_end)?;
        // Skip the colon.
        let start = space(bytes, space(bytes, key_end) + 1);
        let end = value(bytes, start)?;
        if is_key(key, name) {
            found = object.get(start..end);
        }
        at = space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            break;
        }
        at = space(bytes, at + 1);
    }
    found
}

/// Returns whether the quoted `key` spells `name`.
fn is_key(key: &str, name: &str) -> bool {
    if key.contains('\\') {
        return serde_json::from_str::<String>(key).is_ok_and(|key| key == name);
    }
    key.len() == name.len() + 2 && key.get(1..key.len() - 1) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_value_ends_where_its_brackets_are_balanced() {
        for (text, end) in [
            ("{\"a\":\"}\\\"\"} ,", Some(11)),
            ("[1,{]} x", Some(6)),
            ("nonsense,", Some(8)),
            ("12", Some(2)),
            ("\"a\\\"", None),
            ("{{}", None),
            (",", None),
            ("", None),
            ("\"\\", None),
        ] {
            assert_eq!(value(text.as_bytes(), 0), end, "{text}");
        }
    }
}
