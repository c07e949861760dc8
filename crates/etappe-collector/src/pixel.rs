//! Serves the pixel: always the image, whatever happens to its event.

use axum::body::Body;
use axum::extract::Request;
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
use crate::publication::{PublishOutcome, too_large};
use crate::response::{refused, status_and_code};

const METHODS: &str = "GET, HEAD, OPTIONS";

/// The endpoint's name in metrics.
const ENDPOINT: &str = "pixel";

impl<P: EventPublisher, C: Clock> Collector<P, C> {
    /// Answers a request for the pixel.
    pub(crate) async fn pixel(&self, request: Request) -> Response {
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
                self.count_request(ENDPOINT, status_and_code(&error).1, started);
                return cors.allow(refused(&error));
            }
        }
        let result = match self.take_pixel(&parts).await {
            Ok(()) => "ok",
            Err(error) => status_and_code(&error).1,
        };
        self.count_request(ENDPOINT, result, started);
        cors.allow(image())
    }

    async fn take_pixel(&self, parts: &Parts) -> Result<(), IntakeError> {
        let query = PixelQuery::parse(parts.uri.query().unwrap_or_default());
        let key = query.write_key().ok_or(IntakeError::MissingKey)?;
        let access = Access::to_pixel(&self.sites(), key)?;
        self.check_rate(&access)?;
        self.admission
            .admit_site(&access.site, 0, &self.publisher)?;
        self.take_from_rate(&access, 1);
        let received = self.receptions.begin(&self.clock);
        let reception = self.reception(access, parts, received.at());
        let limits = self.limits();
        let mut chunk = Chunk::default();
        match query.message(&reception, &limits) {
            Ok(message) => chunk.add(0, &message, &reception),
            Err(rejection) => chunk.reject(0, &rejection, &reception),
        }
        let outcomes = self.publish(&reception.site, chunk.take_records()).await?;
        if outcomes.contains(&PublishOutcome::TooLarge) {
            let message = query.message(&reception, &limits);
            let rejection = too_large(message, parts.uri.query().map_or(0, str::len));
            chunk.reject(0, &rejection, &reception);
        }
        let rejected = self.note(&reception.site, chunk).rejected;
        if !rejected.is_empty() {
            return Err(IntakeError::NothingValid { rejected });
        }
        self.metrics.accepted.with_label_values(&[ENDPOINT]).inc();
        Ok(())
    }
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
