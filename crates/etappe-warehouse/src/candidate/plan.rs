//! What is asked of the server for a question, and what is decided here about its answer.
//!
//! What a user said goes in as parameters `c0`, `c1`, … only; the statement's own text depends on
//! the shape of the question, never on its content.

use std::fmt::Write;

use bytes::Bytes;
use etappe_core::json::JsonObject;
use etappe_core::query::{CandidateQuery, Condition, Dimension, Selector, Unit};
use serde_json::Value;

use super::property::{Document, has_value, narrowing_sql, split_path};

/// A statement, its parameters, and how its rows are read.
#[derive(Debug)]
pub(super) struct Plan {
    sql: String,
    parameters: Vec<String>,
    text_columns: Vec<&'static str>,
    checks: Vec<Check>,
    dimensions: Vec<Source>,
}

/// A condition on a property that is decided here.
#[derive(Debug)]
struct Check {
    /// The bit of the condition that it belongs to.
    bit: u64,
    column: usize,
    path: String,
    value: Value,
}

/// Where the value of a dimension is found.
#[derive(Debug)]
enum Source {
    /// A text column of its own.
    Column(usize),
    /// A path in the object in a text column.
    Path(usize, String),
}

impl Plan {
    /// Makes the plan for a question.
    pub(super) fn of(query: &CandidateQuery) -> Self {
        let mut parameters = Vec::new();
        let conditions: Vec<String> = query
            .conditions
            .iter()
            .map(|condition| condition_sql(condition, &mut parameters))
            .collect();
        let mut text_columns = Vec::new();
        let checks = checks_of(query, &mut text_columns);
        let dimensions = query
            .dimensions
            .iter()
            .map(|dimension| source_of(dimension, &mut text_columns))
            .collect();
        let sql = statement(query, &conditions, &text_columns);
        Self {
            sql,
            parameters,
            text_columns,
            checks,
            dimensions,
        }
    }

    /// Returns the statement; besides its own parameters it has `site`, `bots`, `from` and `until`.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// Returns the values of the parameters `c0`, `c1`, ….
    pub(super) fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// Returns the names of the answer's text columns.
    pub(super) fn text_columns(&self) -> &[&'static str] {
        &self.text_columns
    }

    /// Returns the conditions that a row meets and its values of the dimensions, given the
    /// conditions that it may meet and its text columns.
    pub(super) fn decide(&self, mut bits: u64, texts: &[Bytes]) -> (u64, Vec<String>) {
        for check in &self.checks {
            if bits & check.bit != 0 {
                let met = object_in(texts, check.column)
                    .is_some_and(|object| has_value(&object, &check.path, &check.value));
                if !met {
                    bits &= !check.bit;
                }
            }
        }
        let values = self
            .dimensions
            .iter()
            .map(|source| source.value(texts))
            .collect();
        (bits, values)
    }
}

impl Source {
    fn value(&self, texts: &[Bytes]) -> String {
        match self {
            Self::Column(column) => text_in(texts, *column).to_owned(),
            Self::Path(column, path) => object_in(texts, *column)
                .and_then(|object| {
                    object
                        .get_path(path)?
                        .into_text()
                        .map(std::borrow::Cow::into_owned)
                })
                .unwrap_or_default(),
        }
    }
}

fn text_in(texts: &[Bytes], column: usize) -> &str {
    texts
        .get(column)
        .and_then(|text| std::str::from_utf8(text).ok())
        .unwrap_or_default()
}

fn object_in(texts: &[Bytes], column: usize) -> Option<JsonObject<'_>> {
    JsonObject::parse(text_in(texts, column)).ok()
}

fn checks_of(query: &CandidateQuery, text_columns: &mut Vec<&'static str>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (number, condition) in query.conditions.iter().enumerate() {
        for property in &condition.properties {
            let (document, path) = split_path(&property.path);
            checks.push(Check {
                bit: 1 << number,
                column: column_index(document.column(), text_columns),
                path: path.to_owned(),
                value: property.value.clone(),
            });
        }
    }
    checks
}

fn source_of(dimension: &Dimension, text_columns: &mut Vec<&'static str>) -> Source {
    let name = match dimension {
        Dimension::Property(path) => {
            let (document, path) = split_path(path);
            return Source::Path(
                column_index(document.column(), text_columns),
                path.to_owned(),
            );
        }
        Dimension::Channel => "channel",
        Dimension::Campaign => "campaign_name",
        Dimension::Persona => "persona",
        Dimension::Touchpoint => "touchpoint",
        Dimension::Device => "device",
        Dimension::Country => "country",
    };
    Source::Column(column_index(name, text_columns))
}

