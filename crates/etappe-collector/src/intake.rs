//! Handles one request of the native protocol, from its head to its answer.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use etappe_core::event::EventKind;
use etappe_core::ports::{Clock, EventPublisher};
use etappe_wire::native::{Body, BodyError, truncate_address};
use http::request::Parts;
use http::{Method, header};
use tokio::time::Instant;

use crate::access::{Access, basic_key};
use crate::budget::{Holder, Lease};
use crate::chunk::CHUNK_BYTES;
use crate::client_report::{ENTRY_BYTES, LISTED};
use crate::collector::Collector;
use crate::cors::CorsRequest;
use crate::error::IntakeError;
use crate::inflate::{InflateError, inflate, is_gzip, stated_size};
use crate::publication::{Published, publish_body, run_blocking_if_large};
use crate::refused_request::RefusedRequest;
use crate::request_body::RequestBody;
use crate::response::{accepted, refused, status_and_code};
use crate::sender::Sender;
use crate::site_traffic::SiteTraffic;

const METHODS: &str = "POST, OPTIONS";

/// What a path accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A single message of a kind.
    Message(EventKind),
    /// A batch.
    Batch,
    /// A batch sent while a page unloads: its key is in the query.
    Beacon,
}

impl Endpoint {
    /// Returns the name used in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Batch | Self::Beacon => "batch",
        }
    }
}

/// The known state of a request of the native protocol.
struct RequestState<'a> {
    endpoint: Endpoint,
    parts: &'a Parts,
    cors: &'a CorsRequest,
    /// The site, once its key has been checked, so that its owner can see refusals.
    site: Option<Arc<SiteTraffic>>,
    /// The size of the body.
    bytes: usize,
}

/// Answers a request to `endpoint`.
pub(crate) async fn intake<P: EventPublisher, C: Clock>(
    collector: &Collector<P, C>,
    endpoint: Endpoint,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let cors = CorsRequest::of(&parts.headers);
    if parts.method == Method::OPTIONS {
        return cors.preflight(METHODS);
    }
    let mut body = RequestBody::new(body);
    let mut sending = RequestState {
        endpoint,
        parts: &parts,
        cors: &cors,
        site: None,
        bytes: 0,
    };
    let outcome = receive(collector, &mut sending, &mut body).await;
    let (result, response) = match &outcome {
        Ok(published) => ("ok", accepted(published)),
        Err(error) => {
            note_refusal(collector, &sending, error);
            body.discard(parts.headers.contains_key(header::EXPECT))
                .await;
            (status_and_code(error).1, refused(error))
        }
    };
    collector
        .metrics
        .count_request(endpoint.as_str(), result, started);
    cors.allow(response)
}

