//! Reads a question field by field and collects every problem instead of stopping at the first.

use std::time::Duration;

use etappe_core::suggestion::nearest;
use serde_json::{Map, Value};

use crate::duration;
use crate::error::{FieldProblem, InsightsError};

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<FieldProblem>);

impl Problems {
    /// Records a problem.
    pub(crate) fn push(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldProblem {
            field: field.into(),
            detail: detail.into(),
        });
    }

    /// Returns whether the field at `path` itself has a problem.
    pub(crate) fn mentions(&self, path: &str) -> bool {
        self.0.iter().any(|problem| problem.field == path)
    }

    /// Returns whether the field at `path`, or a field inside it, has a problem.
    pub(crate) fn mentions_within(&self, path: &str) -> bool {
        self.0.iter().any(|problem| {
            let rest = problem.field.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Returns all problems as an error, if there are any.
    pub(crate) fn into_result(self) -> Result<(), InsightsError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(InsightsError::InvalidQuestion(self.0))
    }
}

/// The fields of an object that have not been read yet. A `null` field counts as absent, and so does
/// an empty parameter of a query.
#[derive(Debug)]
pub(crate) struct Fields {
    path: String,
    members: Map<String, Value>,
    known: Vec<&'static str>,
    /// What a field is called in problems.
    noun: &'static str,
}

impl Fields {
    /// Takes the parameters of a query, all of which are texts.
    pub(crate) fn of_query(pairs: Vec<(String, String)>, problems: &mut Problems) -> Self {
        let mut members = Map::new();
        for (name, value) in pairs {
            if members.contains_key(&name) {
                problems.push(name, "given more than once");
                continue;
            }
            let value = if value.is_empty() {
                Value::Null
            } else {
                Value::String(value)
            };
            members.insert(name, value);
        }
        Self {
            path: String::new(),
            members,
            known: Vec::new(),
            noun: "parameter",
        }
    }

    /// Takes the fields of `value`, whose path in the question is `path`; empty for the whole
    /// question.
    pub(crate) fn of(value: Value, path: &str, problems: &mut Problems) -> Option<Self> {
        let Value::Object(members) = value else {
            let name = if path.is_empty() { "body" } else { path };
            problems.push(name, "must be an object");
            return None;
        };
        Some(Self {
            path: path.to_owned(),
            members,
            known: Vec::new(),
            noun: "field",
        })
    }

    /// Returns the path of the field `name`.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// Removes a field and returns it.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Removes a text field and returns it.
    pub(crate) fn take_text(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => {
                problems.push(self.path_of(name), "must not be empty");
                None
            }
            _ => {
                problems.push(self.path_of(name), "must be a string");
                None
            }
        }
    }

    /// Removes a boolean field and returns it.
    pub(crate) fn take_bool(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            _ => {
                problems.push(self.path_of(name), "must be true or false");
                None
            }
        }
    }

    /// Removes a field with a whole number of at least 1 and returns it.
    pub(crate) fn take_number(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<usize> {
        let number = self
            .take(name)?
            .as_u64()
            .and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            problems.push(self.path_of(name), "must be a whole number of at least 1");
        }
        number
    }

    /// Removes a field with one of a few words and returns it.
    pub(crate) fn take_choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
        problems: &mut Problems,
    ) -> Option<T> {
        let value = self.take(name)?;
        let chosen = value
            .as_str()
            .and_then(|text| choices.iter().find(|(word, _)| *word == text));
        if chosen.is_none() {
            let words = || choices.iter().map(|(word, _)| *word);
            let near = did_you_mean(value.as_str().unwrap_or_default(), words());
            problems.push(self.path_of(name), format!("{}{near}", one_of(words())));
        }
        chosen.map(|(_, choice)| *choice)
    }

    /// Removes a duration field and returns it: seconds, or text such as `30d`.
    pub(crate) fn take_duration(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<Duration> {
        let duration = match self.take(name)? {
            Value::String(text) => duration::parse(&text),
            Value::Number(number) => number.as_f64().and_then(duration::of_seconds),
            _ => None,
        };
        if duration.is_none() {
            let hint = "must be a duration: seconds, or text such as 30d, 12h, 90m or 2w";
            problems.push(self.path_of(name), hint);
        }
        duration
    }

    /// Removes a list field and returns it.
    pub(crate) fn take_list(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(list) => Some(list),
            _ => {
                problems.push(self.path_of(name), "must be a list");
                None
            }
        }
    }

    /// Records every remaining field as unknown.
    pub(crate) fn finish(self, problems: &mut Problems) {
        let noun = self.noun;
        for name in self
            .members
            .keys()
            .filter(|name| !self.known.contains(&name.as_str()))
        {
            let detail = if self.known.is_empty() {
                format!("is not a known {noun}: this question has none")
            } else {
                let expected = one_of(self.known.iter().copied());
                let near = did_you_mean(name, self.known.iter().copied());
                format!("is not a known {noun}{near}: {expected}")
            };
            problems.push(self.path_of(name), detail);
        }
    }
}

/// Returns " (did you mean `x`?)" for the known word closest to `word`, or nothing if none is
/// close.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = nearest(word, known, 1);
    near.first()
        .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// Returns a phrase that lists the expected words.
pub(crate) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    format!("expected one of {}", words.join(", "))
}
