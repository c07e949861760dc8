//! The tables to copy, and how their rows are divided into chunks.
//!
//! Rows are read in the order of a key that is unique per row; a chunk covers the rows after one
//! key up to another. The key starts with the table's sorting columns, so that the server finds a
//! chunk by its index.

use std::fmt::Write;

use crate::query::Query;

/// A column of a key, and its type as a query parameter.
type KeyColumn = (&'static str, &'static str);

const SITE: KeyColumn = ("site", "String");
const TOPIC: KeyColumn = ("topic", "String");
const PARTITION: KeyColumn = ("partition", "UInt32");
const OFFSET: KeyColumn = ("offset", "UInt64");
const ACTOR: KeyColumn = ("actor_hash", "UInt64");
const OCCURRED: KeyColumn = ("occurred_at", "DateTime64(3, 'UTC')");

/// A table to copy.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key: &'static [KeyColumn],
    /// Rows with equal keys are versions of the same row. The one with the highest value in this
    /// column counts, and only that one is copied.
    pub(super) repeats_by: Option<&'static str>,
}

/// A table whose rows are unique.
const fn unique(name: &'static str, key: &'static [KeyColumn]) -> Table {
    Table {
        name,
        key,
        repeats_by: None,
    }
}

/// A table that may hold several versions of a row.
const fn repeating(name: &'static str, key: &'static [KeyColumn], by: &'static str) -> Table {
    Table {
        name,
        key,
        repeats_by: Some(by),
    }
}

/// Every table with received data. The tables that processes publish at each start are not
/// included.
pub(super) const TABLES: &[Table] = &[
    repeating("outcomes", &[("id", "UInt64")], "id"),
    repeating(
        "outcome_stages",
        &[
            ("id", "UInt64"),
            ("model", "String"),
            ("is_main", "Bool"),
            ("stage", "String"),
            ("rule", "String"),
        ],
        "ordinal",
    ),
    unique("events", &[SITE, ACTOR, OCCURRED, PARTITION, OFFSET, TOPIC]),
    unique(
        "stage_events",
        &[
            SITE,
            OCCURRED,
            PARTITION,
            OFFSET,
            ("revision", "UInt32"),
            TOPIC,
        ],
    ),
    unique(
        "money",
        &[
            SITE,
            ("order_key", "UInt64"),
            OCCURRED,
            PARTITION,
            OFFSET,
            TOPIC,
        ],
    ),
    unique("feedback", &[SITE, OCCURRED, PARTITION, OFFSET, TOPIC]),
    unique(
        "referral_events",
        &[SITE, OCCURRED, PARTITION, OFFSET, TOPIC],
    ),
    unique(
        "identities",
        &[SITE, ACTOR, OCCURRED, PARTITION, OFFSET, TOPIC],
    ),
    repeating(
        "actor_ids",
        &[
            SITE,
            ("id_hash", "UInt64"),
            ACTOR,
            ("id", "String"),
            ("scope", "String"),
        ],
        "received_at",
    ),
    repeating(
        "actor_overrides",
        &[SITE, ("from_hash", "UInt64")],
        "revision",
    ),
    unique(
        "duplicates",
        &[
            SITE,
            ("received_at", "DateTime64(3, 'UTC')"),
            PARTITION,
            OFFSET,
            TOPIC,
        ],
    ),
    unique("marks", &[TOPIC, PARTITION, OFFSET]),
    unique(
        "messages",
        &[PARTITION, ("message_hash", "UInt64"), OFFSET, TOPIC],
    ),
];

/// The rows after one key up to another, in one of a table's partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// The table's partition, by the server's name for it.
    pub(super) part: String,
    /// The key after which it begins; empty for the start.
    pub(super) after: Vec<String>,
    /// The key of its last row; empty for the end.
    pub(super) last: Vec<String>,
}

impl Table {
    fn key_columns(&self) -> String {
        let columns: Vec<&str> = self.key.iter().map(|(column, _)| *column).collect();
        columns.join(", ")
    }

