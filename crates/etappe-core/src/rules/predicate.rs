//! Conditions on the event itself, from `where` and `when` in rule files.
//!
//! Equal conditions of different rules are one [`Predicate`], so that it is evaluated once per
//! event. Its text is both its identity and what `etappe explain` shows.

use std::borrow::Cow;
use std::fmt;

use crate::event::Event;
use crate::json::JsonValue;
use crate::value::{number_spelling, spelling, text_spelling};

use super::address::{AddressPattern, PageAddress};
use super::lookup::ValuePath;
use super::pattern::{Glob, fold};
use super::words::{Phrase, Words};

/// A condition on an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Predicate {
    /// A value at a path passes a test.
    Value { path: ValuePath, test: Test },
    /// The page's address matches one of the patterns.
    Address(Box<[AddressPattern]>),
}

/// A test of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Present, and neither null nor an empty text.
    Exists,
    /// Missing, null, or an empty text.
    Absent,
    OneOf(Box<[Scalar]>),
    NoneOf(Box<[Scalar]>),
    /// A text that one of the globs matches, ignoring case and separators.
    Like(Box<[Glob]>),
    /// Missing, or matched by none of the globs.
    Unlike(Box<[Glob]>),
    /// A text that has one of the phrases among its words.
    HasWords(Box<[Phrase]>),
    /// Missing, or without any of the phrases.
    LacksWords(Box<[Phrase]>),
    /// A number, or a text that holds one, within the range.
    Number(NumberRange),
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar {
    /// The spelling that [`crate::value`] compares.
    spelling: Box<str>,
    /// The text for display.
    shown: Box<str>,
}

/// A range of numbers; a missing bound is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct NumberRange {
    pub(super) above: Option<f64>,
    pub(super) at_least: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) at_most: Option<f64>,
}

/// The longest text that is compared with globs and words, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Buffers for normalised texts, reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) folded: String,
    pub(super) words: Words,
    pub(super) address: PageAddress,
    /// Per condition, the last [`Predicate::ground`] and the result for it.
    pub(super) grounds: Vec<(String, bool)>,
}

impl Predicate {
    /// Returns the text that alone determines this condition, if that is an object of the event,
    /// such as `context.library`. Consecutive events often have the same one.
    pub(super) fn ground<'a>(&self, event: &Event<'a>) -> Option<&'a str> {
        match self {
            Self::Value { path, .. } => path.enclosing(event),
            Self::Address(_) => None,
        }
    }

    /// Returns whether `event` meets the condition. `scratch.address` must belong to this event or
    /// be unread.
    pub(super) fn holds(&self, event: &Event<'_>, scratch: &mut Scratch) -> bool {
        match self {
            Self::Value { path, test } => test.passes(path.find(event).as_ref(), scratch),
            Self::Address(patterns) => scratch.address.of(event).matches_any(patterns),
        }
    }
}

impl Test {
    /// Returns whether a value passes; `None` is a missing value.
    pub(super) fn passes(&self, value: Option<&JsonValue<'_>>, scratch: &mut Scratch) -> bool {
        match self {
            Self::Exists => is_there(value),
            Self::Absent => !is_there(value),
            Self::OneOf(scalars) => is_one_of(value, scalars),
            Self::NoneOf(scalars) => !is_one_of(value, scalars),
            Self::Like(globs) => is_like(value, globs, scratch),
            Self::Unlike(globs) => !is_like(value, globs, scratch),
            Self::HasWords(phrases) => has_words(value, phrases, scratch),
            Self::LacksWords(phrases) => !has_words(value, phrases, scratch),
            Self::Number(range) => value
                .and_then(JsonValue::as_f64)
                .is_some_and(|number| range.contains(number)),
        }
    }
}

fn is_there(value: Option<&JsonValue<'_>>) -> bool {
    match value {
        None | Some(JsonValue::Null) => false,
        Some(JsonValue::String(text)) => !text.is_empty(),
        Some(
            JsonValue::Bool(_) | JsonValue::Number(_) | JsonValue::Object(_) | JsonValue::Array(_),
        ) => true,
    }
}

fn is_one_of(value: Option<&JsonValue<'_>>, scalars: &[Scalar]) -> bool {
    let Some(found) = value.and_then(spelling) else {
        return false;
    };
    scalars.iter().any(|scalar| *scalar.spelling == *found)
}

fn is_like(value: Option<&JsonValue<'_>>, globs: &[Glob], scratch: &mut Scratch) -> bool {
    comparable_text(value).is_some_and(|text| {
        fold(&text, &mut scratch.folded);
        globs.iter().any(|glob| glob.matches(&scratch.folded))
    })
}

