//! Parses the parts of a statement that the interface needs: its kind, its format, and where an
//! insert's data begins.
//!
//! The engine parses statements itself. This module decides how to pass them on, and whether to
//! ([`guard`]). The statement that the engine gets is rebuilt from the tokens read here.

mod backup;
mod call;
#[cfg(test)]
mod differential;
pub(crate) mod guard;
mod insert;
mod lexer;
pub(crate) mod names;
pub(crate) mod reader;
pub(crate) mod zones;

use chrono_tz::Tz;

use crate::exception::{Exception, code};

pub(crate) use insert::InsertData;
use lexer::{Lexer, Token, TokenKind};

/// The kind of a statement, as far as it matters for passing it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// Starts like a query, so it may be streamed.
    Select,
    /// Another statement that only reads: `SHOW`, `DESCRIBE`, `EXPLAIN`, `EXISTS`.
    Inspect,
    /// An insert whose data follows it.
    InsertData(InsertData),
    /// An insert of a query's result or of `VALUES` in the statement.
    Insert,
    /// Anything else.
    Other,
}

impl StatementKind {
    /// Returns whether the statement only reads.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Select | Self::Inspect)
    }
}

/// A parsed statement.
#[derive(Debug)]
pub(crate) struct Statement<'text> {
    /// The text that the engine gets; for an insert with data see [`InsertData`].
    pub(crate) text: Vec<u8>,
    pub(crate) kind: StatementKind,
    /// The format named at the end of a query.
    pub(crate) format: Option<String>,
    /// The tokens, up to an insert's data.
    tokens: Vec<Token<'text>>,
}

impl<'text> Statement<'text> {
    /// Parses a statement; `is_whole` tells whether `text` is complete or the beginning of a longer
    /// body.
    pub(crate) fn read(text: &'text [u8], is_whole: bool) -> Result<Self, Exception> {
        let first = Lexer::new(text).next();
        let kind = match first {
            Some(token) if token.is_word("INSERT") => {
                if let Some((data, tokens)) = insert::read_insert(text, is_whole)? {
                    check_tokens(&tokens)?;
                    return Ok(Self {
                        text: Vec::new(),
                        kind: StatementKind::InsertData(data),
                        format: None,
                        tokens,
                    });
                }
                StatementKind::Insert
            }
            Some(token) => kind_of(&token),
            None => {
                return Err(Exception::new(
                    code::SYNTAX_ERROR,
                    "Empty query. (SYNTAX_ERROR)",
                ));
            }
        };
        if !is_whole {
            return Err(Exception::new(
                code::QUERY_IS_TOO_LARGE,
                "the statement is too large. (QUERY_IS_TOO_LARGE)",
            ));
        }
        let tokens: Vec<Token<'text>> = Lexer::new(text).collect();
        check_tokens(&tokens)?;
        let format = trailing_format(&tokens);
        Ok(Self {
            text: lexer::rebuild(text, &tokens),
            kind,
            format,
            tokens,
        })
    }

    /// Returns the time zones that the statement names; refuses computed ones.
    pub(crate) fn zones(&self) -> Result<Vec<Tz>, Exception> {
        zones::named(&self.tokens)
    }

    /// Returns the metrics label of this kind of statement.
    pub(crate) fn label(&self) -> &'static str {
        match self.kind {
            StatementKind::Select | StatementKind::Inspect => "select",
            StatementKind::Insert | StatementKind::InsertData(_) => "insert",
            StatementKind::Other => "other",
        }
    }
}

/// Returns whether a statement that begins like this inserts or changes something. If it is too
/// short to tell, it counts as a question.
pub(crate) fn begins_a_change(beginning: &[u8]) -> bool {
    Lexer::new(beginning).next().is_some_and(|first| {
        first.kind == TokenKind::Word
            && (first.is_word("INSERT") || kind_of(&first) == StatementKind::Other)
    })
}

