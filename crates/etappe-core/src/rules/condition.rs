//! Reads conditions from rule files: `where` and `when` tables, `url` patterns, number ranges.
//!
//! `{ step = 1 }` compares, `{ plan = ["pro", "team"] }` offers a choice, and a table of operators
//! expresses more: `{ revenue = { above = 0 } }`. A table without operators is a deeper path:
//! `{ context.page.url = "x" }` and `{ "context.page.url" = "x" }` are the same.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::address::AddressPattern;
use super::contradiction::find_contradiction;
use super::diagnostic::{Report, did_you_mean};
use super::lookup::ValuePath;
use super::pattern::{Glob, folded_piece};
use super::predicate::{NumberRange, Predicate, Scalar, Test};
use super::reader::{Located, Number, Table, number, texts_of, wrong};
use super::word_reader::read_phrase;
use super::words::Phrase;

/// The operators of conditions.
const OPERATORS: [&str; 14] = [
    "is",
    "not",
    "exists",
    "absent",
    "glob",
    "not_glob",
    "words",
    "not_words",
    "above",
    "at_least",
    "below",
    "at_most",
    "one_of",
    "none_of",
];
/// The operators of number ranges.
const BOUNDS: [&str; 4] = ["above", "at_least", "below", "at_most"];

/// Reads a table of conditions, sorted by their text.
pub(super) fn read_conditions(table: &Table<'_, '_>, report: &mut Report<'_>) -> Vec<Predicate> {
    let mut read = Vec::new();
    read_level("", table, &mut read, report);
    let (mut predicates, spans): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    if let Some(path) = find_contradiction(&predicates) {
        let is_of_path = |it: &Predicate| matches!(it, Predicate::Value { path: other, .. } if other.is_same(path));
        let last = predicates.iter().rposition(is_of_path);
        let span = last.and_then(|place| spans.get(place));
        report.error(
            span.unwrap_or(&table.span),
            format!("no value of `{path}` can meet all these conditions"),
        );
    }
    predicates.sort_by_cached_key(Predicate::to_string);
    predicates
}

/// Reads the `url` patterns of a rule.
pub(super) fn read_address(
    patterns: &[Located<&str>],
    report: &mut Report<'_>,
) -> Option<Predicate> {
    let patterns: Vec<_> = patterns
        .iter()
        .filter_map(|pattern| match AddressPattern::parse(pattern.value) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                report.error(&pattern.span, format!("`{}`: {error}", pattern.value));
                None
            }
        })
        .collect();
    (!patterns.is_empty()).then(|| Predicate::Address(patterns.into()))
}

fn read_level(
    prefix: &str,
    table: &Table<'_, '_>,
    predicates: &mut Vec<(Predicate, Range<usize>)>,
    report: &mut Report<'_>,
) {
    for (key, span, value) in table.members() {
        let path = if prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{prefix}.{key}")
        };
        if path.split('.').any(str::is_empty) {
            report.error(&span, format!("`{path}` is not a path to a value"));
            continue;
        }
        match Table::of(value) {
            Some(inner) if !is_operators(&inner) => {
                if inner.keys().next().is_none() {
                    report.error(&value.span(), format!("the condition on `{path}` is empty"));
                }
                read_level(&path, &inner, predicates, report);
            }
            Some(operators) => {
                let tests = read_operators(&path, &operators, report);
                predicates.extend(tests.into_iter().map(|test| {
                    let path = ValuePath::new(&path);
                    (Predicate::Value { path, test }, operators.span.clone())
                }));
            }
            None => {
                let scalars = read_scalars(&path, value, report);
                if !scalars.is_empty() {
                    let (path, test) = (ValuePath::new(&path), Test::OneOf(scalars.into()));
                    predicates.push((Predicate::Value { path, test }, value.span()));
                }
            }
        }
    }
}

/// Returns whether a table holds operators. One known key is enough, so that a misspelled one
/// beside it is reported instead of being taken as a path.
fn is_operators(table: &Table<'_, '_>) -> bool {
    let mut keys = table.keys();
    let any_known = keys.any(|(key, _)| OPERATORS.contains(&key));
    let only_leaves = table
        .members()
        .all(|(_, _, value)| Table::of(value).is_none());
    let near = |key| did_you_mean(key, OPERATORS).is_some();
    any_known
        || (only_leaves && table.keys().count() == 1 && table.keys().all(|(key, _)| near(key)))
}

