//! Parses an `INSERT`: the statement, the format, and where the data begins.
//!
//! The data is always separated from the statement, because the engine ends inline data in a binary
//! format at the first `;` byte.

use super::lexer::{Lexer, Token, TokenKind, rebuild};
use crate::exception::{Exception, code};

/// An insert whose data follows the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InsertData {
    /// The statement that the engine gets, without `FORMAT` and data.
    pub(crate) statement: Vec<u8>,
    /// The data's format.
    pub(crate) format: String,
    /// The offset of the data in the text.
    pub(crate) data_start: usize,
}

/// Parses an `INSERT`. `None` if no data follows: it inserts a query's result, or `VALUES` that are
/// all in the text (`is_whole`) and may refer to parameters.
pub(super) fn read_insert(
    text: &[u8],
    is_whole: bool,
) -> Result<Option<(InsertData, Vec<Token<'_>>)>, Exception> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = lexer.next() {
        let follows_into = names_the_table(&tokens);
        tokens.push(token);
        match token.kind {
            TokenKind::Broken(_) => break,
            TokenKind::Sign(b'(' | b'[' | b'{') => depth += 1,
            TokenKind::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && !follows_into => {
                if token.is_word("SELECT") || token.is_word("WITH") {
                    return refuse_input(text).map(|()| None);
                }
                if token.is_word("VALUES") {
                    tokens.pop();
                    let data = InsertData {
                        statement: rebuild(text, &tokens),
                        format: "Values".to_owned(),
                        data_start: token.end(),
                    };
                    return Ok((!is_whole).then_some((data, tokens)));
                }
                if token.is_word("FORMAT") {
                    tokens.pop();
                    return format_and_data(text, lexer, tokens).map(Some);
                }
            }
            TokenKind::Word | TokenKind::QuotedName | TokenKind::Text | TokenKind::Sign(_) => {}
        }
    }
    Ok(None)
}

/// Returns whether the next token is (a part of) the table's name, which may be any word.
fn names_the_table(before: &[Token<'_>]) -> bool {
    let Some(last) = before.last() else {
        return false;
    };
    let is_start = |token: &Token<'_>| {
        token.is_word("INTO") || token.is_word("TABLE") || token.is_word("FUNCTION")
    };
    is_start(last) || last.is_sign(b'.')
}

/// `INSERT … SELECT … FROM input(…)` needs the data inside a query, which the engine's C interface
/// does not support.
fn refuse_input(text: &[u8]) -> Result<(), Exception> {
    let mut previous: Option<Token<'_>> = None;
    for token in Lexer::new(text) {
        if token.is_sign(b'(') && previous.is_some_and(|previous| previous.is_word("input")) {
            return Err(Exception::new(
                code::NOT_IMPLEMENTED,
                "the table function `input` is not supported here. (NOT_IMPLEMENTED)",
            ));
        }
        previous = Some(token);
    }
    Ok(())
}

/// Parses the format's name and optional settings, and finds the data after them. `tokens` are
/// those before `FORMAT`; those of the settings are appended.
fn format_and_data<'text>(
    text: &'text [u8],
    mut lexer: Lexer<'text>,
    mut tokens: Vec<Token<'text>>,
) -> Result<(InsertData, Vec<Token<'text>>), Exception> {
    let name = lexer
        .next()
        .filter(|token| token.kind == TokenKind::Word)
        .ok_or_else(|| {
            Exception::new(
                code::SYNTAX_ERROR,
                "a format's name must follow FORMAT. (SYNTAX_ERROR)",
            )
        })?;
    let mut statement = rebuild(text, &tokens);
    let settings = settings_after(&lexer);
    let end = settings.last().map_or(name.end(), Token::end);
    if !settings.is_empty() {
        statement.push(b' ');
        statement.extend(rebuild(text, &settings));
        tokens.extend(settings);
    }
    let data = InsertData {
        statement,
        format: String::from_utf8_lossy(name.bytes).into_owned(),
        data_start: skip_to_data(text, end),
    };
    Ok((data, tokens))
}

