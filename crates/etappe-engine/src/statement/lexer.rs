//! Splits a statement into tokens, and refuses everything that ClickHouse might read differently.
//!
//! Invariant: this lexer and ClickHouse's see the same tokens. The engine never gets the original
//! text: it gets the tokens (see [`rebuild`]), with a space or a line feed in place of blanks and
//! comments, so these cannot be read in two ways. Of the other tokens, only plain forms are
//! accepted. A quoted name contains no backslash and no quote. Outside quotes only printable ASCII
//! is allowed, without the signs that ClickHouse does not use, heredocs and typographic quotes.
//!
//! Numbers are split into words and dots, which is enough here.

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A bare word: keyword, name or number.
    Word,
    /// A name in backticks or double quotes.
    QuotedName,
    /// A string.
    Text,
    /// Any other character.
    Sign(u8),
    /// Refused text, and why; nothing after it can be trusted.
    Broken(&'static str),
}

/// A token and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'text> {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) bytes: &'text [u8],
}

impl Token<'_> {
    /// Returns whether the token is this keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.bytes.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Returns whether the token is this character.
    pub(crate) fn is_sign(&self, sign: u8) -> bool {
        self.kind == TokenKind::Sign(sign)
    }

    /// Returns the name written as a bare word or a quoted name.
    pub(crate) fn exact_name(&self) -> Option<String> {
        let bytes = match self.kind {
            TokenKind::Word => self.bytes,
            TokenKind::QuotedName => {
                let end = self.bytes.len().saturating_sub(1);
                self.bytes.get(1..end).unwrap_or_default()
            }
            TokenKind::Text | TokenKind::Sign(_) | TokenKind::Broken(_) => return None,
        };
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Returns the name in lower case.
    pub(crate) fn name(&self) -> Option<String> {
        self.exact_name().map(|name| name.to_ascii_lowercase())
    }

    /// Returns the offset after the token.
    pub(crate) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

/// Writes the statement from its tokens. Adjacent tokens stay adjacent; blanks and comments become
/// one space, or one line feed if they contained a line end.
pub(crate) fn rebuild(text: &[u8], tokens: &[Token<'_>]) -> Vec<u8> {
    let mut rebuilt = Vec::new();
    let mut end = None;
    for token in tokens {
        let gap = end.and_then(|end: usize| text.get(end..token.start));
        match gap {
            None | Some([]) => {}
            Some(gap) if gap.contains(&b'\n') => rebuilt.push(b'\n'),
            Some(_) => rebuilt.push(b' '),
        }
        rebuilt.extend_from_slice(token.bytes);
        end = Some(token.end());
    }
    rebuilt
}

/// Reads a statement token by token. Lazy: bytes after the last token taken are not read, because
/// an insert's data may follow there.
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

    /// Skips white space and comments; false if a comment does not end.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            match rest {
                [b' ' | b'\t' | b'\n' | b'\r', ..] => self.position += 1,
                [b'-', b'-', ..] => {
                    let end = memchr::memchr(b'\n', rest);
                    self.position += end.unwrap_or(rest.len());
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

    fn token(&mut self, kind: TokenKind, length: usize) -> Token<'text> {
        let start = self.position;
        self.position = (start + length).min(self.text.len());
        Token {
            kind,
            start,
            bytes: self.text.get(start..self.position).unwrap_or_default(),
        }
    }

    fn broken(&mut self, why: &'static str) -> Token<'text> {
        let length = self.rest().len();
        self.token(TokenKind::Broken(why), length)
    }

    /// Reads a string: a backslash escapes the next byte, and a doubled quote is one quote.
    fn string(&mut self) -> Token<'text> {
        let rest = self.rest();
        let mut at = 1;
        loop {
            let Some(found) = rest
                .get(at..)
                .and_then(|rest| memchr::memchr3(b'\'', b'\\', 0, rest))
            else {
                return self.broken(UNCLOSED);
            };
            at += found;
            match (rest.get(at), rest.get(at + 1)) {
                (Some(0), _) | (Some(b'\\'), Some(0)) => return self.broken(CONTROL),
                (Some(b'\\'), _) | (_, Some(b'\'')) => at += 2,
                _ => return self.token(TokenKind::Text, at + 1),
            }
        }
    }

    /// Reads a plain quoted name.
    fn quoted_name(&mut self, quote: u8) -> Token<'text> {
        let rest = self.rest();
        let content = rest.get(1..).unwrap_or_default();
        let is_end = |byte: &u8| *byte == quote || *byte == b'\\' || byte.is_ascii_control();
        let Some(length) = content.iter().position(is_end) else {
            return self.broken(UNCLOSED);
        };
        let is_closed = content.get(length) == Some(&quote);
        let is_doubled = content.get(length + 1) == Some(&quote);
        let is_utf8 = content
            .get(..length)
            .is_some_and(|name| std::str::from_utf8(name).is_ok());
        if is_closed && !is_doubled && is_utf8 && length > 0 {
            self.token(TokenKind::QuotedName, length + 2)
        } else {
            self.broken(ODD_NAME)
        }
    }
}

