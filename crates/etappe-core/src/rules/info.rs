//! Public descriptions of models and vocabularies, for the API.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::source::RuleOrigin;

/// A name in the languages of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Labels {
    /// English.
    #[serde(serialize_with = "as_text")]
    pub en: Arc<str>,
    /// Dutch.
    #[serde(serialize_with = "as_text")]
    pub nl: Arc<str>,
}

/// The kind of a stage, the same in every model: a stage about money is shown alike everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// People have heard of the product.
    Hear,
    /// They come and compare.
    Look,
    /// They begin to use it.
    Start,
    /// They keep using it, and get help.
    Return,
    /// They pay.
    Buy,
    /// They bring others.
    Tell,
    /// They leave.
    Leave,
}

impl Tone {
    /// All tones, in the order of a journey.
    pub const ALL: [Self; 7] = [
        Self::Hear,
        Self::Look,
        Self::Start,
        Self::Return,
        Self::Buy,
        Self::Tell,
        Self::Leave,
    ];

    /// Returns the word used in model files and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hear => "hear",
            Self::Look => "look",
            Self::Start => "start",
            Self::Return => "return",
            Self::Buy => "buy",
            Self::Tell => "tell",
            Self::Leave => "leave",
        }
    }
}

/// The words for people in a stage, as parts of sentences.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Phrase {
    /// What they did: "took a first step".
    #[serde(serialize_with = "as_text")]
    pub past: Arc<str>,
    /// What those do who are spoken of: of the people who "take a first step".
    #[serde(serialize_with = "as_text")]
    pub who: Arc<str>,
    /// What some of them do, after their number or with `{n}` in its place: "take a first step".
    #[serde(rename = "do", serialize_with = "as_text")]
    pub does: Arc<str>,
}

/// A stage's own phrases, where the model does not leave them to the tone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Phrases {
    /// English.
    pub en: Option<Phrase>,
    /// Dutch.
    pub nl: Option<Phrase>,
}

/// A stage of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct StageInfo {
    /// The stage's id, such as `revenue`.
    #[serde(serialize_with = "as_text")]
    pub id: Arc<str>,
    /// The stage's labels.
    pub labels: Labels,
    /// What people do in this stage.
    #[serde(serialize_with = "as_text")]
    pub description: Arc<str>,
    /// The kind of stage, if the model says it.
    pub tone: Option<Tone>,
    /// The stage's own phrases.
    pub phrases: Phrases,
    /// Whether everyone who gets further has passed this stage.
    pub gate: bool,
    /// Whether only an event of its own passes it, as for a stage about money.
    pub own_hit: bool,
    /// The stage's position in the model, counted from 1.
    pub ordinal: u8,
}

/// A journey model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// The model's id, such as `aaarrr`.
    #[serde(serialize_with = "as_text")]
    pub id: Arc<str>,
    /// The model's labels.
    pub labels: Labels,
    /// The model's purpose.
    #[serde(serialize_with = "as_text")]
    pub description: Arc<str>,
    /// A hash of its content in hexadecimal digits.
    #[serde(serialize_with = "as_text")]
    pub version: Arc<str>,
    /// The author.
    pub origin: RuleOrigin,
    /// The file it was read from.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// Its stages, first to last.
    pub stages: Box<[StageInfo]>,
    /// The number of its rules.
    pub rules: usize,
}

impl ModelInfo {
    /// Returns the stage with this id.
    #[must_use]
    pub fn stage(&self, id: &str) -> Option<&StageInfo> {
        self.stages.iter().find(|stage| *stage.id == *id)
    }
}

/// A vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VocabularyInfo {
    /// The vocabulary's id, such as `segment`.
    #[serde(serialize_with = "as_text")]
    pub id: Arc<str>,
    /// The vocabulary's title.
    #[serde(serialize_with = "as_text")]
    pub title: Arc<str>,
    /// The source of its names.
    #[serde(serialize_with = "as_text")]
    pub source: Arc<str>,
    /// A hash of its content in hexadecimal digits.
    #[serde(serialize_with = "as_text")]
    pub version: Arc<str>,
    /// The position among the vocabularies: lower ones are tried first.
    pub priority: i64,
    /// The author.
    pub origin: RuleOrigin,
    /// The file it was read from.
    #[serde(serialize_with = "as_text")]
    pub file: Arc<str>,
    /// The number of its rules.
    pub rules: usize,
}

/// Serializes a shared text as a text.
pub(super) fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
