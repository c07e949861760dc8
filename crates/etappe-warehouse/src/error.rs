//! The warehouse's errors, and how to react to them.
//!
//! ClickHouse answers with a number and a text. The number decides, except for 252, which means
//! both "too many parts" (wait for merges) and "too many partitions" (the batch is at fault).

use std::time::Duration;

use etappe_core::id::Offset;
use etappe_core::ports::{Cost, RetryClass, Retryable, RowBatch};

use crate::config::InvalidWarehouseConfig;
use crate::write::{is_about_target, record_named};

/// An error of the warehouse.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// The configuration is invalid.
    #[error("invalid warehouse configuration: {0}")]
    Config(#[source] InvalidWarehouseConfig),
    /// The server refused the request or was unreachable.
    #[error("cannot {action} at {host}: {}{}", with_causes(source), advice(source))]
    Server {
        /// The operation that failed.
        action: &'static str,
        /// The server's name and port.
        host: String,
        /// The record that the server blames, if it named one.
        record: Option<Offset>,
        /// The client's error.
        #[source]
        source: clickhouse::error::Error,
    },
    /// The server did not answer in time; the operation may still complete.
    #[error("cannot {action} at {host}: no answer within {after:?}")]
    TimedOut {
        /// The operation that failed.
        action: &'static str,
        /// The server's name and port.
        host: String,
        /// The timeout.
        after: Duration,
    },
    /// The server is too old.
    #[error(
        "the server at {host} is ClickHouse {found}, which is too old: it must be {} or newer",
        OLDEST_SERVER
    )]
    ServerTooOld {
        /// The server's name and port.
        host: String,
        /// Its version.
        found: String,
    },
    /// The database was migrated by a newer program.
    #[error("the database has schema version {found}, this program knows up to {known}")]
    NewerSchema {
        /// The database's version.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// An applied migration differs from this program's version of it, which no release does.
    #[error(
        "the data were made by an unreleased version: its migration {version} (`{name}`) differs \
         from this program's, and nothing converts the tables; start with an empty data folder or \
         database and import the events again, or go back to the version that made them"
    )]
    UnreleasedSchema {
        /// The migration's version.
        version: u32,
        /// Its name.
        name: String,
    },
    /// A unit's hits exceed the memory limit for one unit.
    #[error("unit {unit:016x} has more hits than fit into {limit} bytes")]
    UnitTooLarge {
        /// The unit's hash.
        unit: u64,
        /// The limit.
        limit: usize,
    },
    /// There are more referred actors or invitations than the memory limit allows.
    #[error("more than {limit} referrals or invitations")]
    TooManyReferrals {
        /// The limit.
        limit: usize,
    },
    /// A query has more conditions than a hit has bits.
    #[error("a question has {0} conditions, at most 64 are possible")]
    TooManyConditions(usize),
    /// A batch is only partly stored, and another process may still be storing the rest.
    #[error("batch `{token}` is incomplete in `{table}`: {missing} rows are missing")]
    Incomplete {
        /// The batch's token.
        token: String,
        /// The first table that lacks rows.
        table: &'static str,
        /// How many rows it lacks.
        missing: usize,
    },
    /// The bytes of a batch are not the rows that its summaries describe.
    #[error("the rows of batch `{token}` are broken")]
    BrokenRows {
        /// The batch's token.
        token: String,
    },
    /// These databases cannot be the source or the target of a copy.
    #[error("cannot copy: {0}")]
    CopyRefused(String),
    /// The rows in a copy's target differ from those of its source.
    #[error(
        "table `{table}` has {found} rows in the target and {expected} in the source: is another process writing to one of them?"
    )]
    CopyDiffers {
        /// The table.
        table: &'static str,
        /// The expected number of rows.
        expected: u64,
        /// The number of rows found.
        found: u64,
    },
    /// The server's answer does not have the expected form.
    #[error("unexpected answer from the server: {0}")]
    UnexpectedAnswer(String),
    /// Metrics with the same names are already registered.
    #[error("cannot register metrics: {0}")]
    Metrics(#[source] prometheus::Error),
}

/// The oldest supported version of the server.
const OLDEST_SERVER: &str = "25.8";

/// Returns whether this server version is supported.
pub(crate) fn is_new_enough(version: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    };
    numbers(version) >= numbers(OLDEST_SERVER)
}

/// Returns an error's text and those of its causes, unless they repeat it. Only the innermost cause
/// says that a connection was refused.
fn with_causes(error: &clickhouse::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// Returns advice about a client error, if there is any.
fn advice(source: &clickhouse::error::Error) -> &'static str {
    use clickhouse::error::Error;
    match source {
        Error::Network(_) => {
            " (is the server up, and does the `url` of `[clickhouse]` name its HTTP port?)"
        }
        Error::BadResponse(text) => match code_of(text) {
            Some(192..=194 | 516) => " (check `user` and `password` of `[clickhouse]`)",
            Some(497) => " (the user lacks a right: grant it, or use another `user`)",
            Some(81) => " (`etappe migrate` makes the database)",
            Some(60) => " (`etappe migrate` makes the tables)",
            _ => "",
        },
        _ => "",
    }
}

