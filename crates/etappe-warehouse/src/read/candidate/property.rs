//! Conditions on properties: where a value is, and how far the server can test it.

use std::fmt::Write;

use etappe_core::query::PropertyTest;
use etappe_core::value::may_be_number;

/// One of the three objects of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Document {
    /// The client's data about the event.
    Properties,
    /// The client's data about the circumstances.
    Context,
    /// The client's data about the person or the account.
    Traits,
}

impl Document {
    /// Returns the column with the object's text.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Properties => "properties",
            Self::Context => "context",
            Self::Traits => "traits",
        }
    }
}

/// Returns the object that a path is in, and the path within it; a bare name is a property.
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

/// Returns SQL that is true for every row whose object passes the test at the path, and for few
/// others.
///
/// Unless JSON escapes something, names and strings appear in it literally, so a text without a
/// backslash must contain both. Numbers have many spellings and are not searched for.
pub(super) fn narrowing_sql(
    document: Document,
    path: &str,
    test: &PropertyTest,
    parameters: &mut Vec<String>,
) -> String {
    let column = document.column();
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut needles = vec![name];
    match test {
        PropertyTest::Absent => return "1".to_owned(),
        PropertyTest::Is(spelling) if may_be_number(spelling) => {}
        PropertyTest::Is(spelling) => needles.push(spelling),
        PropertyTest::Null => needles.push("null"),
        PropertyTest::Present => {}
    }
    let mut sql = format!("(position({column}, '\\\\') > 0 OR (1");
    for needle in needles {
        write!(
            sql,
            " AND position({column}, {{c{}:String}}) > 0",
            parameters.len()
        )
        .expect("a string takes all text");
        parameters.push(needle.to_owned());
    }
    sql.push_str("))");
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn user_input_becomes_a_parameter() {
        let mut parameters = vec!["first".to_owned()];
        let sql = narrowing_sql(
            Document::Properties,
            "a.b'",
            &PropertyTest::Is("x')--".to_owned()),
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
