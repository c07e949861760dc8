//! The parameters of questions: each is declared once, with its description, and read by its name.

use chrono_tz::Tz;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::catalog::{Model, ModelCatalog};
use crate::field::{Fields, Problems};
use crate::span::{Span, SpanText, zone_of};

/// A parameter, as it is described.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it means, and its default.
    pub(crate) description: &'static str,
    /// An example; empty if it says nothing.
    pub(crate) example: &'static str,
    /// The values that it takes.
    pub(crate) values: Values,
}

/// The values of a parameter.
#[derive(Debug)]
pub(crate) enum Values {
    /// Any text.
    Text,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// A whole number from 1.
    Count {
        /// The largest value.
        most: usize,
    },
}

/// `from`, `to` and `timezone`: the range.
pub(crate) const SPAN: &[Parameter] = &[
    Parameter {
        name: "from",
        description: "The first instant (RFC 3339) or date of the range. Default: 30 days before `to`.",
        example: "2024-03-01",
        values: Values::Text,
    },
    Parameter {
        name: "to",
        description: "The first instant or date after the range. Default: the end of today.",
        example: "2024-04-01",
        values: Values::Text,
    },
    Parameter {
        name: "timezone",
        description: "The zone that dates are in, by its IANA name. Default: the site's.",
        example: "Europe/Amsterdam",
        values: Values::Text,
    },
];

/// `model`: the journey model.
pub(crate) const MODEL: &[Parameter] = &[Parameter {
    name: "model",
    description: "The journey model. Default: `aaarrr`.",
    example: "aaarrr",
    values: Values::Text,
}];

/// `bots` and `unit`: who counts.
pub(crate) const WHO: &[Parameter] = &[
    Parameter {
        name: "bots",
        description: "Whether events of bots are included. Default: `exclude`.",
        example: "exclude",
        values: Values::Words(&["exclude", "include", "only"]),
    },
    Parameter {
        name: "unit",
        description: "The counted unit; only `actor` is supported.",
        example: "actor",
        values: Values::Words(&["actor"]),
    },
];

/// The values of `bots`.
const BOTS: [(&str, Bots); 3] = [
    ("exclude", Bots::Exclude),
    ("include", Bots::Include),
    ("only", Bots::Only),
];

impl Fields {
    /// Removes `from`, `to` and `timezone` and returns the range.
    pub(crate) fn take_span(
        &mut self,
        site_zone: &str,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Span> {
        let text = SpanText {
            from: self.take_text("from", problems),
            to: self.take_text("to", problems),
            timezone: self.take_text("timezone", problems),
        };
        text.resolve(site_zone, now, problems)
    }

    /// Removes `timezone` and returns it; the site's if it is not given.
    pub(crate) fn take_zone(&mut self, site_zone: &str, problems: &mut Problems) -> Option<Tz> {
        let name = self.take_text("timezone", problems);
        zone_of(name.as_deref(), site_zone, problems)
    }

    /// Removes `model` and returns it, if it is given.
    pub(crate) fn take_model<'a>(
        &mut self,
        catalog: &'a ModelCatalog,
        problems: &mut Problems,
    ) -> Option<&'a Model> {
        let id = self.take_text("model", problems)?;
        let model = catalog.find(&id);
        if model.is_none() {
            problems.push("model", catalog.unknown(&id));
        }
        model
    }

    /// Removes `bots` and returns it.
    pub(crate) fn take_bots(&mut self, problems: &mut Problems) -> Bots {
        self.take_choice("bots", &BOTS, problems)
            .unwrap_or_default()
    }

    /// Removes `limit` and returns it: a whole number from 1 to `most`.
    pub(crate) fn take_limit(
        &mut self,
        default: usize,
        most: usize,
        problems: &mut Problems,
    ) -> usize {
        let Some(value) = self.take("limit") else {
            return default;
        };
        let limit = match &value {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64().and_then(|limit| usize::try_from(limit).ok()),
        };
        let limit = limit.filter(|limit| (1..=most).contains(limit));
        if limit.is_none() {
            problems.push("limit", format!("must be a whole number from 1 to {most}"));
        }
        limit.unwrap_or(default)
    }

    /// Removes `unit`, for questions that count only people.
    pub(crate) fn take_actor_unit(&mut self, problems: &mut Problems) {
        match self.take_text("unit", problems).as_deref() {
            None | Some("actor") => {}
            Some(_) => problems.push(
                "unit",
                "these figures count people: only `actor` is supported",
            ),
        }
    }
}