/// Error codes that mean invalid rows; sending them again cannot help.
const CONTENT_CODES: &[u32] = &[
    6,   // cannot parse text
    26,  // cannot parse quoted string
    27,  // cannot parse input
    32,  // attempt to read after the end
    33,  // cannot read all data
    38,  // cannot parse date
    41,  // cannot parse datetime
    53,  // type mismatch
    69,  // argument out of bound
    70,  // cannot convert type
    72,  // cannot parse number
    117, // incorrect data
    128, // too large array
    131, // too large string
    321, // value out of range of its type
    349, // null in an ordinary column
    395, // throwIf
    407, // decimal overflow
    469, // violated constraint
    691, // unknown element of an enumeration
];

/// Error codes that mean that program and schema do not match. Only another program or a migration
/// helps, and both come with a restart. They never mean that single rows are invalid.
const SCHEMA_CODES: &[u32] = &[
    8,   // there is no such column
    10,  // not found column in block
    16,  // no such column in table
    20,  // number of columns does not match
    46,  // unknown function
    47,  // unknown identifier
    60,  // unknown table
    62,  // syntax error
    81,  // unknown database
    115, // unknown setting
];

const TOO_MANY_PARTS_OR_PARTITIONS: u32 = 252;

impl WarehouseError {
    /// Returns ClickHouse's error code, if the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Server {
                source: clickhouse::error::Error::BadResponse(text),
                ..
            } => code_of(text),
            _ => None,
        }
    }

    /// Returns a hash of a refusal's text without its numbers. `None` for a refusal by a view,
    /// because then it is unknown what other views stored.
    pub(crate) fn refusal(&self) -> Option<u64> {
        match self {
            Self::Server {
                source: clickhouse::error::Error::BadResponse(text),
                ..
            } => words_of(text),
            _ => None,
        }
    }
}

impl WarehouseError {
    /// Adds the record of an inserted batch that the server names.
    pub(crate) fn naming_record(mut self, batch: &RowBatch) -> Self {
        if let Self::Server {
            record,
            source: clickhouse::error::Error::BadResponse(text),
            ..
        } = &mut self
        {
            *record = record_named(text, batch);
        }
        self
    }
}

fn words_of(answer: &str) -> Option<u64> {
    let code = code_of(answer)?;
    if is_about_target(answer) {
        return None;
    }
    let words: String = answer.chars().filter(|it| !it.is_ascii_digit()).collect();
    Some(etappe_core::id::hash64(&format!("{code} {words}")))
}

impl Retryable for WarehouseError {
    /// Every unknown error is transient: waiting loses nothing, giving up would. Wrong credentials
    /// are transient too, because they can be fixed on the server while this process waits.
    fn retry_class(&self) -> RetryClass {
        match self {
            Self::Server {
                source: clickhouse::error::Error::BadResponse(text),
                ..
            } => class_of(text),
            Self::Server { .. }
            | Self::TimedOut { .. }
            | Self::UnexpectedAnswer(_)
            | Self::Incomplete { .. } => RetryClass::Transient,
            Self::UnitTooLarge { .. }
            | Self::BrokenRows { .. }
            | Self::TooManyReferrals { .. }
            | Self::TooManyConditions(_) => RetryClass::Permanent,
            Self::Config(_)
            | Self::CopyRefused(_)
            | Self::CopyDiffers { .. }
            | Self::ServerTooOld { .. }
            | Self::NewerSchema { .. }
            | Self::UnreleasedSchema { .. }
            | Self::Metrics(_) => RetryClass::Fatal,
        }
    }

    fn record_to_blame(&self) -> Option<Offset> {
        match self {
            Self::Server { record, .. } => *record,
            _ => None,
        }
    }

    fn exhausted(&self) -> Option<Cost> {
        match self {
            Self::Server {
                source: clickhouse::error::Error::BadResponse(text),
                ..
            } => cost_of(text),
            Self::TimedOut { .. } => Some(Cost::Time),
            Self::UnitTooLarge { .. } | Self::TooManyReferrals { .. } => Some(Cost::Memory),
            _ => None,
        }
    }
}

/// Returns the limit that a query exceeded, if the server reports one. For an insert this says
/// nothing about the rows, which must be stored anyway.
fn cost_of(answer: &str) -> Option<Cost> {
    match code_of(answer)? {
        158 => Some(Cost::Rows),
        307 => Some(Cost::Bytes),
        159 | 160 => Some(Cost::Time),
        // The query's own memory limit, not that of the whole server, which other queries use too.
        241 if answer.contains("Query memory limit") || answer.contains("for query") => {
            Some(Cost::Memory)
        }
        _ => None,
    }
}