async fn receive<P: EventPublisher, C: Clock>(
    collector: &Collector<P, C>,
    sending: &mut RequestState<'_>,
    body: &mut RequestBody,
) -> Result<Published, IntakeError> {
    let parts = sending.parts;
    if parts.method != Method::POST {
        return Err(IntakeError::MethodNotAllowed { allowed: METHODS });
    }
    check_encoding(parts)?;
    let sender = Sender::of(parts, &collector.config);
    let length = stated_length(parts);
    let mut access = None;
    if let Some(key) = stated_key(sending.endpoint, parts)? {
        access = Some(admit(collector, &key, sending, length.unwrap_or(0))?);
    }
    let holder = match &access {
        Some(access) => access.holder(),
        None => {
            let network = Holder::Network(sender.address().map(truncate_address));
            collector.admission.admit(&network)?;
            network
        }
    };
    let mut lease = collector.budget.lease(holder);
    let bytes = body.read(&collector.config, length, &mut lease).await?;
    collector
        .metrics
        .received_bytes
        .inc_by(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    sending.bytes = bytes.len();
    let received = collector.receptions.begin(&collector.clock);
    let admission = &collector.admission;
    let turn = admission.turn_to_work(lease.holder(), bytes.len()).await;
    let body = decode_body(collector, sending.endpoint, bytes, &mut lease).await?;
    let access = match access {
        Some(access) => access,
        None => {
            let key = body.write_key().ok_or(IntakeError::MissingKey)?;
            let access = admit(collector, key, sending, sending.bytes)?;
            lease
                .move_to(access.holder())
                .map_err(|_| IntakeError::Overloaded)?;
            access
        }
    };
    if body.is_empty() {
        return Err(IntakeError::EmptyBatch);
    }
    access.take_from_rate(body.len());
    let traffic = Arc::clone(&access.traffic);
    let reception = sender.reception(access, received.at());
    let endpoint = sending.endpoint.as_str();
    let published = publish_body(collector, &traffic, (body, turn), reception, endpoint).await?;
    if published.accepted == 0 {
        return Err(IntakeError::NothingValid {
            rejected: published.rejected,
        });
    }
    Ok(published)
}

/// Checks a key, its origin, its site's rate and its site's share under overload.
fn admit<P: EventPublisher, C>(
    collector: &Collector<P, C>,
    key: &str,
    sending: &mut RequestState<'_>,
    bytes: usize,
) -> Result<Access, IntakeError> {
    let access = Access::to_messages(&collector.sites, key, sending.cors.origin());
    let access = access.inspect_err(|_| sending.site = collector.sites.traffic_of_key(key))?;
    access.expect_site(&sending.parts.headers)?;
    sending.site = Some(Arc::clone(&access.traffic));
    access.check_rate()?;
    collector.admission.admit_site(
        (&collector.sites, &access.traffic),
        bytes,
        &collector.publisher,
    )?;
    Ok(access)
}

/// Decompresses a body if necessary and finds its messages. Large bodies are processed off the
/// async workers.
async fn decode_body<P, C>(
    collector: &Collector<P, C>,
    endpoint: Endpoint,
    bytes: Vec<u8>,
    lease: &mut Lease,
) -> Result<Body, IntakeError> {
    let (least, most) = if is_gzip(&bytes) {
        let limit = collector.config.body_bytes;
        (stated_size(&bytes).min(limit), limit)
    } else {
        (0, 0)
    };
    let batch_limit = collector.config.batch_events;
    let mut job = DecodeJob::new(endpoint, bytes, batch_limit, least);
    let mut outcome;
    loop {
        lease
            .resize(job.memory())
            .map_err(|_| IntakeError::Overloaded)?;
        (job, outcome) = run_blocking_if_large(job.size(), move || job.run()).await?;
        // The body is larger than it states or than is allowed.
        if !matches!(outcome, Err(IntakeError::BodyTooLarge { .. })) || job.limit == most {
            break;
        }
        job.limit = most;
    }
    let body = outcome?;
    collector
        .metrics
        .decoded_bytes
        .inc_by(u64::try_from(body.text_bytes()).unwrap_or(u64::MAX));
    let records = body.text_bytes().min(CHUNK_BYTES) * 2;
    let answer = body.len().min(2 * LISTED) * ENTRY_BYTES;
    lease
        .resize(body.memory() + records + answer)
        .map_err(|_| IntakeError::Overloaded)?;
    Ok(body)
}

/// Records a refused request for its site's owner.
fn note_refusal<P, C: Clock>(
    collector: &Collector<P, C>,
    sending: &RequestState<'_>,
    error: &IntakeError,
) {
    if matches!(error, IntakeError::NothingValid { .. }) {
        // The messages are noted one by one.
        return;
    }
    let refused = RefusedRequest {
        error,
        kind: match sending.endpoint {
            Endpoint::Message(kind) => Some(kind.as_str()),
            Endpoint::Batch | Endpoint::Beacon => None,
        },
        origin: sending.cors.origin(),
        bytes: sending.bytes,
    };
    refused.note(collector, sending.site.as_deref());
}

/// A body that is to be decoded.
struct DecodeJob {
    endpoint: Endpoint,
    bytes: Vec<u8>,
    batch_limit: usize,
    /// The maximum decompressed size.
    limit: usize,
}

impl DecodeJob {
    const fn new(endpoint: Endpoint, bytes: Vec<u8>, batch_limit: usize, limit: usize) -> Self {
        Self {
            endpoint,
            bytes,
            batch_limit,
            limit,
        }
    }

    /// Returns how much memory decoding needs.
    fn memory(&self) -> usize {
        self.bytes.len() + self.limit
    }

    /// Returns how many bytes will be processed.
    fn size(&self) -> usize {
        self.bytes.len().max(self.limit)
    }

    fn run(mut self) -> (Self, Result<Body, IntakeError>) {
        let text = if is_gzip(&self.bytes) {
            match inflate(&self.bytes, self.limit) {
                Ok(text) => text,
                Err(InflateError::TooLarge) => {
                    let limit = self.limit;
                    return (self, Err(IntakeError::BodyTooLarge { limit }));
                }
                Err(InflateError::Malformed) => return (self, Err(IntakeError::MalformedGzip)),
            }
        } else {
            std::mem::take(&mut self.bytes)
        };
        let body = parse(self.endpoint, text, self.batch_limit);
        (self, body.map_err(IntakeError::from))
    }
}

fn parse(endpoint: Endpoint, text: Vec<u8>, batch_limit: usize) -> Result<Body, BodyError> {
    match endpoint {
        Endpoint::Message(kind) => Body::of_message(text, kind),
        Endpoint::Batch | Endpoint::Beacon => Body::of_batch(text, batch_limit),
    }
}

/// Returns the key given outside the body, if there is one.
fn stated_key(endpoint: Endpoint, parts: &Parts) -> Result<Option<String>, IntakeError> {
    if let Some(key) = basic_key(&parts.headers)? {
        return Ok(Some(key));
    }
    match endpoint {
        Endpoint::Beacon => {
            let query =
                etappe_wire::pixel::PixelQuery::parse(parts.uri.query().unwrap_or_default());
            Ok(query.write_key().map(str::to_owned))
        }
        Endpoint::Message(_) | Endpoint::Batch => Ok(None),
    }
}

fn stated_length(parts: &Parts) -> Option<usize> {
    parts
        .headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Refuses an encoding other than gzip. Whether a body is gzip is then detected from its first
/// bytes.
fn check_encoding(parts: &Parts) -> Result<(), IntakeError> {
    let mut codings = parts.headers.get_all(header::CONTENT_ENCODING).iter();
    let is_known = |coding: &http::HeaderValue| {
        let name = coding.to_str().unwrap_or("?").trim();
        ["", "identity", "gzip", "x-gzip"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    if codings.all(is_known) {
        Ok(())
    } else {
        Err(IntakeError::UnknownEncoding)
    }
}
