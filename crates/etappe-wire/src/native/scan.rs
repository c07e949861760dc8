//! Scans and checks JSON text without building values: every byte against the grammar, and the depth.
//!
//! Nothing recurses, so no depth of nesting can exhaust the stack.

use etappe_core::json::skip::{self, ByteSet};

/// The deepest nesting that the scanner can follow: it keeps one bit of a word per level.
pub(super) const MAX_DEPTH: u32 = 64;

/// The fault of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not valid JSON.
    Malformed,
    /// It nests deeper than allowed.
    TooDeep,
}

static IN_STRING: ByteSet = ByteSet::of(b"\"\\").and_controls();

/// Scans and checks a text.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    max_depth: u32,
}

impl<'a> Scanner<'a> {
    /// Creates a scanner that allows values to nest `max_depth` deep, at most [`MAX_DEPTH`].
    pub(super) fn new(text: &'a str, max_depth: u32) -> Self {
        Self {
            text,
            at: 0,
            max_depth: max_depth.min(MAX_DEPTH),
        }
    }

    /// Calls `visit` with the raw name (with its quotes) and the raw value of each member of the
    /// object that is the text, and returns the first fault of a value.
    ///
    /// A faulty value is skipped without being visited, so that the members after it are still
    /// visited. Members with duplicate names are all visited.
    pub(super) fn members(mut self, mut visit: impl FnMut(&'a str, &'a str)) -> Result<(), Fault> {
        self.skip_space();
        self.expect(b'{')?;
        self.skip_space();
        let mut fault = None;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return self.end();
        }
        loop {
            let name = self.slice(Self::string)?;
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let start = self.at;
            match self.slice(|scanner| scanner.value(1)) {
                Ok(value) => visit(name, value),
                Err(found) => {
                    fault = fault.or(Some(found));
                    self.at = skip::value(self.text.as_bytes(), start).ok_or(found)?;
                }
            }
            self.skip_space();
            match self.next() {
                Some(b',') => self.skip_space(),
                Some(b'}') => break,
                _ => return Err(fault.unwrap_or(Fault::Malformed)),
            }
        }
        fault.map_or_else(|| self.end(), Err)
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(Fault::Malformed)
        }
    }

    fn slice(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<&'a str, Fault> {
        let start = self.at;
        step(self)?;
        // Both ends are at ASCII bytes of the grammar, hence at character boundaries.
        self.text.get(start..self.at).ok_or(Fault::Malformed)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.next() == Some(byte) {
            Ok(())
        } else {
            Err(Fault::Malformed)
        }
    }

    fn skip_space(&mut self) {
        self.at = skip::space(self.text.as_bytes(), self.at);
    }

    /// Skips one value at nesting depth `depth`.
    fn value(&mut self, depth: u32) -> Result<(), Fault> {
        // A set bit is an object, a clear one an array; the lowest bit is the innermost level.
        let mut levels = 0_u64;
        let mut open = 0_u32;
        loop {
            match self.peek().ok_or(Fault::Malformed)? {
                bracket @ (b'{' | b'[') => {
                    self.at += 1;
                    if depth + open >= self.max_depth {
                        return Err(Fault::TooDeep);
                    }
                    levels = levels << 1 | u64::from(bracket == b'{');
                    open += 1;
                    self.skip_space();
                    let empty = if bracket == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(empty) {
                        if bracket == b'{' {
                            self.name()?;
                        }
                        continue;
                    }
                    self.at += 1;
                    levels >>= 1;
                    open -= 1;
                }
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return Err(Fault::Malformed),
            }
            if self.close(&mut levels, &mut open)? {
                return Ok(());
            }
        }
    }

    /// Skips what follows a value: closing brackets and a comma. Returns whether the outermost
    /// value has ended.
    fn close(&mut self, levels: &mut u64, open: &mut u32) -> Result<bool, Fault> {
        while *open > 0 {
            self.skip_space();
            let in_object = *levels & 1 == 1;
            match (self.next(), in_object) {
                (Some(b','), true) => {
                    self.skip_space();
                    self.name()?;
                    return Ok(false);
                }
                (Some(b','), false) => {
                    self.skip_space();
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    *levels >>= 1;
                    *open -= 1;
                }
                _ => return Err(Fault::Malformed),
            }
        }
        Ok(true)
    }

    fn name(&mut self) -> Result<(), Fault> {
        self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            self.at = IN_STRING.find(bytes, self.at).ok_or(Fault::Malformed)?;
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape()?,
                _ => return Err(Fault::Malformed),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4);
                if digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    self.at += 4;
                    Ok(())
                } else {
                    Err(Fault::Malformed)
                }
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(Fault::Malformed)
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        let end = self.at + word.len();
        if self.text.as_bytes().get(self.at..end) == Some(word.as_bytes()) {
            self.at = end;
            Ok(())
        } else {
            Err(Fault::Malformed)
        }
    }
}

#[cfg(test)]
mod tests;
