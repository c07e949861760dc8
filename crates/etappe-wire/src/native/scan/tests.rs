//! The scanner on texts that are invalid JSON, or barely valid.

use proptest::prelude::*;

use super::*;

fn check(text: &str) -> Result<Vec<(&str, &str)>, Fault> {
    let mut members = Vec::new();
    Scanner::new(text, MAX_DEPTH).members(|name, value| members.push((name, value)))?;
    Ok(members)
}

#[test]
fn members_are_visited_with_their_raw_text() {
    assert_eq!(
        check(" { \"a\" : 1.50e+3 , \"b\":{\"c\":[1,{}, [ ] ]},\"\\u0061\":\"\\\"}\" }\n"),
        Ok(vec![
            ("\"a\"", "1.50e+3"),
            ("\"b\"", "{\"c\":[1,{}, [ ] ]}"),
            ("\"\\u0061\"", "\"\\\"}\""),
        ])
    );
    assert_eq!(check("{}"), Ok(Vec::new()));
}

#[test]
fn invalid_json_is_refused() {
    for text in [
        "",
        "{",
        "}",
        "[]",
        "1",
        "null",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}x",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":+1}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{\"a\":\"",
        "{\"a\":1 2}",
        "{\"a\":[,1]}",
        "{\"a\":\u{a0}1}",
        "{\"a\":1}\0",
    ] {
        assert_eq!(check(text), Err(Fault::Malformed), "{text}");
    }
}

#[test]
fn members_after_a_faulty_one_are_still_visited() {
    let deep = format!(
        "{{\"a\":{}{},\"id\":7}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let mut seen = Vec::new();
    let outcome = Scanner::new(&deep, MAX_DEPTH).members(|name, value| seen.push((name, value)));
    assert_eq!(
        (outcome, seen),
        (Err(Fault::TooDeep), vec![("\"id\"", "7")])
    );
    let mut seen = Vec::new();
    let outcome =
        Scanner::new("{\"a\":[NaN],\"id\":7}", MAX_DEPTH).members(|name, _| seen.push(name));
    assert_eq!((outcome, seen), (Err(Fault::Malformed), vec!["\"id\""]));
}

#[test]
fn the_depth_allowed_counts_the_object_itself() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(&nested(63)).is_ok());
    assert_eq!(check(&nested(64)), Err(Fault::TooDeep));
    let shallow = |text: &str| Scanner::new(text, 2).members(|_, _| {});
    assert_eq!(shallow("{\"a\":{\"b\":1}}"), Ok(()));
    assert_eq!(shallow("{\"a\":{\"b\":{}}}"), Err(Fault::TooDeep));
}

fn json_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "1", "-0.5e3", "true", "null", " ", "é",
        "\\u00", "0",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_scanner_agrees_with_serde_json(text in json_like()) {
        use std::collections::BTreeMap;
        let reference =
            serde_json::from_str::<BTreeMap<String, &serde_json::value::RawValue>>(&text).is_ok();
        prop_assert_eq!(check(&text).is_ok(), reference, "{}", text);
    }

    #[test]
    fn blind_skipping_finds_the_end_of_every_valid_object(text in json_like(), tail in ".{0,8}") {
        if check(&text).is_ok() {
            let joined = format!("{text}{tail}");
            prop_assert_eq!(skip::value(joined.as_bytes(), 0), Some(text.len()));
        }
    }
}
