//! What is asked of the server for a question, and what is decided here about its answer.

use bytes::Bytes;
use etappe_core::json::JsonObject;
use etappe_core::query::{CandidateQuery, Dimension};
use serde_json::Value;

use super::property::{has_value, split_path};
use super::statement::Statement;

/// A statement and how its rows are read.
#[derive(Debug)]
pub(super) struct Plan {
    statement: Statement,
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
        let mut text_columns = Vec::new();
        let checks = checks_of(query, &mut text_columns);
        let dimensions = query
            .dimensions
            .iter()
            .map(|dimension| source_of(dimension, &mut text_columns))
            .collect();
        Self {
            statement: Statement::of(query, &text_columns),
            text_columns,
            checks,
            dimensions,
        }
    }

    /// Returns the statement to ask.
    pub(super) fn statement(&self) -> &Statement {
        &self.statement
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
