//! Turns the result of a request into its answer and its name in metrics.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::client_report::{RejectedMessage, WarnedMessage};
use crate::error::{IntakeError, Seconds};
use crate::publication::Published;

/// The status and the code of an error; clients rely on the code.
pub(crate) const fn status_and_code(error: &IntakeError) -> (StatusCode, &'static str) {
    match error {
        IntakeError::EmptyBody => (StatusCode::BAD_REQUEST, "empty_body"),
        IntakeError::BrokenBody => (StatusCode::BAD_REQUEST, "broken_body"),
        IntakeError::MalformedBody { .. } => (StatusCode::BAD_REQUEST, "malformed_json"),
        IntakeError::MalformedGzip => (StatusCode::BAD_REQUEST, "malformed_gzip"),
        IntakeError::MissingBatch => (StatusCode::BAD_REQUEST, "missing_batch"),
        IntakeError::EmptyBatch => (StatusCode::BAD_REQUEST, "empty_batch"),
        IntakeError::NothingValid { .. } => (StatusCode::BAD_REQUEST, "nothing_valid"),
        IntakeError::MissingKey => (StatusCode::UNAUTHORIZED, "missing_key"),
        IntakeError::UnknownKey => (StatusCode::UNAUTHORIZED, "unknown_key"),
        IntakeError::WrongScope => (StatusCode::FORBIDDEN, "wrong_scope"),
        IntakeError::OtherSite => (StatusCode::FORBIDDEN, "other_site"),
        IntakeError::OriginNotAllowed => (StatusCode::FORBIDDEN, "origin_not_allowed"),
        IntakeError::MethodNotAllowed { .. } => {
            (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
        }
        IntakeError::BodyTimeout { .. } => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
        IntakeError::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        IntakeError::CompressedBodyTooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, "compressed_body_too_large")
        }
        IntakeError::TooManyEvents { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_events"),
        IntakeError::UnknownEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_encoding"),
        IntakeError::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        IntakeError::Overloaded | IntakeError::Crowded { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "overloaded")
        }
        IntakeError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        IntakeError::PublishTimeout => (StatusCode::SERVICE_UNAVAILABLE, "publish_timeout"),
        IntakeError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}

/// When a client should retry, if at all.
const fn retry_after(error: &IntakeError) -> Option<std::time::Duration> {
    match error {
        IntakeError::RateLimited { retry_after }
        | IntakeError::Crowded { retry_after }
        | IntakeError::Unavailable { retry_after } => Some(*retry_after),
        IntakeError::Overloaded
        | IntakeError::PublishTimeout
        | IntakeError::Stopping
        | IntakeError::BodyTimeout { .. } => Some(std::time::Duration::from_secs(1)),
        IntakeError::EmptyBody
        | IntakeError::BrokenBody
        | IntakeError::MalformedBody { .. }
        | IntakeError::MalformedGzip
        | IntakeError::MissingBatch
        | IntakeError::EmptyBatch
        | IntakeError::NothingValid { .. }
        | IntakeError::MissingKey
        | IntakeError::UnknownKey
        | IntakeError::WrongScope
        | IntakeError::OtherSite
        | IntakeError::OriginNotAllowed
        | IntakeError::MethodNotAllowed { .. }
        | IntakeError::BodyTooLarge { .. }
        | IntakeError::CompressedBodyTooLarge { .. }
        | IntakeError::TooManyEvents { .. }
        | IntakeError::UnknownEncoding => None,
    }
}

#[derive(Serialize)]
struct Accepted<'a> {
    success: bool,
    accepted: usize,
    rejected: &'a [RejectedMessage],
    #[serde(skip_serializing_if = "is_none")]
    rejected_more: usize,
    #[serde(skip_serializing_if = "<[WarnedMessage]>::is_empty")]
    warnings: &'a [WarnedMessage],
    #[serde(skip_serializing_if = "is_none")]
    warnings_more: usize,
}

#[derive(Serialize)]
struct Refused<'a> {
    success: bool,
    error: ErrorBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<&'a [RejectedMessage]>,
    #[serde(skip_serializing_if = "is_none")]
    rejected_more: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_none(more: &usize) -> bool {
    *more == 0
}

#[derive(Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
}

/// Answers an accepted request.
pub(crate) fn accepted(published: &Published) -> Response {
    Json(Accepted {
        success: true,
        accepted: published.accepted,
        rejected: &published.rejected.first,
        rejected_more: published.rejected.more,
        warnings: &published.warnings.first,
        warnings_more: published.warnings.more,
    })
    .into_response()
}

/// Answers a refused request.
pub(crate) fn refused(error: &IntakeError) -> Response {
    let (status, code) = status_and_code(error);
    let rejected = match error {
        IntakeError::NothingValid { rejected } => Some(rejected),
        _ => None,
    };
    let body = Refused {
        success: false,
        error: ErrorBody {
            code,
            message: error.to_string(),
        },
        accepted: rejected.map(|_| 0),
        rejected: rejected.map(|listed| listed.first.as_slice()),
        rejected_more: rejected.map_or(0, |listed| listed.more),
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    if let Some(duration) = retry_after(error) {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(Seconds::of(&duration).whole()),
        );
    }
    if let IntakeError::MethodNotAllowed { allowed } = error {
        headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    response
}
