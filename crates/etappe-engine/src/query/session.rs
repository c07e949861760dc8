//! Configures a new session for a request.

use std::fmt::Write;
use std::time::Duration;

use crate::credentials::Role;
use crate::exception::Exception;
use crate::ffi::Connection;
use crate::http::request::QueryRequest;
use crate::query::QueryLimits;
use crate::query::cancel::Ticket;
use crate::statement::StatementKind;

/// Settings that make an insert's data one block: all limits exceed the largest body. A batch that
/// is one block is written as a whole or not at all, and its token covers all of it.
const ONE_BLOCK: &[(&str, &str)] = &[
    ("max_insert_block_size", "1000000000"),
    ("max_insert_block_size_bytes", "0"),
    ("min_insert_block_size_rows", "1000000000"),
    ("min_insert_block_size_bytes", "1000000000000"),
    (
        "min_insert_block_size_rows_for_materialized_views",
        "1000000000",
    ),
    (
        "min_insert_block_size_bytes_for_materialized_views",
        "1000000000000",
    ),
];

/// A reader's queries get one thread at a low CPU priority.
const READER: [(&str, &str); 2] = [("max_threads", "1"), ("os_threads_nice_value_query", "10")];

/// Applies database, settings and restrictions, in that order: the restrictions forbid further
/// changes.
pub(crate) fn prepare(
    connection: &mut Connection,
    request: &QueryRequest,
    kind: &StatementKind,
    ticket: &Ticket,
    limits: QueryLimits,
) -> Result<(), Exception> {
    let mut settings = Vec::new();
    if let StatementKind::InsertData(_) = kind {
        settings.extend(
            ONE_BLOCK
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
    }
    settings.extend(
        request
            .settings
            .iter()
            // `readonly` is set last, because it forbids further changes.
            .filter(|(name, _)| name != "readonly")
            .map(|(name, value)| (name.as_str(), value.clone())),
    );
    if request.role == Role::Reader {
        let wanted = request
            .settings
            .iter()
            .rfind(|(name, _)| name == "max_execution_time");
        let timeout = reader_timeout(wanted.map(|(_, value)| value), limits.reader_timeout);
        settings.push(("max_execution_time", timeout));
        settings.push(("max_memory_usage", limits.reader_memory.to_string()));
        settings.extend(READER.map(|(name, value)| (name, value.to_owned())));
    }
    settings.push(("log_comment", ticket.log_comment(&request.log_comment)));
    execute(connection, &set_statement(&settings))?;
    if let Some(database) = &request.database {
        execute(connection, &format!("USE {}", quoted(database, '`')))?;
    }
    let wanted = request
        .settings
        .iter()
        .rfind(|(name, _)| name == "readonly");
    match readonly(request, wanted.map(|(_, value)| value.as_str())) {
        Some(level) => execute(
            connection,
            &format!("SET readonly = {}", quoted(level, '\'')),
        ),
        None => Ok(()),
    }
}

/// Returns the session's `readonly` level. A client may restrict itself further, but not lift a
/// restriction.
fn readonly<'wanted>(request: &QueryRequest, wanted: Option<&'wanted str>) -> Option<&'wanted str> {
    match (request.role, request.is_read_only) {
        (Role::Reader, _) => Some("1"),
        (Role::Writer, true) if wanted == Some("1") => Some("1"),
        // Level 2 still allows settings in the query, which clients use.
        (Role::Writer, true) => Some("2"),
        (Role::Writer, false) => wanted,
    }
}

/// Returns the time limit of a reader's query: the requested one, up to `limit`.
fn reader_timeout(wanted: Option<&String>, limit: Duration) -> String {
    let limit = limit.as_secs_f64();
    let wanted = wanted.and_then(|wanted| wanted.parse::<f64>().ok());
    wanted
        .filter(|wanted| *wanted > 0.0 && *wanted < limit)
        .unwrap_or(limit)
        .to_string()
}

fn execute(connection: &mut Connection, statement: &str) -> Result<(), Exception> {
    match connection.run(statement.as_bytes(), "Null", &[]) {
        Ok(_) => Ok(()),
        Err(report) => Err(Exception::from_engine(&report)),
    }
}

fn set_statement(settings: &[(&str, String)]) -> String {
    let mut statement = String::from("SET ");
    for (index, (name, value)) in settings.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(statement, "{separator}{name} = {}", quoted(value, '\''))
            .expect("a String takes everything");
    }
    statement
}

/// Quotes a value or name and escapes what could end the quotes.
fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            _ if character == quote => {
                quoted.push('\\');
                quoted.push(character);
            }
            _ => quoted.push(character),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_can_only_shorten_its_time_limit() {
        let limit = Duration::from_secs(60);
        let timeout = |wanted: &str| reader_timeout(Some(&wanted.to_owned()), limit);
        assert_eq!(timeout("2.5"), "2.5");
        assert_eq!(timeout("0"), "60");
        assert_eq!(timeout("-1"), "60");
        assert_eq!(timeout("1e9"), "60");
        assert_eq!(reader_timeout(None, limit), "60");
    }

    #[test]
    fn values_cannot_escape_their_quotes() {
        let statement = set_statement(&[("a", "1".to_owned()), ("b", r"x', c = '\".to_owned())]);
        assert_eq!(statement, r"SET a = '1', b = 'x\', c = \'\\'");
        assert_eq!(quoted("a`; DROP", '`'), r"`a\`; DROP`");
    }
}
