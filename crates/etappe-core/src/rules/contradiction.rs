//! Finds conditions that no event can meet, which are mistakes of their author.
//!
//! Every contradiction reported is certain, but not every contradiction is found. If a choice of
//! values is required, each value is checked against the other tests by the classifier's own code.

use std::borrow::Cow;

use crate::json::JsonValue;
use crate::value::may_be_number;

use super::lookup::ValuePath;
use super::predicate::{NumberRange, Predicate, Scalar, Scratch, Test};

/// Returns a path for which no value meets all conditions, because they exclude each other.
pub(super) fn find_contradiction(predicates: &[Predicate]) -> Option<&ValuePath> {
    let values = || {
        predicates.iter().filter_map(|predicate| match predicate {
            Predicate::Value { path, test } => Some((path, test)),
            Predicate::Address(_) => None,
        })
    };
    values().map(|(path, _)| path).find(|path| {
        let of_path = values().filter(|(other, _)| other.is_same(path));
        let tests: Vec<&Test> = of_path.map(|(_, test)| test).collect();
        exclude_each_other(&tests)
    })
}

fn exclude_each_other(tests: &[&Test]) -> bool {
    let choice = tests.iter().find_map(|test| match test {
        Test::OneOf(choice) => Some(choice),
        _ => None,
    });
    match choice {
        Some(choice) => !choice.iter().any(|value| may_pass(value, tests)),
        None => {
            (is_absent(tests) && wants_value(tests))
                || has_no_number(tests)
                || refuses_all_texts(tests)
        }
    }
}

/// Returns whether a value of a choice passes all tests, in at least one of the ways in which an
/// event may write it.
fn may_pass(value: &Scalar, tests: &[&Test]) -> bool {
    let spelling = value.spelling();
    let mut scratch = Scratch::default();
    let mut passes = |written: &JsonValue<'_>| {
        tests.iter().all(|test| {
            // A text that equals a number can be written in many ways, such as `5` and `5.0`.
            let is_of_looks = matches!(
                test,
                Test::Like(_) | Test::Unlike(_) | Test::HasWords(_) | Test::LacksWords(_)
            );
            (is_of_looks && may_be_number(spelling)) || test.passes(Some(written), &mut scratch)
        })
    };
    passes(&JsonValue::String(Cow::Borrowed(spelling)))
        || (may_be_number(spelling) && passes(&JsonValue::Number(spelling)))
        || match spelling {
            "true" | "false" => passes(&JsonValue::Bool(spelling == "true")),
            _ => false,
        }
}

fn is_absent(tests: &[&Test]) -> bool {
    tests.iter().any(|test| matches!(test, Test::Absent))
}

fn wants_value(tests: &[&Test]) -> bool {
    tests.iter().any(|test| {
        matches!(
            test,
            Test::Exists | Test::Like(_) | Test::HasWords(_) | Test::Number(_)
        )
    })
}

/// Returns whether the ranges have no number in common, or only one that another test excludes.
fn has_no_number(tests: &[&Test]) -> bool {
    // A range that is empty by itself is reported elsewhere.
    let ranges = tests.iter().filter_map(|test| match test {
        Test::Number(range) if !range.is_empty() => Some(*range),
        _ => None,
    });
    let Some(common) = ranges.reduce(NumberRange::and) else {
        return false;
    };
    let mut refused = tests.iter().filter_map(|test| match test {
        Test::NoneOf(values) => Some(values),
        _ => None,
    });
    common.is_empty()
        || common.only_number().is_some_and(|number| {
            refused.any(|values| values.iter().any(|it| it.as_number() == Some(number)))
        })
}

/// Returns whether every required pattern is also excluded.
fn refuses_all_texts(tests: &[&Test]) -> bool {
    tests.iter().any(|test| match test {
        Test::Like(wanted) => wanted.iter().all(|glob| {
            tests
                .iter()
                .any(|test| matches!(test, Test::Unlike(refused) if refused.contains(glob)))
        }),
        Test::HasWords(wanted) => wanted.iter().all(|phrase| {
            tests
                .iter()
                .any(|test| matches!(test, Test::LacksWords(refused) if refused.contains(phrase)))
        }),
        _ => false,
    })
}