fn read_operators(path: &str, table: &Table<'_, '_>, report: &mut Report<'_>) -> Vec<Test> {
    table.allow_only(&OPERATORS, &format!("the condition on `{path}`"), report);
    let mut tests = Vec::new();
    for (key, _, value) in table.members() {
        match key {
            "is" | "one_of" => {
                let scalars = read_scalars(key, value, report);
                tests.extend((!scalars.is_empty()).then(|| Test::OneOf(scalars.into())));
            }
            "not" | "none_of" => {
                let scalars = read_scalars(key, value, report);
                tests.extend((!scalars.is_empty()).then(|| Test::NoneOf(scalars.into())));
            }
            "exists" | "absent" => match value.get_ref().as_bool() {
                Some(flag) if flag == (key == "exists") => tests.push(Test::Exists),
                Some(_) => tests.push(Test::Absent),
                None => {
                    wrong::<()>(key, value, "true or false", report);
                }
            },
            "glob" => {
                let globs = read_globs(key, value, report);
                tests.extend((!globs.is_empty()).then(|| Test::Like(globs.into())));
            }
            "not_glob" => {
                let globs = read_globs(key, value, report);
                tests.extend((!globs.is_empty()).then(|| Test::Unlike(globs.into())));
            }
            "words" => {
                let phrases = read_phrases(key, value, report);
                tests.extend((!phrases.is_empty()).then(|| Test::HasWords(phrases.into())));
            }
            "not_words" => {
                let phrases = read_phrases(key, value, report);
                tests.extend((!phrases.is_empty()).then(|| Test::LacksWords(phrases.into())));
            }
            _ => {}
        }
    }
    tests.extend(read_bounds(table, report).map(Test::Number));
    tests
}

/// Reads globs that are compared with folded text.
pub(super) fn read_globs(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Vec<Glob> {
    let texts = texts_of(key, value, report);
    let mut globs = Vec::with_capacity(texts.len());
    for text in texts {
        match Glob::parse(text.value, folded_piece) {
            Ok(glob) => globs.push(glob),
            Err(error) => report.error(&text.span, format!("`{}`: {error}", text.value)),
        }
    }
    globs
}

/// Reads phrases that are searched for among the words of a text.
fn read_phrases(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Vec<Phrase> {
    let texts = texts_of(key, value, report);
    texts
        .iter()
        .filter_map(|text| read_phrase(text, report))
        .collect()
}

/// Reads a number, which stands for exactly that number, or a table of bounds.
pub(super) fn read_range(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<NumberRange> {
    if let Some(number) = number(value.get_ref()) {
        return Some(NumberRange::only(as_float(number)));
    }
    let Some(table) = Table::of(value) else {
        return wrong(
            key,
            value,
            "a number or a table such as { at_least = 1 }",
            report,
        );
    };
    table.allow_only(&BOUNDS, &format!("the range of `{key}`"), report);
    read_bounds(&table, report)
}

fn read_bounds(table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<NumberRange> {
    let mut range = NumberRange::default();
    for (key, _, value) in table.members() {
        let bound = match key {
            "above" => &mut range.above,
            "at_least" => &mut range.at_least,
            "below" => &mut range.below,
            "at_most" => &mut range.at_most,
            _ => continue,
        };
        match number(value.get_ref()) {
            Some(number) => *bound = Some(as_float(number)),
            None => {
                wrong::<()>(key, value, "a number", report);
            }
        }
    }
    if range.is_empty() {
        report.error(&table.span, "this range contains no number");
    }
    (range != NumberRange::default()).then_some(range)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ranges are compared as floating-point numbers"
)]
const fn as_float(number: Number) -> f64 {
    match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    }
}

fn read_scalars(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Vec<Scalar> {
    if let Some(items) = value.get_ref().as_array() {
        if items.is_empty() {
            report.error(&value.span(), format!("the choice of `{key}` is empty"));
        }
        return items
            .iter()
            .filter_map(|item| read_scalar(key, item, report))
            .collect();
    }
    read_scalar(key, value, report).into_iter().collect()
}

fn read_scalar(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Scalar> {
    match value.get_ref() {
        DeValue::String(text) => Some(Scalar::text(text)),
        DeValue::Boolean(flag) => Some(Scalar::flag(*flag)),
        DeValue::Integer(_) | DeValue::Float(_) => match (number(value.get_ref()), value.get_ref())
        {
            (Some(Number::Integer(integer)), _) => Some(Scalar::number(&integer.to_string())),
            // Its text has more digits than a floating-point number can hold.
            (Some(Number::Float(_)), DeValue::Float(float)) => {
                let text = float.as_str();
                Some(Scalar::number(text.strip_prefix('+').unwrap_or(text)))
            }
            _ => wrong(key, value, "a number in range", report),
        },
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => wrong(
            key,
            value,
            "text, a number, true, false or a list of them",
            report,
        ),
    }
}
