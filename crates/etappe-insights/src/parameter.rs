//! The parameters in the address of a question.

use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::catalog::{Model, ModelCatalog};
use crate::field::{Problems, did_you_mean, one_of};
use crate::span::{Span, SpanText};

/// What `bots` may say.
pub(crate) const BOTS: [(&str, Bots); 3] = [
    ("exclude", Bots::Exclude),
    ("include", Bots::Include),
    ("only", Bots::Only),
];

/// Parameters that have not been taken yet.
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

    /// Takes a parameter out; an empty one counts as absent.
    pub(crate) fn take(&mut self, name: &'static str, problems: &mut Problems) -> Option<String> {
        self.known.push(name);
        let mut values = self
            .pairs
            .extract_if(.., |(key, _)| key == name)
            .map(|(_, value)| value);
        let value = values.next();
        if values.count() > 0 {
            problems.push(name, "is there more than once");
        }
        value.filter(|value| !value.is_empty())
    }

    /// Takes `from`, `to` and `timezone` out.
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

    /// Takes `model` out.
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

    /// Takes `bots` out.
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

    /// Takes `limit` out: a whole number from 1 to `most`.
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

    /// Takes `unit` out, which can only be people where it is asked.
    pub(crate) fn take_actor_unit(&mut self, problems: &mut Problems) {
        match self.take("unit", problems).as_deref() {
            None | Some("actor") => {}
            Some(_) => problems.push("unit", "these figures are about people: only `actor` goes"),
        }
    }

    /// Notes every parameter that nobody took.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for (name, _) in &self.pairs {
            let expected = one_of(self.known.iter().copied());
            let near = did_you_mean(name, self.known.iter().copied());
            let detail = format!("is not a parameter here{near}: {expected}");
            problems.push(name.clone(), detail);
        }
    }
}
