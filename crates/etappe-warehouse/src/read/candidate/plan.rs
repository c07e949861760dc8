//! Divides a query between the server and the checks here.

use bytes::Bytes;
use etappe_core::json::JsonObject;
use etappe_core::query::{CandidateQuery, Dimension, PropertyTest};
use etappe_core::value::{spelling, text_spelling};

use super::property::split_path;
use super::statement::Statement;

/// A statement and how to read its rows.
#[derive(Debug)]
pub(super) struct Plan {
    statement: Statement,
    text_columns: Vec<&'static str>,
    checks: Vec<Check>,
    dimensions: Vec<Source>,
}

/// A condition on a property that is checked here.
#[derive(Debug)]
struct Check {
    /// The bit of its condition.
    bit: u64,
    column: usize,
    path: String,
    test: PropertyTest,
}

/// Where to find the value of a dimension.
#[derive(Debug)]
enum Source {
    /// A separate text column.
    Column(usize),
    /// A path in the object that a text column holds.
    Path(usize, String),
}

impl Plan {
    /// Makes the plan for a query.
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

    /// Returns the statement to send.
    pub(super) fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Returns the names of the answer's text columns.
    pub(super) fn text_columns(&self) -> &[&'static str] {
        &self.text_columns
    }

    /// Returns the conditions that a row meets and its values of the dimensions. The inputs are the
    /// conditions that it may meet and its text columns.
    pub(super) fn decide(&self, mut bits: u64, texts: &[Bytes]) -> (u64, Vec<Option<String>>) {
        for check in &self.checks {
            if bits & check.bit != 0 {
                let object = object_in(texts, check.column);
                let found = object.and_then(|object| object.get_path(&check.path));
                if !check.test.passes(found.as_ref()) {
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
    fn value(&self, texts: &[Bytes]) -> Option<String> {
        match self {
            Self::Column(column) => Some(text_in(texts, *column))
                .filter(|text| !text.is_empty())
                .map(|text| text_spelling(text).into_owned()),
            Self::Path(column, path) => {
                let found = object_in(texts, *column)?.get_path(path)?;
                Some(spelling(&found)?.into_owned())
            }
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
                test: property.test.clone(),
            });
        }
    }
    checks
}

fn source_of(dimension: &Dimension, text_columns: &mut Vec<&'static str>) -> Source {
    match dimension_column(dimension) {
        Ok(name) => Source::Column(column_index(name, text_columns)),
        Err(path) => {
            let (document, path) = split_path(path);
            let column = column_index(document.column(), text_columns);
            Source::Path(column, path.to_owned())
        }
    }
}

/// Returns the column of `events` that holds a dimension; the error is the path of a property,
/// which has none.
pub(in crate::read) fn dimension_column(dimension: &Dimension) -> Result<&'static str, &str> {
    match dimension {
        Dimension::Property(path) => Err(path),
        Dimension::Channel => Ok("channel"),
        Dimension::Campaign => Ok("campaign_name"),
        Dimension::Persona => Ok("persona"),
        Dimension::Touchpoint => Ok("touchpoint"),
        Dimension::Device => Ok("device"),
        Dimension::Country => Ok("country"),
    }
}

fn column_index(name: &'static str, text_columns: &mut Vec<&'static str>) -> usize {
    if let Some(index) = text_columns.iter().position(|known| *known == name) {
        return index;
    }
    text_columns.push(name);
    text_columns.len() - 1
}
