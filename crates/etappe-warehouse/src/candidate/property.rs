//! Conditions on properties: what a JSON value must be, and how far the server can tell.

use std::fmt::Write;

use etappe_core::json::{JsonObject, JsonValue};
use serde_json::Value;

/// One of the three objects that come with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// What the client said about the event.
    Properties,
    /// What the client said about the circumstances.
    Context,
    /// What the client said about the person or the account.
    Traits,
}

impl Document {
    /// Returns the column that holds the object's text.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Context => "context",
            Self::Traits => "traits",
        }
    }
}

/// Tells which object a path is in, and the path within it; a bare name is a property.
pub(super) fn split_path(path: &str) -> (Document, &str) {
    if let Some(rest) = path.strip_prefix("context.") {
        return (Document::Context, rest);
    }
    if let Some(rest) = path.strip_prefix("traits.") {
        return (Document::Traits, rest);
    }
    (
        Document::Properties,
        path.strip_prefix("properties.").unwrap_or(path),
    )
}

/// Returns SQL that holds for every row whose object has the value at the path, and for few others.
///
/// JSON text shows names and strings as they are unless it escapes something, so a text without a
/// backslash must contain both. Numbers have many spellings and are not looked for.
pub(super) fn narrowing_sql(
    document: Document,
    path: &str,
    value: &Value,
    parameters: &mut Vec<String>,
) -> String {
    let column = document.column();
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut needles = vec![name.to_owned()];
    match value {
        Value::String(text) => needles.push(text.clone()),
        Value::Bool(_) | Value::Null => needles.push(value.to_string()),
        Value::Number(_) => {}
        Value::Array(_) | Value::Object(_) => return "0".to_owned(),
    }
    let mut sql = format!("(position({column}, '\\\\') > 0 OR (1");
    for needle in needles {
        write!(
            sql,
            " AND position({column}, {{c{}:String}}) > 0",
            parameters.len()
        )
        .expect("a string takes all text");
        parameters.push(needle);
    }
    sql.push_str("))");
    sql
}

/// Returns whether the object has the value at the path.
pub(super) fn has_value(object: &JsonObject<'_>, path: &str, wanted: &Value) -> bool {
    object
        .get_path(path)
        .is_some_and(|found| equals(&found, wanted))
}

/// Compares as JSON values: `1` equals `1.0`, not `"1"`.
fn equals(found: &JsonValue<'_>, wanted: &Value) -> bool {
    match (found, wanted) {
        (JsonValue::Null, Value::Null) => true,
        (JsonValue::Bool(found), Value::Bool(wanted)) => found == wanted,
        (JsonValue::String(found), Value::String(wanted)) => found == wanted,
        (JsonValue::Number(found), Value::Number(wanted)) => numbers_equal(found, wanted),
        _ => false,
    }
}

/// Compares whole numbers exactly, all others as 64-bit floating point.
fn numbers_equal(found: &str, wanted: &serde_json::Number) -> bool {
    let wanted = wanted.to_string();
    match (found.parse::<i128>(), wanted.parse::<i128>()) {
        (Ok(found), Ok(wanted)) => found == wanted,
        _ => match (found.parse::<f64>(), wanted.parse::<f64>()) {
            #[expect(
                clippy::float_cmp,
                reason = "equality of JSON numbers is what is asked for"
            )]
            (Ok(found), Ok(wanted)) => found == wanted,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_json() {
        let object = JsonObject::parse(
            r#"{"n":1,"f":1.0,"s":"1","b":true,"z":null,"big":9007199254740993,"a":{"b":"x\u0041"},"a.c":2,"l":[1]}"#,
        )
        .unwrap();
        let cases = [
            ("n", json!(1), true),
            ("n", json!(1.0), true),
            ("f", json!(1), true),
            ("n", json!("1"), false),
            ("s", json!("1"), true),
            ("s", json!(1), false),
            ("b", json!(true), true),
            ("b", json!("true"), false),
            ("z", json!(null), true),
            ("missing", json!(null), false),
            ("big", json!(9_007_199_254_740_993_u64), true),
            ("big", json!(9_007_199_254_740_992_u64), false),
            ("a.b", json!("xA"), true),
            ("a.c", json!(2), true),
            ("l", json!([1]), false),
        ];
        for (path, wanted, expected) in cases {
            assert_eq!(
                has_value(&object, path, &wanted),
                expected,
                "{path} {wanted}"
            );
        }
    }

    #[test]
    fn a_path_names_its_object() {
        assert_eq!(split_path("browser"), (Document::Properties, "browser"));
        assert_eq!(split_path("properties.a.b"), (Document::Properties, "a.b"));
        assert_eq!(
            split_path("context.page.path"),
            (Document::Context, "page.path")
        );
        assert_eq!(split_path("traits.plan"), (Document::Traits, "plan"));
    }

    #[test]
    fn what_a_user_said_is_a_parameter() {
        let mut parameters = vec!["first".to_owned()];
        let sql = narrowing_sql(
            Document::Properties,
            "a.b'",
            &json!("x')--"),
            &mut parameters,
        );
        assert!(!sql.contains("x')"), "{sql}");
        assert!(
            sql.contains("{c1:String}") && sql.contains("{c2:String}"),
            "{sql}"
        );
        assert_eq!(parameters, ["first", "b'", "x')--"]);
    }
}
