//! Picks a few named members from the text of an object, without listing all of its members.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the values of `names` in the object `text`, in the order of `names`; `None` if the text
/// is not an object. Of members with equal names the last one counts.
pub(super) fn pick<'a, const N: usize>(
    text: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    if !text.starts_with('{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Pick { names: &names }.deserialize(&mut deserializer).ok()
}

struct Pick<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Pick<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Pick<'_, N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(index) = map.next_key_seed(NameIndex { names: self.names })? {
            match values.get_mut(index) {
                Some(value) => *value = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

/// Turns a member's name into its index in the list of names, or the list's length if it is not
/// there.
struct NameIndex<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for NameIndex<'_, N> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<const N: usize> Visitor<'_> for NameIndex<'_, N> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<usize, E> {
        Ok(self
            .names
            .iter()
            .position(|wanted| *wanted == name)
            .unwrap_or(N))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_members_are_found_and_the_last_of_equal_names_counts() {
        let text = r#"{"a":{"deep":[1,{}]},"b":"x","\u0063":2,"b":"y"}"#;
        let [b, c, d] = pick(text, ["b", "c", "d"]).expect("an object");
        assert_eq!(b.map(RawValue::get), Some(r#""y""#));
        assert_eq!(c.map(RawValue::get), Some("2"));
        assert!(d.is_none());
        assert!(pick("[1]", ["b"]).is_none() && pick("{", ["b"]).is_none());
    }
}
