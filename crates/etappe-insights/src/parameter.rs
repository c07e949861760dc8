//! Query parameters.

use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::catalog::{Model, ModelCatalog};
use crate::field::{Problems, did_you_mean, one_of};
use crate::span::{Span, SpanText};

/// The values of `bots`.
pub(crate) const BOTS: [(&str, Bots); 3] = [
    ("exclude", Bots::Exclude),
    ("include", Bots::Include),
    ("only", Bots::Only),
];

/// The parameters that have not been read yet.
#[derive(Debug)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub(crate) const fn new(pairs: Vec<(String, String)>) -> Self {
        Self {
            pairs,
            known: Vec::new(),
        }
    }

    /// Removes a parameter and returns it; an empty one counts as absent.
    pub(crate) fn take(&mut self, name: &'static str, problems: &mut Problems) -> Option<String> {
        self.known.push(name);
        let mut values = self
            .pairs
            .extract_if(.., |(key, _)| key == name)
            .map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 {
            problems.push(name, "given more than once");
        }
        value.filter(|value| !value.is_empty())
    }

    /// Removes `from`, `to` and `timezone` and returns the range.
    pub(crate) fn take_span(
        &mut self,
        site_zone: &str,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Span> {
        let text = SpanText {
            from: self.take("from", problems),
            to: self.take("to", problems),
            timezone: self.take("timezone", problems),
        };
        text.resolve(site_zone, now, problems)
    }

    /// Removes `model` and returns it.
    pub(crate) fn take_model<'a>(
        &mut self,
        catalog: &'a ModelCatalog,
        problems: &mut Problems,
    ) -> Option<&'a Model> {
        let Some(id) = self.take("model", problems) else {
            return catalog.default_model();
        };
        let model = catalog.find(&id);
        if model.is_none() {
            problems.push("model", catalog.unknown(&id));
        }
        model
    }

    /// Removes `bots` and returns it.
    pub(crate) fn take_bots(&mut self, problems: &mut Problems) -> Bots {
        let Some(word) = self.take("bots", problems) else {
            return Bots::default();
        };
        let chosen = BOTS.iter().find(|(name, _)| *name == word);
        if chosen.is_none() {
            let words = || BOTS.iter().map(|(name, _)| *name);
            let near = did_you_mean(&word, words());
            problems.push("bots", format!("{}{near}", one_of(words())));
        }
        chosen.map_or_else(Bots::default, |(_, bots)| *bots)
    }

    /// Removes `limit` and returns it: a whole number from 1 to `most`.
    pub(crate) fn take_limit(
        &mut self,
        default: usize,
        most: usize,
        problems: &mut Problems,
    ) -> usize {
        let Some(text) = self.take("limit", problems) else {
            return default;
        };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        if limit.is_none() {
            problems.push("limit", format!("must be a whole number from 1 to {most}"));
        }
        limit.unwrap_or(default)
    }

    /// Removes `unit`, for routes that support only `actor`.
    pub(crate) fn take_actor_unit(&mut self, problems: &mut Problems) {
        match self.take("unit", problems).as_deref() {
            None | Some("actor") => {}
            Some(_) => problems.push(
                "unit",
                "these figures count people: only `actor` is supported",
            ),
        }
    }

    /// Records every remaining parameter as unknown.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for (name, _) in &self.pairs {
            let expected = one_of(self.known.iter().copied());
            let near = did_you_mean(name, self.known.iter().copied());
            let detail = format!("is not a parameter here{near}: {expected}");
            problems.push(name.clone(), detail);
        }
    }
}
