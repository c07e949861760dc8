//! Serves the pixel: always the image, whatever happens to its event.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use etappe_core::ports::{Clock, EventPublisher};
use etappe_wire::pixel::{GIF, PixelQuery};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use tokio::time::Instant;

use crate::access::Access;
use crate::chunk::Chunk;
use crate::collector::Collector;
use crate::cors::CorsRequest;
use crate::error::IntakeError;
use crate::publication::{PublishOutcome, limits, note, publish, too_large};
use crate::refused_request::note_unknown_sender;
use crate::response::{refused, status_and_code};
use crate::sender::Sender;

const METHODS: &str = "GET, HEAD, OPTIONS";

/// The endpoint's name in metrics.
const ENDPOINT: &str = "pixel";

/// Answers a request for the pixel.
pub(crate) async fn pixel<P: EventPublisher, C: Clock>(
    State(collector): State<Arc<Collector<P, C>>>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, _) = request.into_parts();
    let cors = CorsRequest::of(&parts.headers);
    match parts.method {
        Method::OPTIONS => return cors.preflight(METHODS),
        // Mail scanners use HEAD to check that the image exists; no person saw it.
        Method::HEAD => return cors.allow(image()),
        Method::GET => {}
        _ => {
            let error = IntakeError::MethodNotAllowed { allowed: METHODS };
            collector
                .metrics
                .count_request(ENDPOINT, status_and_code(&error).1, started);
            return cors.allow(refused(&error));
        }
    }
    let result = match take_pixel(&collector, &parts).await {
        Ok(()) => "ok",
        Err(error) => {
            note_unknown_sender(&collector, &error);
            status_and_code(&error).1
        }
    };
    collector.metrics.count_request(ENDPOINT, result, started);
    cors.allow(image())
}

async fn take_pixel<P: EventPublisher, C: Clock>(
    collector: &Collector<P, C>,
    parts: &Parts,
) -> Result<(), IntakeError> {
    let query = PixelQuery::parse(parts.uri.query().unwrap_or_default());
    let key = query.write_key().ok_or(IntakeError::MissingKey)?;
    let access = Access::to_pixel(&collector.sites, key)?;
    access.check_rate()?;
    collector
        .admission
        .admit_site((&collector.sites, &access.traffic), 0, &collector.publisher)?;
    access.take_from_rate(1);
    let received = collector.receptions.begin(&collector.clock);
    let traffic = Arc::clone(&access.traffic);
    let reception = Sender::of(parts, &collector.config).reception(access, received.at());
    let limits = limits(&collector.config);
    let mut chunk = Chunk::default();
    match query.message(&reception, &limits) {
        Ok(message) => chunk.add(0, &message, &reception),
        Err(rejection) => chunk.reject(0, &rejection, &reception),
    }
    let outcomes = publish(collector, &traffic, chunk.take_records()).await?;
    if outcomes.contains(&PublishOutcome::TooLarge) {
        let message = query.message(&reception, &limits);
        let rejection = too_large(message, parts.uri.query().map_or(0, str::len));
        chunk.reject(0, &rejection, &reception);
    }
    let rejected = note(collector, &traffic, chunk).rejected;
    if !rejected.is_empty() {
        return Err(IntakeError::NothingValid { rejected });
    }
    traffic.sending.record_accepted(collector.clock.now());
    collector
        .metrics
        .accepted
        .with_label_values(&[ENDPOINT])
        .inc();
    Ok(())
}

fn image() -> Response {
    let mut response = Response::new(Body::from(Bytes::from_static(GIF)));
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "image/gif"),
        (
            header::CACHE_CONTROL,
            "no-store, no-cache, must-revalidate, private, max-age=0",
        ),
        (header::PRAGMA, "no-cache"),
        (header::EXPIRES, "0"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