fn has_words(value: Option<&JsonValue<'_>>, phrases: &[Phrase], scratch: &mut Scratch) -> bool {
    comparable_text(value).is_some_and(|text| {
        scratch.words.read(&text);
        scratch.words.has_any(phrases)
    })
}

/// Returns the text of a value, for comparison with patterns.
fn comparable_text<'v>(value: Option<&'v JsonValue<'_>>) -> Option<Cow<'v, str>> {
    let text = match value? {
        JsonValue::String(text) => Cow::Borrowed(text.as_ref()),
        JsonValue::Number(text) => number_spelling(text),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Object(_) | JsonValue::Array(_) => {
            return None;
        }
    };
    (text.len() <= LONGEST_TEXT).then_some(text)
}

impl Scalar {
    /// Creates the value that a text in a rule file stands for.
    pub(super) fn text(text: &str) -> Self {
        Self {
            spelling: text_spelling(text).into(),
            shown: format!("{text:?}").into(),
        }
    }

    /// Creates the value that a number in a rule file stands for.
    pub(super) fn number(text: &str) -> Self {
        let spelling: Box<str> = number_spelling(text).into();
        Self {
            shown: spelling.clone(),
            spelling,
        }
    }

    /// Creates the value that `true` or `false` in a rule file stands for.
    pub(super) fn flag(flag: bool) -> Self {
        let spelling: Box<str> = flag.to_string().into();
        Self {
            shown: spelling.clone(),
            spelling,
        }
    }
}

impl Scalar {
    /// Returns the spelling that is compared.
    pub(super) fn spelling(&self) -> &str {
        &self.spelling
    }

    /// Returns this value as a JSON number, if it is one.
    pub(super) fn as_number(&self) -> Option<f64> {
        JsonValue::String(Cow::Borrowed(&self.spelling)).as_f64()
    }
}

impl NumberRange {
    /// Returns the intersection of two ranges.
    pub(super) fn and(self, other: Self) -> Self {
        let larger = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        let smaller = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            above: larger(self.above, other.above),
            at_least: larger(self.at_least, other.at_least),
            below: smaller(self.below, other.below),
            at_most: smaller(self.at_most, other.at_most),
        }
    }

    /// Returns the only number in the range, if there is exactly one.
    pub(super) fn only_number(&self) -> Option<f64> {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least >= most && !self.is_empty() => Some(least),
            _ => None,
        }
    }

    /// Returns the range that contains only this number.
    pub(super) const fn only(number: f64) -> Self {
        Self {
            above: None,
            at_least: Some(number),
            below: None,
            at_most: Some(number),
        }
    }

    /// Returns whether the number lies within the range.
    pub(super) fn contains(&self, number: f64) -> bool {
        self.above.is_none_or(|bound| number > bound)
            && self.at_least.is_none_or(|bound| number >= bound)
            && self.below.is_none_or(|bound| number < bound)
            && self.at_most.is_none_or(|bound| number <= bound)
    }

    /// Returns whether the range contains no number.
    pub(super) fn is_empty(&self) -> bool {
        let lows = [(self.above, true), (self.at_least, false)];
        let highs = [(self.below, true), (self.at_most, false)];
        lows.iter().any(|(low, low_is_open)| {
            highs.iter().any(|(high, high_is_open)| match (low, high) {
                (Some(low), Some(high)) => {
                    low > high || (low >= high && (*low_is_open || *high_is_open))
                }
                _ => false,
            })
        })
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { path, test } => write!(f, "`{path}` {test}"),
            Self::Address(patterns) => write!(f, "page address is {}", Listed(patterns)),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("exists"),
            Self::Absent => f.write_str("is absent"),
            Self::OneOf(scalars) => write!(f, "is {}", Listed(scalars)),
            Self::NoneOf(scalars) => write!(f, "is not {}", Listed(scalars)),
            Self::Like(globs) => write!(f, "is like {}", Listed(globs)),
            Self::Unlike(globs) => write!(f, "is not like {}", Listed(globs)),
            Self::HasWords(phrases) => write!(f, "has the word {}", Listed(phrases)),
            Self::LacksWords(phrases) => write!(f, "does not have the word {}", Listed(phrases)),
            Self::Number(range) => write!(f, "is {range}"),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = [
            ("above", self.above),
            ("at least", self.at_least),
            ("below", self.below),
            ("at most", self.at_most),
        ];
        let mut separator = "";
        for (words, bound) in bounds {
            if let Some(bound) = bound {
                write!(f, "{separator}{words} {bound}")?;
                separator = " and ";
            }
        }
        Ok(())
    }
}

/// Writes "a, b or c".
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            let separator = match at {
                0 => "",
                _ if at + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{item}")?;
        }
        Ok(())
    }
}