    /// Returns the condition for the rows of a span.
    fn condition(&self, span: &Span) -> String {
        let mut sql = "_partition_id = {part:String}".to_owned();
        if !span.after.is_empty() {
            self.bound(&mut sql, "after", ">", ">");
        }
        if !span.last.is_empty() {
            self.bound(&mut sql, "last", "<", "<=");
        }
        sql
    }

    /// Adds a bound twice: once for the index, on the first two columns, and once exactly.
    fn bound(&self, sql: &mut String, prefix: &str, beyond: &str, exactly: &str) {
        let parameters: Vec<String> = (0..)
            .zip(self.key)
            .map(|(number, (_, kind)): (usize, _)| format!("{{{prefix}{number}:{kind}}}"))
            .collect();
        let columns = self.key_columns();
        let mut write = |text: std::fmt::Arguments<'_>| {
            sql.write_fmt(text).expect("text takes all that is written");
        };
        if let ([(first, _), rest @ ..], [first_bound, ..]) = (self.key, &parameters[..]) {
            write(format_args!(" AND {first} {beyond}= {first_bound}"));
            if let ([(second, _), ..], Some(second_bound)) = (rest, parameters.get(1)) {
                write(format_args!(
                    " AND ({first} {beyond} {first_bound} OR {second} {beyond}= {second_bound})"
                ));
            }
        }
        write(format_args!(
            " AND tuple({columns}) {exactly} tuple({})",
            parameters.join(", ")
        ));
    }

    /// Returns the statement that lists the table's partitions.
    pub(super) fn parts_statement(&self) -> String {
        format!(
            "SELECT DISTINCT _partition_id AS part FROM {} ORDER BY part",
            self.name
        )
    }

    /// Returns the statement that counts the rows of a span, each once.
    pub(super) fn count_statement(&self, span: &Span) -> String {
        let (table, condition) = (self.name, self.condition(span));
        if self.repeats_by.is_none() {
            return format!("SELECT count() AS number FROM {table} WHERE {condition}");
        }
        let key = self.key_columns();
        format!(
            "SELECT count() AS number FROM (SELECT {key} FROM {table} WHERE {condition} GROUP BY {key})"
        )
    }

    /// Returns the statement for the end of a chunk of at most `rows` rows at the start of a span:
    /// the number of its rows and the key of the last one.
    pub(super) fn end_statement(&self, span: &Span, rows: u64) -> String {
        let (table, key, condition) = (self.name, self.key_columns(), self.condition(span));
        let distinct = if self.repeats_by.is_some() {
            "DISTINCT "
        } else {
            ""
        };
        let texts: Vec<String> = (1..=self.key.len())
            .map(|number| format!("toString(tupleElement(highest, {number}))"))
            .collect();
        format!(
            "SELECT number, [{}] AS last FROM (
                SELECT count() AS number, max(tuple({key})) AS highest FROM (
                    SELECT {distinct}{key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT {rows}
                )
            )",
            texts.join(", ")
        )
    }

    /// Returns the statement that reads `columns` of a span's rows.
    pub(super) fn read_statement(&self, span: &Span, columns: &str) -> String {
        let (table, key, condition) = (self.name, self.key_columns(), self.condition(span));
        let order = format!("SELECT {columns} FROM {table} WHERE {condition} ORDER BY {key}");
        match self.repeats_by {
            None => order,
            Some(by) => format!("{order}, {by} DESC LIMIT 1 BY {key}"),
        }
    }
}

impl Span {
    /// Sets the parameters that the statements use.
    pub(super) fn bind(&self, mut query: Query) -> Query {
        query = query.text("part", &self.part);
        for (prefix, values) in [("after", &self.after), ("last", &self.last)] {
            for (number, value) in values.iter().enumerate() {
                query = query.text(&format!("{prefix}{number}"), value);
            }
        }
        query
    }
}
