//! Reads TOML tables with the position of every key and value, and reports mistakes in them.
//!
//! Each function reads what it can and continues: a wrong value is reported and treated as missing.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Report, did_you_mean};

/// A value and its position in the file.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table and its position.
#[derive(Debug, Clone)]
pub(super) struct Table<'d, 'i> {
    members: &'d DeTable<'i>,
    pub(super) span: Range<usize>,
}

impl<'d, 'i> Table<'d, 'i> {
    /// Wraps a whole document.
    pub(super) const fn document(members: &'d DeTable<'i>) -> Self {
        Self {
            members,
            span: 0..0,
        }
    }

    /// Wraps a value, if it is a table.
    pub(super) fn of(value: &'d Spanned<DeValue<'i>>) -> Option<Self> {
        value.get_ref().as_table().map(|members| Self {
            members,
            span: value.span(),
        })
    }

    /// Reports every key that is not in `known`; `what` is "a rule" or similar.
    pub(super) fn allow_only(&self, known: &[&str], what: &str, report: &mut Report<'_>) {
        for (key, span) in self.keys() {
            if !known.contains(&key) {
                let help = did_you_mean(key, known.iter().copied())
                    .unwrap_or_else(|| format!("known keys: {}", known.join(", ")));
                report.error_with(&span, format!("`{key}` is not a key of {what}"), help);
            }
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'d str, Range<usize>)> {
        self.members
            .iter()
            .map(|(key, _)| (key.get_ref().as_ref(), key.span()))
    }

    pub(super) fn members(
        &self,
    ) -> impl Iterator<Item = (&'d str, Range<usize>, &'d Spanned<DeValue<'i>>)> {
        self.members
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
    }

    pub(super) fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'i>>> {
        self.members.get(key)
    }

    pub(super) fn text(&self, key: &str, report: &mut Report<'_>) -> Option<Located<&'d str>> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(located(text, value)),
            None => wrong(key, value, "text in quotes", report),
        }
    }

    pub(super) fn boolean(&self, key: &str, report: &mut Report<'_>) -> Option<Located<bool>> {
        let value = self.value(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(located(flag, value)),
            None => wrong(key, value, "true or false", report),
        }
    }

    pub(super) fn integer(&self, key: &str, report: &mut Report<'_>) -> Option<Located<i64>> {
        let value = self.value(key)?;
        match number(value.get_ref()) {
            Some(Number::Integer(integer)) => Some(located(integer, value)),
            Some(Number::Float(_)) | None => wrong(key, value, "a whole number", report),
        }
    }

    /// Returns one text or a list of texts; an empty list is reported.
    pub(super) fn texts(
        &self,
        key: &str,
        report: &mut Report<'_>,
    ) -> Option<Vec<Located<&'d str>>> {
        let value = self.value(key)?;
        if value
            .get_ref()
            .as_array()
            .is_some_and(|list| list.is_empty())
        {
            report.error(&value.span(), format!("`{key}` is empty"));
        }
        Some(texts_of(key, value, report))
    }

    pub(super) fn table(&self, key: &str, report: &mut Report<'_>) -> Option<Self> {
        let value = self.value(key)?;
        Self::of(value).or_else(|| wrong(key, value, "a table", report))
    }

    /// Returns the tables of `[[key]]`.
    pub(super) fn tables(&self, key: &str, report: &mut Report<'_>) -> Vec<Self> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            let message = format!("`{key}` must be a list of tables");
            report.error_with(&value.span(), message, format!("write [[{key}]]"));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| Self::of(item).or_else(|| wrong(key, item, "a table", report)))
            .collect()
    }
}

/// Returns one text, or a list of texts; any other value is reported and left out.
pub(super) fn texts_of<'d>(
    key: &str,
    value: &'d Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Vec<Located<&'d str>> {
    match value.get_ref() {
        DeValue::String(text) => vec![located(text.as_ref(), value)],
        DeValue::Array(items) => items
            .iter()
            .filter_map(|item| match item.get_ref().as_str() {
                Some(text) => Some(located(text, item)),
                None => wrong(key, item, "a list of texts in quotes", report),
            })
            .collect(),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            wrong::<()>(key, value, "text in quotes or a list of texts", report);
            Vec::new()
        }
    }
}

/// A number in a TOML document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

/// Returns the number in a value, if it is one and fits.
pub(super) fn number(value: &DeValue<'_>) -> Option<Number> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(Number::Integer),
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .filter(|float: &f64| float.is_finite())
            .map(Number::Float),
        DeValue::String(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

/// Returns the canonical text of a value: it depends only on the content, not on comments, layout
/// or the order of keys.
pub(super) fn canonical(value: &DeValue<'_>, into: &mut String) {
    let tagged = |tag: char, text: &str, into: &mut String| {
        into.push(tag);
        into.push_str(&text.len().to_string());
        into.push(':');
        into.push_str(text);
    };
    match value {
        DeValue::String(text) => tagged('s', text, into),
        DeValue::Integer(integer) => tagged('i', &integer.to_string(), into),
        DeValue::Float(float) => tagged('f', float.as_str(), into),
        DeValue::Boolean(flag) => tagged('b', if *flag { "true" } else { "false" }, into),
        DeValue::Datetime(datetime) => tagged('d', &datetime.to_string(), into),
        DeValue::Array(items) => {
            into.push('[');
            for item in items.iter() {
                canonical(item.get_ref(), into);
            }
            into.push(']');
        }
        DeValue::Table(members) => canonical_table(members, into),
    }
}

/// Returns the canonical text of a table, keys in alphabetical order.
pub(super) fn canonical_table(members: &DeTable<'_>, into: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|a, b| a.0.get_ref().cmp(b.0.get_ref()));
    into.push('{');
    for (key, value) in sorted {
        canonical(&DeValue::String(key.get_ref().clone()), into);
        canonical(value.get_ref(), into);
    }
    into.push('}');
}

/// Reports that a value is of the wrong type.
pub(super) fn wrong<T>(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    expected: &str,
    report: &mut Report<'_>,
) -> Option<T> {
    let found = match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    report.error(
        &value.span(),
        format!("`{key}` must be {expected}, not {found}"),
    );
    None
}

fn located<T>(value: T, at: &Spanned<DeValue<'_>>) -> Located<T> {
    Located {
        value,
        span: at.span(),
    }
}
