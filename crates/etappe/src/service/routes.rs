//! Assigns routes to addresses.

use std::sync::{Arc, OnceLock};

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use etappe_collector::Collector;
use etappe_core::ports::Clock;
use etappe_core::rules::{self, Tone};
use etappe_core::site::SiteDirectory;
use etappe_core::watermark::Watermark;
use etappe_insights::catalog::{Labels, Model, ModelCatalog, ModelStage, Phrase, Phrases};
use etappe_insights::kpi_gauge::KpiGauges;
use etappe_insights::metrics::InsightsMetrics;
use etappe_insights::state::{InsightsParts, InsightsState};
use etappe_log::medium::Publisher;
use etappe_log::sites::SiteStore;
use etappe_runtime::authorization::{bearer_token, session_token};
use etappe_runtime::background::BackgroundHandle;
use etappe_runtime::clock::SystemClock;
use etappe_warehouse::Warehouse;
use etappe_web::metrics::WebMetrics;
use etappe_web::oidc::Oidc;
use etappe_web::practice::PracticeSite;
use etappe_web::{WebParts, WebState};
use serde_json::json;
use tokio::sync::watch;
use tower::ServiceExt;

use super::Service;
use super::front_page::{self, Purpose};
use super::journeys::{self, JourneysPlace};
use super::practice::PracticeMaker;

/// The admin address of every process: metrics and health.
pub(crate) fn admin(service: &Service) -> Router {
    etappe_runtime::admin::router(service.registry.clone(), service.health.clone())
}

/// Routes of an address that is served before their dependencies exist.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaterRoutes(Arc<OnceLock<Router>>);

impl LaterRoutes {
    /// Returns a router that forwards every request under `/control` to the routes, once they
    /// exist.
    pub(crate) fn router(&self) -> Router {
        let later = self.clone();
        let hand_on = async move |request: Request| match later.0.get() {
            Some(router) => match router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            None => {
                let reason = "Etappe is still starting: /readyz shows what it waits for";
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    Json(json!({ "error": reason })),
                )
                    .into_response()
            }
        };
        Router::new().route("/control/{*path}", any(hand_on))
    }

    /// Installs the routes permanently.
    pub(crate) fn open(&self, router: Router) {
        // They are installed once.
        self.0.set(router).ok();
    }
}

/// The routes that receive events.
pub(crate) fn intake(
    collector: &Arc<Collector<Publisher, SystemClock>>,
    sites: &SiteStore,
) -> Router {
    let rejections = etappe_collector::owner_router(Arc::clone(collector))
        // Not on other paths, which name no site.
        .route_layer(middleware::from_fn_with_state(
            sites.subscribe(),
            readers_only,
        ));
    etappe_collector::router(Arc::clone(collector)).merge(rejections)
}

/// The routes of the KPI API. Queries run on separate threads, over separate connections.
/// `journeys` says where the journey index is kept, if anywhere.
pub(crate) fn insights(
    service: &Service,
    (warehouse, watermark): (Warehouse, Watermark),
    sites: &SiteStore,
    journeys: Option<JourneysPlace>,
) -> anyhow::Result<Router> {
    let warehouse = warehouse.with_own_connections()?;
    let store = journeys::indexed(service, warehouse, &watermark, journeys)?;
    let insights = InsightsState::new(InsightsParts {
        store: Arc::new(store),
        clock: Arc::new(service.clock),
        sites: sites.subscribe(),
        watermark,
        catalog: Arc::new(catalog(service)),
        rules: Arc::clone(&service.rules),
        config: service.config.insights.clone(),
        metrics: InsightsMetrics::register(&service.registry)?,
    });
    let threads = service.questions.handle();
    let gauges = KpiGauges::new(insights.clone()).run(service.shutdown.token());
    service.tasks.spawn(threads.spawn(gauges));
    let router = etappe_insights::router::router(insights);
    Ok(router.route_layer(middleware::from_fn_with_state(threads, in_background)))
}

/// What people open in a browser: the web interface, and the front page of an address.
pub(crate) fn web(
    service: &Service,
    sites: &Arc<SiteStore>,
    purpose: Purpose,
    practice: Option<PracticeMaker>,
) -> anyhow::Result<Router> {
    let practice = practice.map(|maker| Arc::new(maker) as Arc<dyn PracticeSite>);
    let state = WebState::new(WebParts {
        accounts: Arc::clone(sites),
        clock: service.clock,
        directory: sites.subscribe(),
        trusted_proxies: service.config.collector.trusted_proxies,
        metrics: WebMetrics::register(&service.registry)?,
        oidc: Oidc::try_new(&service.config.oidc, &service.config.web)?,
        practice,
    });
    Ok(etappe_web::router::router(state).merge(front_page::router(purpose)))
}

/// Answers a request on background threads; a disconnect cancels it.
async fn in_background(
    State(threads): State<BackgroundHandle>,
    request: Request,
    next: Next,
) -> Response {
    let answer = threads.spawn(async move { next.run(request).await });
    answer.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a question could not be answered");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// Admits requests to `/v1/sites/{site}/…` only from those who may read that site.
async fn readers_only(
    State(directory): State<watch::Receiver<Arc<SiteDirectory>>>,
    Path(site): Path<String>,
    request: Request,
    next: Next,
) -> Response {
    let directory = Arc::clone(&directory.borrow());
    if may_read(&directory, request.headers(), &site) {
        return next.run(request).await;
    }
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, "Bearer")],
    )
        .into_response()
}

/// Returns whether a request has a read token of the site, or the session of a person with a role
/// there.
fn may_read(directory: &SiteDirectory, headers: &HeaderMap, site: &str) -> bool {
    match bearer_token(headers) {
        Ok(Some(token)) => {
            let own = directory.reader(token);
            own.is_some_and(|own| own.id.as_str() == site)
        }
        Ok(None) => session_token(headers)
            .and_then(|token| directory.accounts().signed_in(token, SystemClock.now()))
            .is_some_and(|(user, _)| directory.site_of(user, site).is_some()),
        // As on the API's other addresses, what cannot be read opens nothing.
        Err(_) => false,
    }
}

/// Returns a stage's own phrases in the API's format, if it has any.
fn phrases(phrases: &rules::Phrases) -> Option<Phrases> {
    let shown = |phrase: &rules::Phrase| Phrase {
        past: phrase.past.to_string(),
        who: phrase.who.to_string(),
        does: phrase.does.to_string(),
    };
    let (en, nl) = (phrases.en.as_ref(), phrases.nl.as_ref());
    (en.is_some() || nl.is_some()).then(|| Phrases {
        en: en.map(shown),
        nl: nl.map(shown),
    })
}

/// Returns the models in the API's format.
fn catalog(service: &Service) -> ModelCatalog {
    let labels = |labels: &etappe_core::rules::Labels| Labels {
        en: labels.en.to_string(),
        nl: labels.nl.to_string(),
    };
    let models = service.rules.models().iter().map(|model| Model {
        id: model.id.to_string(),
        labels: labels(&model.labels),
        version: model.version.to_string(),
        stages: model
            .stages
            .iter()
            .map(|stage| ModelStage {
                id: stage.id.to_string(),
                labels: labels(&stage.labels),
                tone: stage.tone.map(Tone::as_str),
                phrases: phrases(&stage.phrases),
                gate: stage.gate,
                own_hit: stage.own_hit,
                ordinal: stage.ordinal.into(),
            })
            .collect(),
    });
    ModelCatalog::new(models.collect())
}