/// Returns the tokens of `SETTINGS a = 1, b = 'x'` at this position, if any. Does not read past
/// them.
fn settings_after<'text>(lexer: &Lexer<'text>) -> Vec<Token<'text>> {
    let mut lexer = lexer.clone();
    let mut taken = Vec::new();
    let mut next = lexer.next().filter(|token| token.is_word("SETTINGS"));
    while let Some(separator) = next {
        let name = lexer.next().filter(|token| token.kind == TokenKind::Word);
        let equals = lexer.next().filter(|token| token.is_sign(b'='));
        let value = lexer
            .next()
            .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Text));
        let (Some(name), Some(equals), Some(value)) = (name, equals, value) else {
            break;
        };
        taken.extend([separator, name, equals, value]);
        next = lexer.next().filter(|token| token.is_sign(b','));
    }
    taken
}

/// Skips what ClickHouse skips between the statement and its data: blanks and one line feed.
fn skip_to_data(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while matches!(text.get(at), Some(b' ' | b'\t' | 0x0C)) {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, statement: &str, format: &str, data: &str) {
        let (found, _) = read_insert(text.as_bytes(), true).unwrap().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&found.statement),
            statement,
            "{text}"
        );
        assert_eq!(found.format, format, "{text}");
        assert_eq!(
            &text.as_bytes()[found.data_start..],
            data.as_bytes(),
            "{text}"
        );
    }

    #[test]
    fn data_begins_after_the_format_and_one_line_feed() {
        check(
            "INSERT INTO t FORMAT RowBinary\n\n;x",
            "INSERT INTO t",
            "RowBinary",
            "\n;x",
        );
        check(
            "INSERT INTO t(a, b) FORMAT CSV 1,2",
            "INSERT INTO t(a, b)",
            "CSV",
            "1,2",
        );
        check(
            "insert into t format JSONEachRow",
            "insert into t",
            "JSONEachRow",
            "",
        );
        check("INSERT INTO t FORMAT TSV\r\n1", "INSERT INTO t", "TSV", "1");
    }

    #[test]
    fn settings_may_come_before_or_after_the_format() {
        check(
            "INSERT INTO t SETTINGS a = 1 FORMAT CSV\n1",
            "INSERT INTO t SETTINGS a = 1",
            "CSV",
            "1",
        );
        check(
            "INSERT INTO t FORMAT CSV SETTINGS a = 1, b = 'x'\n1",
            "INSERT INTO t SETTINGS a = 1, b = 'x'",
            "CSV",
            "1",
        );
    }

    #[test]
    fn tables_and_columns_may_be_called_like_keywords() {
        check(
            "INSERT INTO format FORMAT CSV\n1",
            "INSERT INTO format",
            "CSV",
            "1",
        );
        check(
            "INSERT INTO a.values (format, select) FORMAT CSV\n1",
            "INSERT INTO a.values (format, select)",
            "CSV",
            "1",
        );
        check(
            "INSERT INTO `x FORMAT y` FORMAT CSV\n1",
            "INSERT INTO `x FORMAT y`",
            "CSV",
            "1",
        );
    }

    #[test]
    fn binary_data_is_not_parsed() {
        let text = b"INSERT INTO t FORMAT RowBinary\n'\0;\xFF/*";
        let (found, _) = read_insert(text, true).unwrap().unwrap();
        assert_eq!(&text[found.data_start..], b"'\0;\xFF/*");
    }

    #[test]
    fn inserts_without_data_are_left_to_the_engine() {
        for text in [
            "INSERT INTO t SELECT 1",
            "INSERT INTO t (a) WITH 1 AS x SELECT x",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t (SELECT 1)",
        ] {
            assert_eq!(read_insert(text.as_bytes(), true).unwrap(), None, "{text}");
        }
        assert!(
            read_insert(
                b"INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV",
                true
            )
            .is_err()
        );
    }

    #[test]
    fn values_after_the_statements_limit_are_data() {
        let (found, _) = read_insert(b"INSERT INTO t VALUES (1), (", false)
            .unwrap()
            .unwrap();
        assert_eq!((found.format.as_str(), found.data_start), ("Values", 20));
    }
}
