//! `GET …/models`: the journey models and their stages.

use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::Model;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::state::InsightsParts;

/// The question for the journey models.
pub(crate) struct Models {
    timezone: String,
    as_of: Timestamp,
}

/// The journey models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelsAnswer {
    /// The models, with their stages in order.
    models: Vec<Model>,
}

impl Answer for ModelsAnswer {}

impl Question for Models {
    type Answer = ModelsAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "models";
    const SUMMARY: &'static str = "Lists the journey models.";
    const DESCRIPTION: &'static str = "";
    const PARAMETERS: &'static [&'static [Parameter]] = &[];
    const HAS_RANGE: bool = false;
    const ASKS_STORE: bool = false;
    const IN_SHARES: bool = true;

    fn read(_: &mut Fields, request: &RequestInfo<'_>, _: &mut Problems) -> Option<Self> {
        Some(Self {
            timezone: request.access.settings.timezone.clone(),
            as_of: request.as_of,
        })
    }

    fn frame(&self) -> Frame {
        Frame::of_actors(self.timezone.clone(), self.as_of)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<ModelsAnswer, InsightsError> {
        Ok(ModelsAnswer {
            models: parts.catalog.models().to_vec(),
        })
    }
}
