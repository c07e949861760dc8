//! Splits a statement into tokens exactly as far as ClickHouse's own lexer does, so that what is
//! text for the engine is never code for us, nor the other way round.
//!
//! Tried against the engine: `--`, `//`, `# `, `#!` and `/* */` (not nested) are comments; `''`,
//! `""` and ` `` ` take backslashes and doubled quotes, `‘…’` and `“…”` do not; `$tag$…$tag$` is a
//! string when the tag is made of word characters. Numbers come out as words and dots, which is
//! all that is needed here.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word: keyword, name or number.
    Word,
    /// A name in backticks or double quotes.
    QuotedName,
    /// A string.
    Text,
    /// Any other character.
    Sign(u8),
    /// Something that does not end, or no text at all; nothing after it can be trusted.
    Broken,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'text> {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) bytes: &'text [u8],
}

impl Token<'_> {
    /// Returns whether the token is this keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.bytes.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Returns whether the token is this character.
    pub(crate) fn is_sign(&self, sign: u8) -> bool {
        self.kind == Kind::Sign(sign)
    }

    /// Returns the name that a bare word or a quoted name stands for, in lower case.
    pub(crate) fn name(&self) -> Option<String> {
        let bytes = match self.kind {
            Kind::Word => self.bytes,
            Kind::QuotedName => quoted_content(self.bytes),
            Kind::Text | Kind::Sign(_) | Kind::Broken => return None,
        };
        Some(String::from_utf8_lossy(bytes).to_lowercase())
    }

    /// Returns the offset behind the token.
    pub(crate) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

/// Takes the quotes off; they are one byte, or three in the typographic form.
fn quoted_content(bytes: &[u8]) -> &[u8] {
    let quote = if bytes.starts_with(&[0xE2]) { 3 } else { 1 };
    bytes
        .get(quote..bytes.len().saturating_sub(quote))
        .unwrap_or_default()
}

/// Goes through a statement token by token. Lazy: bytes behind the last token taken are not looked
/// at, because an insert's data may follow there.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'text> {
    text: &'text [u8],
    position: usize,
}

impl<'text> Lexer<'text> {
    pub(crate) fn new(text: &'text [u8]) -> Self {
        let position = if text.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        Self { text, position }
    }

    fn rest(&self) -> &'text [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn skip_to(&mut self, offset: Option<usize>) {
        self.position = offset.map_or(self.text.len(), |offset| self.position + offset);
    }

    /// Skips white space and comments. False when a comment does not end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            match rest {
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C, ..] => self.position += 1,
                // Spaces beyond ASCII: no-break, the U+2000 block, ideographic, byte order mark.
                [0xC2, 0xA0 | 0x85, ..] => self.position += 2,
                [0xE2, 0x80, 0x80..=0x8F | 0xA8 | 0xA9 | 0xAF, ..]
                | [0xE2, 0x81, 0x9F | 0xA0, ..]
                | [0xE3, 0x80, 0x80, ..]
                | [0xEF, 0xBB, 0xBF, ..] => self.position += 3,
                [b'-', b'-', ..] | [b'/', b'/', ..] | [b'#', b' ' | b'!', ..] => {
                    self.skip_to(memchr::memchr(b'\n', rest));
                }
                [b'/', b'*', ..] => {
                    let Some(end) = memchr::memmem::find(&rest[2..], b"*/") else {
                        return false;
                    };
                    self.position += end + 4;
                }
                _ => return true,
            }
        }
    }

    fn token(&mut self, kind: Kind, length: usize) -> Token<'text> {
        let start = self.position;
        self.position = (start + length).min(self.text.len());
        Token {
            kind,
            start,
            bytes: self.text.get(start..self.position).unwrap_or_default(),
        }
    }

    fn quoted(&mut self, quote: u8, kind: Kind) -> Token<'text> {
        let rest = self.rest();
        let mut at = 1;
        loop {
            let Some(found) = rest
                .get(at..)
                .and_then(|rest| memchr::memchr2(quote, b'\\', rest))
            else {
                return self.token(Kind::Broken, rest.len());
            };
            at += found;
            match (rest.get(at), rest.get(at + 1)) {
                (Some(b'\\'), _) => at += 2,
                (_, Some(next)) if *next == quote => at += 2,
                _ => return self.token(kind, at + 1),
            }
        }
    }

    /// A string or name in typographic quotes; `closing` is the last byte of the closing quote.
    fn typographic(&mut self, closing: u8, kind: Kind) -> Token<'text> {
        let rest = self.rest();
        match memchr::memmem::find(rest, &[0xE2, 0x80, closing]) {
            Some(end) => self.token(kind, end + 3),
            None => self.token(Kind::Broken, rest.len()),
        }
    }

    /// A `$tag$…$tag$` string, if one stands here.
    fn heredoc(&mut self) -> Option<Token<'text>> {
        let rest = self.rest();
        let tag_end = 1 + rest.get(1..)?.iter().position(|byte| !is_word(*byte))?;
        if rest.get(tag_end) != Some(&b'$') {
            return None;
        }
        let tag = rest.get(..=tag_end)?;
        let length = memchr::memmem::find(rest.get(tag.len()..)?, tag)? + 2 * tag.len();
        Some(self.token(Kind::Text, length))
    }
}