fn kind_of(first: &Token<'_>) -> StatementKind {
    let is_one_of = |words: &[&str]| words.iter().any(|word| first.is_word(word));
    if is_one_of(&["SELECT", "WITH", "FROM"]) || first.is_sign(b'(') {
        StatementKind::Select
    } else if is_one_of(&["SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"]) {
        StatementKind::Inspect
    } else {
        StatementKind::Other
    }
}

/// Refuses incomplete statements and multiple statements; the engine would run all of them.
fn check_tokens(tokens: &[Token<'_>]) -> Result<(), Exception> {
    for token in tokens {
        if let TokenKind::Broken(why) = token.kind {
            return Err(Exception::new(
                code::SYNTAX_ERROR,
                format!(
                    "Syntax error at byte {}: {why}. (SYNTAX_ERROR)",
                    token.start
                ),
            ));
        }
    }
    let end = tokens
        .iter()
        .position(|token| token.is_sign(b';'))
        .unwrap_or(tokens.len());
    let rest = tokens.get(end..).unwrap_or_default();
    if rest.iter().any(|token| !token.is_sign(b';')) {
        return Err(Exception::new(
            code::SYNTAX_ERROR,
            "Syntax error (Multi-statements are not allowed). (SYNTAX_ERROR)",
        ));
    }
    Ok(())
}

/// Finds `FORMAT name` at the end, optionally followed by `SETTINGS …`.
fn trailing_format(tokens: &[Token<'_>]) -> Option<String> {
    let mut format = None;
    for (index, token) in tokens.iter().enumerate() {
        if !token.is_word("FORMAT") {
            continue;
        }
        let Some(name) = tokens
            .get(index + 1)
            .filter(|name| name.kind == TokenKind::Word)
        else {
            continue;
        };
        let ends = match tokens.get(index + 2) {
            None => true,
            Some(next) => next.is_sign(b';') || next.is_word("SETTINGS"),
        };
        if ends {
            format = Some(String::from_utf8_lossy(name.bytes).into_owned());
        }
    }
    format
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Statement<'_> {
        Statement::read(text.as_bytes(), true).unwrap()
    }

    #[test]
    fn statement_kinds_are_recognised_by_the_first_word() {
        assert_eq!(read("/* x */ select 1").kind, StatementKind::Select);
        assert_eq!(
            read("(select 1) union all (select 2)").kind,
            StatementKind::Select
        );
        assert_eq!(read("Describe table t").kind, StatementKind::Inspect);
        assert_eq!(
            read("CREATE TABLE t (a UInt8) ENGINE = Memory").kind,
            StatementKind::Other
        );
        assert_eq!(read("INSERT INTO t SELECT 1").kind, StatementKind::Insert);
        assert_eq!(
            read("INSERT INTO t VALUES (1);").kind,
            StatementKind::Insert
        );
    }

    #[test]
    fn the_format_at_the_end_is_found() {
        let format = |text| read(text).format;
        assert_eq!(format("SELECT 1 FORMAT JSON"), Some("JSON".to_owned()));
        assert_eq!(format("SELECT 1 format CSV;"), Some("CSV".to_owned()));
        assert_eq!(
            format("SELECT 1 FORMAT TSV SETTINGS a = 1"),
            Some("TSV".to_owned())
        );
        assert_eq!(format("SELECT format FROM t"), None);
        assert_eq!(format("SELECT 'FORMAT JSON'"), None);
        assert_eq!(format("SELECT 1 AS format LIMIT 1"), None);
    }

    #[test]
    fn several_statements_are_refused() {
        assert!(Statement::read(b"select 1; drop table t", true).is_err());
        assert!(Statement::read(b"select ';'; ;", true).is_ok());
        assert!(Statement::read(b"  -- nothing", true).is_err());
        assert!(Statement::read(b"select 'a", true).is_err());
    }

    #[test]
    fn only_an_insert_with_data_may_exceed_the_statement_limit() {
        assert!(Statement::read(b"SELECT 1 ", false).is_err());
        assert!(Statement::read(b"INSERT INTO t FORMAT CSV\n1", false).is_ok());
    }
}
