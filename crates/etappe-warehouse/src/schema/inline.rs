//! Puts the statements of views in the place of their names.
//!
//! The server analyses a parameterized view twice, once for its columns and once to read it, and so
//! do the views inside it: four views deep it is the sixteenfold work, a quarter of a second for
//! the sums of money of a site without a single event (ADR 0046). With the statement in place of
//! the name it is done once.
//!
//! A call is `view(parameter = value, …)` behind `FROM` or `JOIN`. In the view's statement each
//! `{parameter:Type}` becomes the call's value.

use super::view::VIEWS;

/// Returns a statement that calls no view: each call is replaced by the view's statement in
/// parentheses.
pub(crate) fn inline_views(sql: &str) -> String {
    let mut inlined = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(call) = next_call(rest) {
        inlined.push_str(call.before);
        inlined.push_str("(\n");
        inlined.push_str(&inline_views(&with_values(call.statement, &call.arguments)));
        inlined.push_str("\n)");
        rest = call.after;
    }
    inlined.push_str(rest);
    inlined
}

/// A call of a view within a statement.
struct Call<'a> {
    before: &'a str,
    statement: &'static str,
    /// Parameters and their values.
    arguments: Vec<(&'a str, &'a str)>,
    after: &'a str,
}

/// Returns the first call of a view.
fn next_call(sql: &str) -> Option<Call<'_>> {
    sql.match_indices('(').find_map(|(open, _)| {
        let (head, tail) = sql.split_at(open);
        let before = head.trim_end_matches(is_name_character);
        let name = head.strip_prefix(before)?;
        let is_source = ["FROM", "JOIN"]
            .iter()
            .any(|word| before.trim_end().ends_with(word));
        let statement = statement_of(name).filter(|_| is_source)?;
        let (inside, after) = split_at_end(tail.strip_prefix('(')?)?;
        Some(Call {
            before,
            statement,
            arguments: arguments(inside)?,
            after,
        })
    })
}

/// Returns what a view selects.
fn statement_of(name: &str) -> Option<&'static str> {
    let (_, sql) = VIEWS.iter().find(|(view, _)| *view == name)?;
    let (_, statement) = sql.split_once(&format!("CREATE OR REPLACE VIEW {name} AS\n"))?;
    Some(statement.trim_end())
}

/// Splits the text behind an opening parenthesis at the closing one, which belongs to neither part.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, character) in outside_texts(text) {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (inside, end) = text.split_at(at);
            return Some((inside, end.strip_prefix(')')?));
        }
    }
    None
}

/// Splits `a = 1, b = f(2, 3)` into parameters and values.
fn arguments(inside: &str) -> Option<Vec<(&str, &str)>> {
    let mut depth = 0;
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, character) in outside_texts(inside) {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(inside.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(inside.get(start..)?);
    parts.into_iter().map(pair).collect()
}

/// Splits `a = 1`.
fn pair(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// Returns the characters that are not inside `'…'`, each with its position.
fn outside_texts(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut is_inside = false;
    text.char_indices().filter(move |(_, character)| {
        if *character == '\'' {
            is_inside = !is_inside;
        }
        !is_inside && *character != '\''
    })
}

/// Puts the values in the place of the parameters. A parameter without a value stays, and the
/// server refuses the statement.
fn with_values(statement: &str, arguments: &[(&str, &str)]) -> String {
    let mut replaced = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some((before, tail)) = rest.split_once('{') {
        replaced.push_str(before);
        let parameter = tail.split_once('}').and_then(|(inside, after)| {
            let (name, _) = inside.split_once(':')?;
            let (_, value) = arguments.iter().find(|(known, _)| *known == name)?;
            Some((*value, after))
        });
        if let Some((value, after)) = parameter {
            replaced.push_str(value);
            rest = after;
        } else {
            replaced.push('{');
            rest = tail;
        }
    }
    replaced.push_str(rest);
    replaced
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Returns the parameters of a statement, with their types.
    fn parameters(sql: &str) -> BTreeSet<&str> {
        let opened = sql.split('{').skip(1);
        let inside = opened.filter_map(|text| Some(text.split_once('}')?.0));
        let is_parameter = |inside: &&str| {
            let name = inside.split_once(':').map(|(name, _)| name);
            name.is_some_and(|name| name.chars().all(is_name_character))
        };
        inside.filter(is_parameter).collect()
    }

    #[test]
    fn no_view_calls_another_one_when_inlined() {
        for (name, sql) in VIEWS {
            let inlined = inline_views(sql);
            for (other, _) in VIEWS {
                for word in ["FROM", "JOIN"] {
                    let call = format!("{word} {other}(");
                    assert!(!inlined.contains(&call), "{name} calls {other}");
                }
            }
            let own = parameters(sql);
            for parameter in parameters(&inlined) {
                assert!(own.contains(parameter), "{name} has no {{{parameter}}}");
            }
        }
    }

    #[test]
    fn a_call_becomes_the_statement_with_the_values_of_the_call() {
        let sql = "SELECT sum(orders)\nFROM customers(site = 'it''s (a) shop, b = c', bots = {which:String}) AS them\n\
                   WHERE first_ordered_at < {to:DateTime64(3, 'UTC')}";
        let inlined = inline_views(sql);
        assert!(
            inlined.starts_with("SELECT sum(orders)\nFROM (\nSELECT actor_hash"),
            "{inlined}"
        );
        assert!(
            inlined.contains("site = 'it''s (a) shop, b = c'"),
            "{inlined}"
        );
        assert!(inlined.contains("{which:String} = 'include'"), "{inlined}");
        assert!(
            !inlined.contains("{bots:String}") && !inlined.contains("{site:String}"),
            "{inlined}"
        );
        assert!(
            inlined.ends_with(") AS them\nWHERE first_ordered_at < {to:DateTime64(3, 'UTC')}"),
            "{inlined}"
        );
    }

    #[test]
    fn what_is_no_call_of_a_view_stays() {
        for sql in [
            "SELECT count() FROM events WHERE site = {site:String}",
            "SELECT orders(1) FROM numbers(10)",
            "SELECT * FROM (SELECT orders FROM kpi)",
            "INSERT INTO t VALUES ('FROM orders(')",
            "",
        ] {
            assert_eq!(inline_views(sql), sql);
        }
    }
}