impl<'text> Iterator for Lexer<'text> {
    type Item = Token<'text>;

    fn next(&mut self) -> Option<Token<'text>> {
        if !self.skip_blank() {
            let length = self.rest().len();
            return Some(self.token(Kind::Broken, length));
        }
        let rest = self.rest();
        let token = match rest {
            [] => return None,
            [b'\'', ..] => self.quoted(b'\'', Kind::Text),
            [b'"', ..] => self.quoted(b'"', Kind::QuotedName),
            [b'`', ..] => self.quoted(b'`', Kind::QuotedName),
            [0xE2, 0x80, 0x98, ..] => self.typographic(0x99, Kind::Text),
            [0xE2, 0x80, 0x9C, ..] => self.typographic(0x9D, Kind::QuotedName),
            [0, ..] => self.token(Kind::Broken, rest.len()),
            [b'$', ..] => match self.heredoc() {
                Some(token) => token,
                None => self.token(Kind::Word, word_length(rest)),
            },
            [byte, ..] if is_word(*byte) => self.token(Kind::Word, word_length(rest)),
            [byte, ..] => self.token(Kind::Sign(*byte), 1),
        };
        Some(token)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn word_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| !is_word(*byte) && *byte != b'$')
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let tokens: Vec<&[u8]> = Lexer::new(text.as_bytes())
            .map(|token| token.bytes)
            .collect();
        let expected: Vec<&[u8]> = expected.iter().map(|text| text.as_bytes()).collect();
        assert_eq!(tokens, expected, "{text}");
    }

    #[test]
    fn comments_are_skipped() {
        check("select -- one\n 1", &["select", "1"]);
        check("select // one\n 1", &["select", "1"]);
        check("#! x\nselect # one\n 1", &["select", "1"]);
        check("select /* '; */ 1", &["select", "1"]);
        check("a-b", &["a", "-", "b"]);
    }

    #[test]
    fn strings_end_where_they_end_for_the_engine() {
        check(r"'a\'b' c", &[r"'a\'b'", "c"]);
        check("'a''b' c", &["'a''b'", "c"]);
        check(r"`a\`b` c", &[r"`a\`b`", "c"]);
        check("‘a\\’ c", &["‘a\\’", "c"]);
        check("$x$ ; ' $x$ c", &["$x$ ; ' $x$", "c"]);
        check("$a b$ c", &["$a", "b$", "c"]);
        check("'--' -- '", &["'--'"]);
    }

    #[test]
    fn what_does_not_end_is_broken() {
        for text in ["'a", "\"a", "/* a", "select \0", "‘a"] {
            let last = Lexer::new(text.as_bytes()).last().unwrap();
            assert_eq!(last.kind, Kind::Broken, "{text}");
        }
    }

    #[test]
    fn quoted_names_lose_their_quotes() {
        let names: Vec<_> = Lexer::new("File `Url` \"s3\"".as_bytes())
            .filter_map(|token| token.name())
            .collect();
        assert_eq!(names, ["file", "url", "s3"]);
    }
}
