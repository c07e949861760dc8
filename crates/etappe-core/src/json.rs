//! JSON objects that are read without being copied.
//!
//! Only a few of a client's `properties` are read per event, by name; the rest passes through
//! untouched. So an object is kept as a list of names and the JSON text of their values, which are
//! parsed only on demand. Numbers keep their text: `0.10` stays `0.10`.

pub mod skip;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object: names and the JSON text of their values, in the order they were sent.
#[derive(Debug, Clone)]
pub struct JsonObject<'a> {
    text: &'a str,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl Default for JsonObject<'_> {
    /// Returns the empty object.
    fn default() -> Self {
        Self {
            text: "{}",
            members: Vec::new(),
        }
    }
}

/// A value parsed one level deep.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonValue<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its JSON text.
    Number(&'a str),
    /// A string, unescaped; borrowed if it contained no escape.
    String(Cow<'a, str>),
    /// An object, as its JSON text.
    Object(&'a str),
    /// An array, as its JSON text.
    Array(&'a str),
}

impl<'a> JsonObject<'a> {
    /// Parses the text of an object.
    ///
    /// # Errors
    /// The parser's error when the text is not a JSON object.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let Members(members) = serde_json::from_str(text)?;
        Ok(Self { text, members })
    }

    /// Returns the object as it was sent.
    #[must_use]
    pub const fn as_text(&self) -> &'a str {
        self.text
    }

    /// Returns the value of the last member called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<JsonValue<'a>> {
        self.get_raw(name).map(JsonValue::of)
    }

    /// Returns the JSON text of the last member called `name`.
    #[must_use]
    pub fn get_raw(&self, name: &str) -> Option<&'a RawValue> {
        self.members
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// Returns the value at a dotted path; arrays are never entered, only objects.
    ///
    /// A member whose own name contains the dots takes precedence: `org:group` and `a.b` are found
    /// as they are.
    #[must_use]
    pub fn get_path(&self, path: &str) -> Option<JsonValue<'a>> {
        if let Some(value) = self.get(path) {
            return Some(value);
        }
        let (head, rest) = path.split_once('.')?;
        match self.get(head)? {
            JsonValue::Object(text) => JsonObject::parse(text).ok()?.get_path(rest),
            JsonValue::Null
            | JsonValue::Bool(_)
            | JsonValue::Number(_)
            | JsonValue::String(_)
            | JsonValue::Array(_) => None,
        }
    }

    /// Iterates over names and the text of their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_ref(), *value))
    }

    /// Returns whether the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl AsRef<str> for JsonObject<'_> {
    fn as_ref(&self) -> &str {
        self.text
    }
}

impl<'a> JsonValue<'a> {
    /// Parses the JSON text of one value.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => Self::String(unescape(text)),
            Some(b'{') => Self::Object(text),
            Some(b'[') => Self::Array(text),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(text),
        }
    }

    /// Returns the text of a string, number or boolean; `None` for null, objects and arrays.
    #[must_use]
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::String(text) => Some(text),
            Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Null | Self::Object(_) | Self::Array(_) => None,
        }
    }

    /// Returns the number in a JSON number or in a string that holds one, if it is finite.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        let text = match self {
            Self::Number(text) => text,
            Self::String(text) => text.trim(),
            Self::Null | Self::Bool(_) | Self::Object(_) | Self::Array(_) => return None,
        };
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

fn unescape(quoted: &str) -> Cow<'_, str> {
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(quoted);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    // A lone surrogate (`"\ud800"`) is valid JSON text but not a valid string: it is kept as sent.
    serde_json::from_str::<String>(quoted).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// A member name: borrowed from the input unless it contained an escape.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// The members of an object.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) =
                    map.next_entry::<Name<'de>, &'de RawValue>()?
                {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for JsonObject<'_> {
    /// Writes the object's own text, untouched.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_by_path() {
        let object =
            JsonObject::parse(r#"{"a":{"b":"x\n"},"a.c":1.10,"list":[1],"t":true}"#).unwrap();
        assert_eq!(
            object.get_path("a.b"),
            Some(JsonValue::String("x\n".into()))
        );
        assert_eq!(object.get_path("a.c"), Some(JsonValue::Number("1.10")));
        assert_eq!(object.get("t"), Some(JsonValue::Bool(true)));
        assert_eq!(object.get("list"), Some(JsonValue::Array("[1]")));
        assert_eq!(object.get_path("a.b.c"), None);
    }

    #[test]
    fn only_finite_numbers_count_as_numbers() {
        let object = JsonObject::parse(r#"{"a":1e999,"b":" 2.5 ","c":"x"}"#).unwrap();
        assert_eq!(object.get("a").and_then(|v| v.as_f64()), None);
        assert_eq!(object.get("b").and_then(|v| v.as_f64()), Some(2.5));
        assert_eq!(object.get("c").and_then(|v| v.as_f64()), None);
    }
}