fn class_of(answer: &str) -> RetryClass {
    match code_of(answer) {
        Some(TOO_MANY_PARTS_OR_PARTITIONS) if answer.contains("oo many partitions") => {
            RetryClass::Permanent
        }
        Some(code) if CONTENT_CODES.contains(&code) => RetryClass::Permanent,
        Some(code) if SCHEMA_CODES.contains(&code) => RetryClass::Fatal,
        _ => RetryClass::Transient,
    }
}

/// Returns the number in `Code: 252. DB::Exception: …`.
fn code_of(answer: &str) -> Option<u32> {
    let (_, rest) = answer.split_once("Code: ")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_lists_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("client error (Connect)")]
        struct Outer(#[source] std::io::Error);
        let refused = std::io::Error::other("Connection refused");
        let error = clickhouse::error::Error::Network(Box::new(Outer(refused)));
        let expected = "network error: client error (Connect): Connection refused";
        assert_eq!(with_causes(&error), expected);
    }

    #[test]
    fn answers_are_classified_by_code_and_text() {
        let cases = [
            (
                "Code: 252. DB::Exception: Too many parts (300)",
                RetryClass::Transient,
            ),
            (
                "Code: 252. DB::Exception: Too many partitions for single INSERT block",
                RetryClass::Permanent,
            ),
            (
                "Code: 241. DB::Exception: Memory limit",
                RetryClass::Transient,
            ),
            (
                "Code: 202. DB::Exception: Too many simultaneous queries",
                RetryClass::Transient,
            ),
            (
                "Code: 33. DB::Exception: Cannot read all data",
                RetryClass::Permanent,
            ),
            ("Code: 60. DB::Exception: Unknown table", RetryClass::Fatal),
            (
                "Code: 516. DB::Exception: Authentication failed",
                RetryClass::Transient,
            ),
            ("Code: 99999. DB::Exception: new one", RetryClass::Transient),
            ("502 Bad Gateway", RetryClass::Transient),
            ("", RetryClass::Transient),
        ];
        for (answer, expected) in cases {
            assert_eq!(class_of(answer), expected, "{answer}");
        }
    }

    #[test]
    fn refusals_are_identified_by_text_except_those_of_views() {
        let refusal = |row: u32| {
            words_of(&format!(
                "Code: 33. DB::Exception: Cannot read all data: (at row {row})"
            ))
        };
        assert!(refusal(1).is_some());
        assert_eq!(refusal(1), refusal(27));
        assert_ne!(
            refusal(1),
            words_of("Code: 117. DB::Exception: Incorrect data")
        );
        assert_ne!(
            words_of("Code: 6. DB::Exception: x"),
            words_of("Code: 26. DB::Exception: x")
        );
        assert_eq!(
            words_of("Code: 407. DB::Exception: overflow: while pushing to view etappe.money"),
            None
        );
        let constraint = "Code: 469. DB::Exception: Constraint `c` for table etappe.money (9f01) is \
                          violated at row 3.";
        assert_eq!(words_of(constraint), None);
        assert_eq!(words_of("502 Bad Gateway"), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for new in ["25.8", "25.8.1.1", "25.12.3", "26.1.1.1", "100.1"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["25.7.9.9", "24.12.1", "9.9", "", "head"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn limits_of_a_query_are_distinguished_from_those_of_the_server() {
        let cases = [
            ("Code: 158. DB::Exception: Limit for rows", Some(Cost::Rows)),
            (
                "Code: 307. DB::Exception: Limit for bytes",
                Some(Cost::Bytes),
            ),
            (
                "Code: 159. DB::Exception: Timeout exceeded",
                Some(Cost::Time),
            ),
            (
                "Code: 241. DB::Exception: Query memory limit exceeded: would use",
                Some(Cost::Memory),
            ),
            (
                "Code: 241. DB::Exception: Memory limit (for query) exceeded",
                Some(Cost::Memory),
            ),
            (
                "Code: 241. DB::Exception: (total) memory limit exceeded",
                None,
            ),
            ("Code: 202. DB::Exception: Too many queries", None),
        ];
        for (answer, expected) in cases {
            assert_eq!(cost_of(answer), expected, "{answer}");
            assert_eq!(class_of(answer), RetryClass::Transient, "{answer}");
        }
    }

    #[test]
    fn the_code_is_found_anywhere_in_the_answer() {
        assert_eq!(code_of("Code: 6"), Some(6));
        assert_eq!(code_of("x Code: 252. y"), Some(252));
        assert_eq!(code_of("no code"), None);
    }
}
