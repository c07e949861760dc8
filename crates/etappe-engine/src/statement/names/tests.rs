//! Checks the lists of names against each other and against the engine.

use super::super::call::HIGHER_ORDER;
use super::*;

fn withheld() -> HashSet<String> {
    names(include_str!("../../../names/withheld.txt"))
}

/// Compares the lists with the names in the engine's own system tables.
pub(crate) fn compare_with_engine(mut ask: impl FnMut(&str) -> Vec<String>) {
    let lower = |found: Vec<String>| -> HashSet<String> {
        found.iter().map(|name| name.to_ascii_lowercase()).collect()
    };
    let listed: HashSet<String> = FUNCTIONS
        .iter()
        .chain(AGGREGATES.iter())
        .cloned()
        .chain(withheld())
        .collect();
    let functions = lower(ask("SELECT name FROM system.functions"));
    let (new, gone): (Vec<_>, Vec<_>) = (
        functions.difference(&listed).collect(),
        listed.difference(&functions).collect(),
    );
    assert!(new.is_empty(), "to be listed in `names/`: {new:?}");
    assert!(gone.is_empty(), "no longer in the engine: {gone:?}");
    let higher_order = lower(ask("SELECT name FROM system.functions WHERE higher_order"));
    let known = HIGHER_ORDER.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(higher_order, known);
    let aggregates = lower(ask("SELECT name FROM system.functions WHERE is_aggregate"));
    assert!(AGGREGATES.is_subset(&aggregates));
    let combinators = lower(ask(
        "SELECT name FROM system.aggregate_function_combinators",
    ));
    let known = COMBINATORS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(combinators, known);
    let types = lower(ask(
        "SELECT name FROM system.data_type_families WHERE position(name, ' ') = 0",
    ));
    assert_eq!(types, *TYPES);
    for name in ask("SELECT name FROM system.table_functions") {
        let name = name.to_ascii_lowercase();
        // `dictionary` and `loop` are not functions, so no list allows them.
        let is_open = TABLE_FUNCTIONS.contains(&name.as_str());
        assert!(is_open || !may_be_called(&name), "{name} can be called");
    }
    for name in lower(ask("SELECT name FROM system.formats WHERE NOT is_output")) {
        assert!(!is_reader_format(&name), "{name} is not a result format");
    }
}

#[test]
fn no_name_is_both_allowed_and_withheld() {
    for name in withheld() {
        assert!(!may_be_called(&name), "{name}");
    }
    assert!(withheld().contains("file"));
}

#[test]
fn a_function_passed_as_text_may_have_only_numeric_arguments() {
    for text in ["'sum'", "'quantile(0.5)'", "'quantiles(0.5, 0.9)'"] {
        assert!(is_plain_function(text.as_bytes()), "{text}");
    }
    for text in [
        "''",
        "'sum '",
        "'quantile(file(1))'",
        "'quantile(1)(2)'",
        "'sum(-1)'",
        "'(1)'",
        "'quantile(\\'1\\')'",
        "'quantile(1'",
    ] {
        assert!(!is_plain_function(text.as_bytes()), "{text}");
    }
}

#[test]
fn combinators_need_an_aggregate_function_before_them() {
    for name in [
        "sumif",
        "uniqexactornullif",
        "countdistinct",
        "sum",
        "summap",
    ] {
        assert!(may_be_called(name), "{name}");
    }
    for name in ["fileif", "if_", "file", "ifif", "url", "remote", ""] {
        assert!(!may_be_called(name), "{name}");
    }
}
