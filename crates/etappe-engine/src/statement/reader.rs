//! Restrictions on a reader's statements, in addition to those on all statements (see
//! [`super::guard`]).

use super::lexer::{Token, TokenKind};
use super::names;
use crate::exception::{Exception, code};

/// What a reader may `SHOW`.
const SHOWN: &[&str] = &[
    "columns",
    "create",
    "databases",
    "dictionaries",
    "extended",
    "fields",
    "full",
    "functions",
    "index",
    "indexes",
    "indices",
    "keys",
    "tables",
];

/// Words between `EXPLAIN` and the query: the kind of explanation and its options.
const EXPLAINED: &[&str] = &[
    "actions",
    "ast",
    "compact",
    "description",
    "distributed",
    "estimate",
    "graph",
    "header",
    "indexes",
    "json",
    "oneline",
    "optimize",
    "passes",
    "pipeline",
    "plan",
    "projections",
    "query",
    "run_passes",
    "sorting",
    "syntax",
    "tree",
];

/// Words that begin something forbidden to a reader, refused in any position. A column with such a
/// name must be quoted.
const RESERVED: &[&str] = &[
    "execute", "infile", "insert", "into", "outfile", "parallel", "settings",
];

/// Refuses what a reader may not run.
pub(super) fn check(tokens: &[Token<'_>], format: &str) -> Result<(), Exception> {
    let Some(first) = tokens.first() else {
        return Ok(());
    };
    if first.is_word("SHOW") {
        check_show(tokens)?;
    } else if first.is_word("EXISTS") {
        check_exists(tokens)?;
    } else if first.is_word("EXPLAIN") {
        check_explain(tokens)?;
    }
    for (index, token) in tokens.iter().enumerate() {
        check_token(tokens, index, token)?;
    }
    if names::is_reader_format(format) {
        Ok(())
    } else {
        Err(denied(format!("the format `{format}` is not for readers")))
    }
}

fn check_token(tokens: &[Token<'_>], index: usize, token: &Token<'_>) -> Result<(), Exception> {
    let next = tokens.get(index + 1);
    if token.is_sign(b':') && next.is_some_and(|next| next.is_word("IDENTIFIER")) {
        return Err(denied(
            "a parameter of the type Identifier is not for readers".to_owned(),
        ));
    }
    let Some(name) = token.name() else {
        return Ok(());
    };
    if token.kind == TokenKind::Word {
        let is_nested_explain = index > 0 && name == "explain";
        if is_nested_explain || RESERVED.contains(&name.as_str()) {
            let advice = if name == "settings" {
                "give settings in the URL"
            } else {
                "quote it if it is a column"
            };
            return Err(readonly(format!(
                "the word {name} is not for readers: {advice}"
            )));
        }
        if name == "format" {
            check_format(next)?;
        }
    }
    if name == "system" && next.is_some_and(|next| next.is_sign(b'.')) {
        let table = tokens.get(index + 2).and_then(Token::name);
        if !table.as_deref().is_some_and(names::is_open_system_table) {
            let table = table.unwrap_or_default();
            return Err(denied(format!("`system.{table}` is not for readers")));
        }
    }
    Ok(())
}

/// Words that may follow a column and are never followed by a parenthesis.
const AFTER_COLUMN: &[&str] = &[
    "collate", "end", "fetch", "global", "nulls", "order", "window",
];

/// `FORMAT name` ends a query; the name may be quoted. Before a keyword, `format` is a column.
fn check_format(next: Option<&Token<'_>>) -> Result<(), Exception> {
    let Some(name) = next.and_then(Token::exact_name) else {
        return Ok(());
    };
    let word = name.to_ascii_lowercase();
    let is_column = names::is_query_word(&word) || AFTER_COLUMN.contains(&word.as_str());
    if is_column || names::is_reader_format(&name) {
        Ok(())
    } else {
        Err(denied(format!("the format `{name}` is not for readers")))
    }
}

fn check_show(tokens: &[Token<'_>]) -> Result<(), Exception> {
    let what = tokens.get(1).and_then(Token::name).unwrap_or_default();
    if SHOWN.contains(&what.as_str()) {
        Ok(())
    } else {
        Err(readonly(format!("SHOW {what} is not for readers")))
    }
}

/// The engine may take a name with a slash for a file path and reveal whether the file exists.
fn check_exists(tokens: &[Token<'_>]) -> Result<(), Exception> {
    let is_path = |token: &Token<'_>| {
        let name = token.exact_name();
        name.is_some_and(|name| name.contains('/') || name.starts_with('.'))
    };
    if tokens.iter().any(is_path) {
        return Err(denied("a table name cannot contain a slash".to_owned()));
    }
    Ok(())
}

/// Only queries may be explained: no other statements, and nothing that contacts another server.
fn check_explain(tokens: &[Token<'_>]) -> Result<(), Exception> {
    for token in tokens.iter().skip(1) {
        let begins_query = token.is_sign(b'(')
            || ["SELECT", "WITH", "FROM"]
                .iter()
                .any(|word| token.is_word(word));
        if begins_query {
            return Ok(());
        }
        let is_part = match token.kind {
            TokenKind::Word => {
                let name = token.name().unwrap_or_default();
                EXPLAINED.contains(&name.as_str()) || name.bytes().all(|byte| byte.is_ascii_digit())
            }
            TokenKind::Sign(sign) => matches!(sign, b'=' | b','),
            TokenKind::QuotedName | TokenKind::Text | TokenKind::Broken(_) => false,
        };
        if !is_part {
            break;
        }
    }
    Err(readonly("readers may only EXPLAIN queries".to_owned()))
}

/// Refuses a database that readers may not use.
pub(crate) fn check_database(name: &str) -> Result<(), Exception> {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_plain && !name.eq_ignore_ascii_case("system") {
        return Ok(());
    }
    Err(denied(format!("the database `{name}` is not for readers")))
}

fn denied(text: String) -> Exception {
    Exception::new(code::ACCESS_DENIED, format!("{text}. (ACCESS_DENIED)"))
}

fn readonly(text: String) -> Exception {
    Exception::new(code::READONLY, format!("{text}. (READONLY)"))
}
