//! The journey models as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::field::did_you_mean;
use crate::language::Language;

/// A text in each language of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Labels {
    /// English.
    #[schema(example = "Revenue")]
    pub en: String,
    /// Dutch.
    #[schema(example = "Omzet")]
    pub nl: String,
}

/// The words for people in a stage, as parts of sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Phrase {
    /// What they did.
    #[schema(example = "took out a subscription")]
    pub past: String,
    /// What the people do who are spoken of.
    #[schema(example = "take out a subscription")]
    pub who: String,
    /// What some of them do, after their number or with `{n}` in its place.
    #[serde(rename = "do")]
    #[schema(example = "take out a subscription")]
    pub does: String,
}

/// A stage's own phrases, by language. A language that the model leaves out is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Phrases {
    /// English.
    pub en: Option<Phrase>,
    /// Dutch.
    pub nl: Option<Phrase>,
}

/// The tone of the stage at which people arrive.
const LOOK: &str = "look";

/// A stage of a journey model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelStage {
    /// The stage's id.
    #[schema(example = "revenue")]
    pub id: String,
    /// The stage's name.
    pub labels: Labels,
    /// The kind of stage, the same in every model: `hear` of it, `look` at it, `start` to use it,
    /// `return`, `buy`, `tell` others, `leave`. Null if the model does not say.
    #[schema(example = "buy")]
    pub tone: Option<&'static str>,
    /// The stage's own phrases; null where those of its tone are meant.
    pub phrases: Option<Phrases>,
    /// Whether everyone passes it on the way to later stages.
    pub gate: bool,
    /// Whether only an event of the stage itself passes it; true for stages that mean money.
    pub own_hit: bool,
    /// Its place in the model, counted from 1.
    #[schema(example = 5)]
    pub ordinal: u32,
}

/// A journey model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Model {
    /// The model's id.
    #[schema(example = "aaarrr")]
    pub id: String,
    /// The model's name.
    pub labels: Labels,
    /// A hash of the model's content. Events name the version that assigned their stages.
    #[schema(example = "3f9c0a61")]
    pub version: String,
    /// The stages in order.
    pub stages: Vec<ModelStage>,
}

/// All journey models, in display order.
#[derive(Debug, Clone, Default)]
pub struct ModelCatalog {
    models: Vec<Model>,
}

/// The model used if a question names none.
const DEFAULT_MODEL: &str = "aaarrr";

impl ModelCatalog {
    /// Makes a catalog.
    #[must_use]
    pub const fn new(models: Vec<Model>) -> Self {
        Self { models }
    }

    /// Returns the models in order.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Returns the model called `id`.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    /// Returns the model used if a question names none: `aaarrr`, or the first model if there is no
    /// `aaarrr`.
    #[must_use]
    pub fn default_model(&self) -> Option<&Model> {
        self.find(DEFAULT_MODEL).or_else(|| self.models.first())
    }

    /// Returns an error text for an id that no model has.
    pub(crate) fn unknown(&self, id: &str) -> String {
        let ids = self.models.iter().map(|model| model.id.as_str());
        let near = did_you_mean(id, ids);
        format!("no model is called `{id}`{near}: {}", self.known())
    }

    /// Returns a sentence that lists the known models.
    pub(crate) fn known(&self) -> String {
        let ids: Vec<&str> = self.models.iter().map(|model| model.id.as_str()).collect();
        format!("there is {}", ids.join(", "))
    }
}

impl Labels {
    /// Returns the text in a language.
    pub(crate) fn told(&self, language: Language) -> &str {
        language.of(&self.en, &self.nl)
    }
}

impl Model {
    /// Returns the stage called `id`.
    #[must_use]
    pub fn stage(&self, id: &str) -> Option<&ModelStage> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Returns the place of the stage at which people arrive, where a visit's channel is known: the
    /// first with the tone `look`, or the model's first.
    #[must_use]
    pub fn arrival(&self) -> usize {
        let looks = |stage: &ModelStage| stage.tone == Some(LOOK);
        self.stages.iter().position(looks).unwrap_or(0)
    }
}
