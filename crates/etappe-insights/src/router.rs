//! The routes.

use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use etappe_core::ports::{Clock, JourneyStore};
use http::Uri;
use http::header::CONTENT_TYPE;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;

use crate::error::InsightsError;
use crate::handler::method_not_allowed;
use crate::openapi;
use crate::questions;
use crate::state::InsightsState;

/// Path patterns under `/v1/sites` that answer 404 unless another route matches.
const UNKNOWN_PATHS: [&str; 5] = [
    "/v1/sites",
    "/v1/sites/",
    "/v1/sites/{site}",
    "/v1/sites/{site}/",
    "/v1/sites/{site}/{*rest}",
];

/// Returns the API's routes: everything under `/v1/sites/`, and `/openapi.json`.
///
/// It sets no fallback for other paths, so it can be merged with other routers.
pub fn router<S: JourneyStore, C: Clock>(state: InsightsState<S, C>) -> Router {
    let described = questions::register(OpenApiRouter::with_openapi(openapi::frame()));
    let (mut router, document) = described.split_for_parts();
    let document = openapi::to_json(&document);
    let description = get(move || async move { ([(CONTENT_TYPE, "application/json")], document) });
    router = router.route("/openapi.json", description.fallback(method_not_allowed));
    for path in UNKNOWN_PATHS {
        router = router.route(path, any(no_such_route));
    }
    router
        // A route layer leaves the paths of merged routers alone.
        .route_layer(from_fn_with_state(state.clone(), observe::<S, C>))
        .with_state(state)
}

async fn no_such_route(_uri: Uri) -> InsightsError {
    InsightsError::NoSuchRoute
}

/// Counts a request and logs failures that need an operator.
async fn observe<S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    let took: Duration = started.elapsed();
    let route = path.as_ref().map_or("", MatchedPath::as_str);
    state
        .parts()
        .metrics
        .record_request(route, response.status().as_u16(), took);
    response
}
