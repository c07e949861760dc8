//! Writes the country seen by a proxy into a context that names none.

use std::borrow::Cow;

use super::field::unquote;
use super::is_blank;
use super::scan::{MAX_DEPTH, Scanner};

/// The members of `context.location` that name a country.
const NAMES: [&str; 3] = ["country", "countryCode", "country_code"];

/// Returns `context`, the text of a valid object or empty, with `country` in `location.country`. It
/// is unchanged if the sender named a country, or sent a `location` that is not an object.
pub(crate) fn with_country<'a>(context: Cow<'a, str>, country: Option<&str>) -> Cow<'a, str> {
    let Some(country) = country else {
        return context;
    };
    let mut location = "null";
    walk(&context, |name, value| {
        if unquote(name).as_deref() == Some("location") {
            location = value;
        }
    });
    if location != "null" && (!location.starts_with('{') || names_country(location)) {
        return context;
    }
    let mut text = String::with_capacity(context.len() + 40);
    let mut separator = '{';
    walk(&context, |name, value| {
        if unquote(name).as_deref() != Some("location") {
            text.push(separator);
            text.extend([name, ":", value]);
            separator = ',';
        }
    });
    text.push(separator);
    text.push_str("\"location\":{");
    if location.starts_with('{') {
        walk(location, |name, value| {
            let is_country = unquote(name).is_some_and(|name| NAMES.contains(&&*name));
            if !is_country {
                text.extend([name, ":", value, ","]);
            }
        });
    }
    text.extend(["\"country\":\"", country, "\"}}"]);
    Cow::Owned(text)
}

/// Returns whether the last member of one of the names has a value.
fn names_country(location: &str) -> bool {
    let mut named = [false; NAMES.len()];
    walk(location, |name, value| {
        let name = unquote(name);
        let place = NAMES
            .iter()
            .position(|known| name.as_deref() == Some(known));
        if let Some(named) = place.and_then(|place| named.get_mut(place)) {
            *named = !is_blank(value);
        }
    });
    named.contains(&true)
}

fn walk<'t>(object: &'t str, member: impl FnMut(&'t str, &'t str)) {
    if !object.is_empty() {
        let walk = Scanner::new(object, MAX_DEPTH).members(member);
        debug_assert_eq!(walk, Ok(()), "the whole message was checked before");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(context: &str, country: Option<&str>) -> String {
        with_country(Cow::Borrowed(context), country).into_owned()
    }

    #[test]
    fn a_country_is_added_if_the_sender_named_none() {
        let cases = [
            ("", r#"{"location":{"country":"NL"}}"#),
            ("{ }", r#"{"location":{"country":"NL"}}"#),
            (r#"{"a":1}"#, r#"{"a":1,"location":{"country":"NL"}}"#),
            (
                r#"{"location":null,"a":{"b":[2]}}"#,
                r#"{"a":{"b":[2]},"location":{"country":"NL"}}"#,
            ),
            (r#"{"location":{}}"#, r#"{"location":{"country":"NL"}}"#),
            (
                r#"{"loc\u0061tion" : {"city":"Delft", "country":null},"a":1}"#,
                r#"{"a":1,"location":{"city":"Delft","country":"NL"}}"#,
            ),
            (
                r#"{"location":{"country":"BE","country":""}}"#,
                r#"{"location":{"country":"NL"}}"#,
            ),
        ];
        for (context, expected) in cases {
            assert_eq!(check(context, Some("NL")), expected, "{context}");
            assert_eq!(check(context, None), context);
        }
    }

    #[test]
    fn a_country_that_the_sender_named_is_kept() {
        for context in [
            r#"{"location":{"country":"BE"}}"#,
            r#"{"location":{"countryCode":"BE","city":"Gent"}}"#,
            r#"{"location":{"country":"Atlantis"}}"#,
            r#"{"location":"Gent"}"#,
            r#"{"location":{"country":""},"location":{"country_code":"be"}}"#,
        ] {
            assert_eq!(check(context, Some("NL")), context);
        }
    }
}
