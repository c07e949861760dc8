//! The OpenAPI document, generated from the routes' annotations.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// All routes with their parameters, bodies and answers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Etappe",
        description = "Questions about customer journeys: how far people get, how long each step takes, what they are worth, whom they bring.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        crate::funnel::ask_funnel,
        crate::stage::show_stages,
        crate::kpi::show_kpis,
        crate::referral::show_referrals,
        crate::model::list_models,
        crate::unmapped::list_unmapped,
        crate::actor::show_actor,
    ),
    tags((name = "questions", description = "Answers state their unit, time zone, watermark and the counts behind each rate.")),
    modifiers(&ReadToken),
)]
pub(crate) struct Api;

/// Describes authentication with a read token.
struct ReadToken;

impl Modify for ReadToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The site's read token."))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("read_token", SecurityScheme::Http(scheme));
    }
}

/// Returns the OpenAPI document as JSON.
pub(crate) fn document() -> String {
    Api::openapi().to_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the description of the api could not be written");
        "{}".to_owned()
    })
}
