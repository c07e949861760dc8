//! The row of a breakdown whose people are listed.
//!
//! The rows of a funnel's answer are named by the values of its breakdown, so a row is asked for by
//! the same values. "Other" depends on which values the answer lists; it is asked for by naming
//! these, and needs no second pass over the funnel.

use std::collections::HashSet;

use etappe_core::query::Dimension;
use etappe_core::value::text_spelling;
use serde_json::Value;

use crate::field::{Fields, Problems};
use crate::questions::funnel::breakdown::Values;
use crate::questions::funnel::question::Breakdown;

/// The most rows that can be left out: as many as a funnel's answer lists.
const MOST_LEFT_OUT: usize = 1_000;

/// One row of a funnel with a breakdown.
#[derive(Debug)]
pub(super) enum Row {
    /// The row of these values.
    Of(Values),
    /// All rows but these, which is "other" if they are the listed ones.
    OtherThan(HashSet<Values>),
}

/// The fields that name a row, before it is known what the breakdown is.
pub(super) struct RowFields {
    value: Option<Vec<Value>>,
    other_than: Option<Vec<Value>>,
}

impl RowFields {
    pub(super) fn take(fields: &mut Fields, problems: &mut Problems) -> Self {
        Self {
            value: fields.take_list("value", problems),
            other_than: fields.take_list("other_than", problems),
        }
    }

    /// Returns the row, or `None` if the question is about everybody.
    pub(super) fn read(
        self,
        breakdown: Option<&Breakdown>,
        problems: &mut Problems,
    ) -> Option<Row> {
        let (name, list) = match (self.value, self.other_than) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                problems.push("other_than", "cannot be combined with `value`: one row");
                return None;
            }
            (Some(list), None) => ("value", list),
            (None, Some(list)) => ("other_than", list),
        };
        let Some(breakdown) = breakdown else {
            // A breakdown with a problem was already reported.
            if !problems.mentions_within("breakdown") {
                problems.push(name, "requires `breakdown`");
            }
            return None;
        };
        if name == "value" {
            return values(list, &breakdown.dimensions, name, problems).map(Row::Of);
        }
        if list.len() > MOST_LEFT_OUT {
            problems.push(name, format!("has more than {MOST_LEFT_OUT} entries"));
            return None;
        }
        let mut left_out = HashSet::new();
        for (index, entry) in list.into_iter().enumerate() {
            let path = format!("{name}[{index}]");
            let Value::Array(list) = entry else {
                problems.push(path, EXPECTED);
                continue;
            };
            left_out.extend(values(list, &breakdown.dimensions, &path, problems));
        }
        Some(Row::OtherThan(left_out))
    }
}

const EXPECTED: &str = "must be a list of texts and nulls, as the `value` of a funnel's row";

/// Reads one value per dimension.
fn values(
    list: Vec<Value>,
    dimensions: &[Dimension],
    path: &str,
    problems: &mut Problems,
) -> Option<Values> {
    if list.len() != dimensions.len() {
        let detail = format!(
            "must have {} entries, one for each of `breakdown.by`",
            dimensions.len()
        );
        problems.push(path, detail);
        return None;
    }
    let spelled = list.into_iter().zip(dimensions);
    let spelled: Option<Values> = spelled
        .map(|(value, dimension)| match (value, dimension) {
            (Value::Null, _) => Some(None),
            // A property is one value in whatever way it is written.
            (Value::String(text), Dimension::Property(_)) => {
                Some(Some(text_spelling(&text).into_owned()))
            }
            (Value::String(text), _) => Some(Some(text)),
            _ => None,
        })
        .collect();
    if spelled.is_none() {
        problems.push(path, EXPECTED);
    }
    spelled
}

impl Row {
    /// Returns whether people with these values are in the row.
    pub(super) fn covers(&self, values: &Values) -> bool {
        match self {
            Self::Of(own) => own == values,
            Self::OtherThan(left_out) => !left_out.contains(values),
        }
    }
}
