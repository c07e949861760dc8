//! `GET …/models`: the journey models and their stages.

use axum::extract::{Query, State};
use axum::response::Response;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Access;
use crate::catalog::Model;
use crate::error::InsightsError;
use crate::field::Problems;
use crate::parameter::Parameters;
use crate::response::{Problem, answer};
use crate::state::InsightsState;

/// The journey models.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelsAnswer<'a> {
    /// What the models' figures count.
    unit: &'static str,
    /// The site's time zone.
    timezone: &'a str,
    /// The watermark.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The models.
    models: &'a [Model],
}

/// Lists the journey models.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/models",
    tag = "questions",
    params(("site" = String, Path, description = "The site's name.", example = "demo")),
    responses(
        (status = 200, description = "The models, with their stages in order.", body = ModelsAnswer),
        (status = 401, description = "No token, or an unknown one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token reads another site.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The question is invalid.", body = Problem, content_type = "application/problem+json"),
    ),
    security(("read_token" = [])),
)]
pub(crate) async fn list_models<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    access: Access,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, InsightsError> {
    let mut problems = Problems::default();
    Parameters::new(pairs).finish(&mut problems);
    problems.into_result()?;
    Ok(answer(&ModelsAnswer {
        unit: "actor",
        timezone: &access.settings.timezone,
        as_of: state.as_of(),
        models: state.parts().catalog.models(),
    }))
}