const UNCLOSED: &str = "a quote or comment is not closed";
const CONTROL: &str = "the statement contains a zero byte";
const ODD_NAME: &str =
    "a name in quotes must be UTF-8 without backslashes, control characters and quotes in it";
const ODD_CHARACTER: &str = "outside quotes only letters, digits, blanks and ()[]{},.;:+-*/%=<>!|&? are read here; \
     comments are written -- or /* */";

impl<'text> Iterator for Lexer<'text> {
    type Item = Token<'text>;

    fn next(&mut self) -> Option<Token<'text>> {
        if !self.skip_blank() {
            return Some(self.broken(UNCLOSED));
        }
        let rest = self.rest();
        let token = match rest {
            [] => return None,
            [b'\'', ..] => self.string(),
            [quote @ (b'"' | b'`'), ..] => self.quoted_name(*quote),
            // ClickHouse reads this as a comment.
            [b'/', b'/', ..] => self.broken(ODD_CHARACTER),
            [byte, ..] if is_word(*byte) => self.word(),
            [byte, ..] if SIGNS.contains(byte) => self.token(TokenKind::Sign(*byte), 1),
            _ => self.broken(ODD_CHARACTER),
        };
        Some(token)
    }
}

const SIGNS: &[u8] = b"()[]{},.;:+-*/%=<>!|&?";

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'text> Lexer<'text> {
    fn word(&mut self) -> Token<'text> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_word(*byte));
        self.token(TokenKind::Word, length.unwrap_or(rest.len()))
    }
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
        check("select /* '; \u{180e} */ 1", &["select", "1"]);
        check("a-b", &["a", "-", "b"]);
    }

    #[test]
    fn strings_end_where_the_engine_ends_them() {
        check(r"'a\'b' c", &[r"'a\'b'", "c"]);
        check("'a''b' c", &["'a''b'", "c"]);
        check("'--' -- '", &["'--'"]);
        check("'\u{180e}$x$' c", &["'\u{180e}$x$'", "c"]);
    }

    #[test]
    fn ambiguous_text_is_refused() {
        for text in [
            "'a",
            "\"a",
            "/* a",
            "select \0",
            "'\0'",
            "'\\\0'",
            "‘a’",
            "“a”",
            "select\u{180e}1",
            "select\u{a0}1",
            "select\u{2003}1",
            "select\u{b}1",
            "select\u{c}1",
            "select\u{7f}1",
            "select\u{200b}1",
            "ſelect",
            "$x$ a $x$",
            "$$ a $$",
            "a$b",
            "// one",
            "# one",
            "#! one",
            r"`fi\x6ce`",
            r#""fi\le""#,
            "`a``b`",
            "\"a\"\"b\"",
            "``",
            "`a\nb`",
            "@x",
            "a ^ b",
            "~a",
            r"\G",
            "select −1",
        ] {
            let last = Lexer::new(text.as_bytes()).last().unwrap();
            assert!(matches!(last.kind, TokenKind::Broken(_)), "{text}");
        }
        let last = Lexer::new(b"`\xFF`").last().unwrap();
        assert!(matches!(last.kind, TokenKind::Broken(_)));
    }

    #[test]
    fn quoted_names_lose_their_quotes() {
        let names: Vec<_> = Lexer::new("File `Url` \"s3\" `ü ÄB`".as_bytes())
            .filter_map(|token| token.name())
            .collect();
        assert_eq!(names, ["file", "url", "s3", "ü Äb"]);
    }

    #[test]
    fn the_engine_gets_the_tokens_without_comments() {
        let rebuilt = |text: &str| {
            let tokens: Vec<_> = Lexer::new(text.as_bytes()).collect();
            String::from_utf8(rebuild(text.as_bytes(), &tokens)).unwrap()
        };
        assert_eq!(
            rebuilt("\u{feff} SELECT/**/1.5e3 , -- x\u{2028}\n 'a  b'\t\r`c d` /*y*/"),
            "SELECT 1.5e3 ,\n'a  b' `c d`"
        );
        assert_eq!(rebuilt("a->b||c"), "a->b||c");
    }
}
