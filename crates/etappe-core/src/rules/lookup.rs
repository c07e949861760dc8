//! Finds a value in an event's JSON without copying or building anything.
//!
//! [`crate::json::JsonObject::get_path`] gives the same answers, but builds a list of members for
//! every nested object. Rules look at nested values of most events, so they scan the text instead.
//! The text comes from a parsed object and is therefore known to be valid JSON.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::event::Event;
use crate::json::{JsonObject, JsonValue, skip};

/// The path of a value in an event: `name`, `properties.name`, `context.page.url`, `traits.plan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ValuePath {
    written: Arc<str>,
    part: Part,
    name: Box<str>,
    /// The position of the first dot of the name.
    head: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Properties,
    Context,
    Traits,
}

impl ValuePath {
    /// Reads a path as [`Event::value`] does.
    pub(super) fn new(text: &str) -> Self {
        let (part, name) = if let Some(rest) = text.strip_prefix("context.") {
            (Part::Context, rest)
        } else if let Some(rest) = text.strip_prefix("traits.") {
            (Part::Traits, rest)
        } else {
            let name = text.strip_prefix("properties.").unwrap_or(text);
            (Part::Properties, name)
        };
        Self {
            written: text.into(),
            part,
            name: name.into(),
            head: name.find('.'),
        }
    }

    /// Returns whether both paths lead to the same value, however they are written.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.part == other.part && self.name == other.name
    }

    /// Returns the value at this path.
    pub(super) fn find<'a>(&self, event: &Event<'a>) -> Option<JsonValue<'a>> {
        find(self.object(event), &self.name)
    }

    /// Returns the text of the object that contains the value and alone determines it; `None` when
    /// the value is a member of the first level.
    pub(super) fn enclosing<'a>(&self, event: &Event<'a>) -> Option<&'a str> {
        let (head, _) = self.name.split_at_checked(self.head?)?;
        let object = self.object(event);
        let enclosing = object.get_raw(head)?.get();
        // A member whose own name contains the dots would take precedence.
        object.get_raw(&self.name).is_none().then_some(enclosing)
    }

    const fn object<'e, 'a>(&self, event: &'e Event<'a>) -> &'e JsonObject<'a> {
        match self.part {
            Part::Properties => &event.properties,
            Part::Context => &event.context,
            Part::Traits => &event.traits,
        }
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Returns the value at a dotted path of an object; a member whose own name contains the dots takes
/// precedence.
pub(super) fn find<'a>(object: &JsonObject<'a>, path: &str) -> Option<JsonValue<'a>> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    let text = find_nested(object.get_raw(head)?.get(), rest)?;
    let raw: &'a RawValue = serde_json::from_str(text).ok()?;
    Some(JsonValue::of(raw))
}

fn find_nested<'t>(object: &'t str, path: &str) -> Option<&'t str> {
    if let Some(value) = skip::member(object, path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    find_nested(skip::member(object, head)?, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nested_values_are_found_as_by_the_parser() {
        let text = r#" { "a" : { "b" : [1,{"c":"}"}] , "n":-1.50 , "s" : "x\"y", "a.b":{"c":true} } ,
            "page":{"url":"https://x/?q=1","esc\u0061pe":1,"url2":null},"a.n":7,"dup":{"x":1,"x":2} }"#;
        let object = JsonObject::parse(text).unwrap();
        for path in [
            "a.b",
            "a.n",
            "a.s",
            "a.a.b",
            "a.a.b.c",
            "a.b.c",
            "page.url",
            "page.escape",
            "page.url2",
            "page.none",
            "none",
            "none.x",
            "dup.x",
            "a.n.x",
            "",
        ] {
            assert_eq!(find(&object, path), object.get_path(path), "{path}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            "[ab\"\\\\{}\\[\\],:é]{0,4}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[ab.\"]{1,3}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn scanning_and_parsing_agree(value in json(), path in "[ab.]{1,5}", pretty: bool) {
            let object = serde_json::json!({"a": value});
            let text = if pretty {
                serde_json::to_string_pretty(&object).unwrap()
            } else {
                object.to_string()
            };
            let object = JsonObject::parse(&text).unwrap();
            prop_assert_eq!(find(&object, &path), object.get_path(&path));
        }
    }
}