fn column_index(name: &'static str, text_columns: &mut Vec<&'static str>) -> usize {
    if let Some(index) = text_columns.iter().position(|known| *known == name) {
        return index;
    }
    text_columns.push(name);
    text_columns.len() - 1
}

/// Returns SQL that holds for every row that meets the condition; exactly for those, unless the
/// condition looks at properties.
fn condition_sql(condition: &Condition, parameters: &mut Vec<String>) -> String {
    let mut parameter = |value: &str| {
        parameters.push(value.to_owned());
        format!("{{c{}:String}}", parameters.len() - 1)
    };
    let mut sql = match &condition.selector {
        Selector::Any => "1".to_owned(),
        Selector::Event(name) => format!("event = {}", parameter(name)),
        Selector::Milestone(milestone) => format!("milestone = {}", parameter(milestone.as_str())),
        Selector::Stage { model, stage } => format!(
            "outcome_id IN (SELECT id FROM outcome_stages WHERE is_main AND model = {} AND stage = {})",
            parameter(model),
            parameter(stage)
        ),
    };
    for property in &condition.properties {
        let (document, path) = split_path(&property.path);
        sql.push_str(" AND ");
        sql.push_str(&narrowing_sql(document, path, &property.value, parameters));
    }
    format!("({sql})")
}

fn statement(query: &CandidateQuery, conditions: &[String], text_columns: &[&str]) -> String {
    let unit = match query.unit {
        Unit::Actor | Unit::Session => "actor_hash",
        Unit::Account => "account_hash",
    };
    let mut sql = format!("SELECT {unit} AS unit, toUnixTimestamp64Milli(occurred_at) AS at, ");
    // Comparisons with dictionary-encoded columns are dictionary-encoded themselves.
    sql.push_str("CAST(toUInt64(0)");
    for (number, condition) in conditions.iter().enumerate() {
        append(
            &mut sql,
            format_args!(" + bitShiftLeft(toUInt64{condition}, {number})"),
        );
    }
    sql.push_str(", 'UInt64') AS bits");
    for column in text_columns {
        let text = text_sql(column, query, conditions);
        append(&mut sql, format_args!(", {text} AS text_{column}"));
    }
    append(
        &mut sql,
        format_args!(" FROM events WHERE site = {{site:String}} AND {unit} != 0"),
    );
    sql.push_str(" AND occurred_at >= {from:DateTime64(3, 'UTC')}");
    if query.until.is_some() {
        sql.push_str(" AND occurred_at < {until:DateTime64(3, 'UTC')}");
    }
    sql.push_str(" AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))");
    if reads_only_hits(query) {
        append(&mut sql, format_args!(" AND ({})", conditions.join(" OR ")));
    }
    append(
        &mut sql,
        format_args!(" ORDER BY {unit}, occurred_at, partition, offset"),
    );
    sql
}

/// Returns SQL for the value of a text column: an object that only checks look at is left out of
/// the rows that need no check.
fn text_sql(column: &str, query: &CandidateQuery, conditions: &[String]) -> String {
    let in_dimensions = query.dimensions.iter().any(|dimension| match dimension {
        Dimension::Property(path) => split_path(path).0.column() == column,
        _ => false,
    });
    let is_document = [Document::Properties, Document::Context, Document::Traits]
        .iter()
        .any(|document| document.column() == column);
    if in_dimensions || !is_document {
        // A cast gives plain text; `toString` of a dictionary column would keep its dictionary.
        return format!("CAST({column}, 'String')");
    }
    let needing: Vec<&str> = query
        .conditions
        .iter()
        .zip(conditions)
        .filter(|(condition, _)| {
            condition
                .properties
                .iter()
                .any(|p| split_path(&p.path).0.column() == column)
        })
        .map(|(_, sql)| sql.as_str())
        .collect();
    format!("if({}, {column}, '')", needing.join(" OR "))
}

/// Visits can only be told apart, and neighbours only be seen, when all events are read.
fn reads_only_hits(query: &CandidateQuery) -> bool {
    let matches_all = |condition: &Condition| {
        condition.selector == Selector::Any && condition.properties.is_empty()
    };
    query.unit != Unit::Session
        && !query.include_others
        && !query.conditions.is_empty()
        && !query.conditions.iter().any(matches_all)
}

fn append(sql: &mut String, text: std::fmt::Arguments<'_>) {
    sql.write_fmt(text).expect("a string takes all text");
}
