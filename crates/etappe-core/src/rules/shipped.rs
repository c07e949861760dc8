//! The vocabularies and models that ship with Etappe, compiled in as texts.

use std::borrow::Cow;

use super::ruleset::RuleSet;
use super::source::{RuleFileKind, RuleOrigin, RuleSource};

macro_rules! rule_files {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$((
            concat!("config/", $folder, "/", $name),
            include_str!(concat!("../../../../config/", $folder, "/", $name)),
        )),*]
    };
}

/// Names and texts of the shipped vocabularies.
const VOCABULARIES: &[(&str, &str)] = rule_files!("vocabularies":
    "amplitude.toml",
    "forms.toml",
    "ga4.toml",
    "generic-en.toml",
    "generic-nl.toml",
    "matomo.toml",
    "meta.toml",
    "mixpanel.toml",
    "pages.toml",
    "plausible.toml",
    "posthog.toml",
    "segment.toml",
    "shopify.toml",
    "snowplow.toml",
);

/// Names and texts of the shipped models.
const MODELS: &[(&str, &str)] = rule_files!("models":
    "aaarrr.toml",
    "aarrr.toml",
    "advocacy-loop.toml",
    "awareness-advocacy.toml",
    "b2b.toml",
    "klantreis.toml",
    "store.toml",
);

impl RuleSource {
    /// Returns the rule files that ship with Etappe.
    #[must_use]
    pub fn shipped() -> Vec<Self> {
        let of = |kind| {
            move |(file, text): &(&'static str, &'static str)| Self {
                kind,
                origin: RuleOrigin::Shipped,
                file: Cow::Borrowed(file),
                text: Cow::Borrowed(text),
            }
        };
        VOCABULARIES
            .iter()
            .map(of(RuleFileKind::Vocabulary))
            .chain(MODELS.iter().map(of(RuleFileKind::Model)))
            .collect()
    }
}

impl RuleSet {
    /// Returns the rules that ship with Etappe.
    ///
    /// # Panics
    /// Never: the shipped files are compiled in the tests.
    #[must_use]
    pub fn shipped() -> Self {
        Self::compile(RuleSource::shipped()).expect("the shipped rule files are correct")
    }

    /// Compiles the shipped rules together with the user's own. The user's rules come first and
    /// replace shipped files with the same id.
    ///
    /// # Errors
    /// All mistakes in the user's files, as for [`RuleSet::compile`].
    pub fn with_user_files(
        files: impl IntoIterator<Item = RuleSource>,
    ) -> Result<Self, Vec<super::Diagnostic>> {
        Self::compile(RuleSource::shipped().into_iter().chain(files))
    }
}
