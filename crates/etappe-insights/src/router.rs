//! The routes.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, any, get, on};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_runtime::http_server::BodyTimedOut;
use http::header::CONTENT_TYPE;
use http::{Method, Uri};
use tokio::time::Instant;
use utoipa_axum::PathItemExt;

use crate::error::InsightsError;
use crate::state::InsightsState;
use crate::{actor, exact_json, funnel, kpi, model, openapi, referral, stage, unmapped};

/// Path patterns under `/v1/sites` that answer 404 unless another route matches.
const NOTHING_THERE: [&str; 5] = [
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
    let document = openapi::document();
    let description = get(move || async move { ([(CONTENT_TYPE, "application/json")], document) });
    let mut router = Router::new().route("/openapi.json", description.fallback(method_not_allowed));
    for path in NOTHING_THERE {
        router = router.route(path, any(no_such_route));
    }
    let router = route::<funnel::__path_ask_funnel, _, _, _>(router, funnel::ask_funnel::<S, C>);
    let router = route::<stage::__path_show_stages, _, _, _>(router, stage::show_stages::<S, C>);
    let router = route::<kpi::__path_show_kpis, _, _, _>(router, kpi::show_kpis::<S, C>);
    let router =
        route::<referral::__path_show_referrals, _, _, _>(router, referral::show_referrals::<S, C>);
    let router = route::<model::__path_list_models, _, _, _>(router, model::list_models::<S, C>);
    let router =
        route::<unmapped::__path_list_unmapped, _, _, _>(router, unmapped::list_unmapped::<S, C>);
    let router = route::<actor::__path_show_actor, _, _, _>(router, actor::show_actor::<S, C>);
    router
        // A route layer leaves the paths of merged routers alone.
        .route_layer(from_fn_with_state(state.clone(), observe::<S, C>))
        .with_state(state)
}

/// Adds a route with the path and methods of its OpenAPI annotation.
fn route<P: utoipa::Path, St, H, T>(router: Router<St>, handler: H) -> Router<St>
where
    St: Clone + Send + Sync + 'static,
    H: Handler<T, St>,
    T: 'static,
{
    let methods = P::methods()
        .iter()
        .map(PathItemExt::to_method_filter)
        .reduce(MethodFilter::or);
    let answering: MethodRouter<St> = match methods {
        Some(methods) => on(methods, handler),
        None => MethodRouter::new(),
    };
    router.route(&P::path(), answering.fallback(method_not_allowed))
}

async fn no_such_route(_uri: Uri) -> InsightsError {
    InsightsError::NoSuchRoute
}

async fn method_not_allowed(method: Method) -> InsightsError {
    InsightsError::MethodNotAllowed(method)
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

/// Reads a body of at most `limit` bytes as JSON, regardless of its content type.
pub(crate) async fn read_json(
    body: Body,
    limit: usize,
) -> Result<serde_json::Value, InsightsError> {
    let bytes = to_bytes(body, limit).await.map_err(|error| {
        if let Some(timed_out) = BodyTimedOut::find(&error) {
            return InsightsError::BodyTimedOut(timed_out);
        }
        let cause = std::error::Error::source(&error);
        if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
            InsightsError::BodyTooLarge { limit }
        } else {
            InsightsError::BrokenBody
        }
    })?;
    exact_json::parse(&bytes).map_err(InsightsError::MalformedJson)
}
