//! Converts errors to problem details (RFC 9457), and answers to JSON or CSV.

use axum::response::{IntoResponse, Response};
use etappe_core::ports::Cost;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::error::{FieldProblem, InsightsError};

/// Why a question was not answered (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:etappe:problem:invalid-question")]
    kind: String,
    /// The kind of problem in words.
    #[schema(example = "The question is invalid")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// An explanation of this occurrence.
    #[schema(example = "the question has 1 problem")]
    detail: String,
    /// Every invalid field; absent if no field is invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem>,
}

/// Returns an error's status, the end of its type's URN, and its title.
const fn kind(error: &InsightsError) -> (StatusCode, &'static str, &'static str) {
    use InsightsError as E;
    use StatusCode as S;
    match error {
        E::MissingToken => (S::UNAUTHORIZED, "missing-token", "No token"),
        E::UnreadableToken(_) => (S::UNAUTHORIZED, "unreadable-token", "Unreadable token"),
        E::UnknownToken => (S::UNAUTHORIZED, "unknown-token", "Unknown token"),
        E::SessionOver => (S::UNAUTHORIZED, "session-over", "Session over"),
        E::LinkOver => (S::UNAUTHORIZED, "link-over", "Link over"),
        E::NotShared | E::OtherDays(_) => (S::FORBIDDEN, "not-shared", "Not shared"),
        E::WrongSite => (S::FORBIDDEN, "wrong-site", "Not your site"),
        E::NoSuchRoute => (S::NOT_FOUND, "not-found", "Not found"),
        E::MethodNotAllowed(_) => (
            S::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
        ),
        E::UnknownActor(_) => (S::NOT_FOUND, "unknown-actor", "Unknown actor"),
        E::MalformedPath => (S::BAD_REQUEST, "malformed-path", "Malformed path"),
        E::MalformedJson(_) => (S::BAD_REQUEST, "malformed-json", "Malformed JSON"),
        E::BrokenBody => (S::BAD_REQUEST, "broken-body", "Broken body"),
        E::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large"),
        E::InvalidQuestion(_) => (
            S::UNPROCESSABLE_ENTITY,
            "invalid-question",
            "The question is invalid",
        ),
        E::TooCostly(Cost::Time) => (S::GATEWAY_TIMEOUT, "timeout", "Took too long"),
        E::TooCostly(Cost::Rows | Cost::Bytes | Cost::Memory)
        | E::AnswerTooLarge
        | E::SearchTooLarge(_) => (
            S::UNPROCESSABLE_ENTITY,
            "question-too-large",
            "The question is too large",
        ),
        E::BodyTimedOut(_) => (S::REQUEST_TIMEOUT, "body-timeout", "The body took too long"),
        E::Busy | E::SiteBusy { .. } | E::TooManyStreams { .. } => {
            (S::SERVICE_UNAVAILABLE, "busy", "Busy")
        }
        E::Timeout { .. } => (S::GATEWAY_TIMEOUT, "timeout", "Took too long"),
        E::StoreUnavailable(_) => (
            S::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "The store is unavailable",
        ),
        E::StoreFailed(_) => (S::INTERNAL_SERVER_ERROR, "store-failed", "The store failed"),
    }
}

impl IntoResponse for InsightsError {
    fn into_response(self) -> Response {
        log_failure(&self);
        let (status, kind, title) = kind(&self);
        let detail = self.to_string();
        let errors = match self {
            Self::InvalidQuestion(errors) => errors,
            _ => Vec::new(),
        };
        let problem = Problem {
            kind: format!("urn:etappe:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail,
            errors,
        };
        let mut response = json(status, &problem, "application/problem+json");
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"etappe\""),
            );
        }
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::REQUEST_TIMEOUT
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// Logs failures that need an operator. Client errors are not logged.
fn log_failure(error: &InsightsError) {
    match error {
        InsightsError::StoreFailed(source) => {
            tracing::error!(
                error = source.as_ref(),
                "the store could not answer a question"
            );
        }
        InsightsError::StoreUnavailable(source) => {
            tracing::warn!(
                error = source.as_ref(),
                "the store is unavailable, a question was refused"
            );
        }
        InsightsError::Timeout { seconds } => {
            tracing::warn!(seconds, "a question took too long");
        }
        InsightsError::TooCostly(cost) => {
            tracing::info!(?cost, "a question was aborted: its cost exceeds the limit");
        }
        _ => {}
    }
}

/// Returns an answer as JSON.
pub(crate) fn answer_json<T: Serialize>(answer: &T) -> Response {
    json(StatusCode::OK, answer, "application/json")
}

/// Returns an answer as CSV.
pub(crate) fn answer_csv(table: CsvTable) -> Response {
    let content_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    (
        [(CONTENT_TYPE, content_type), no_store()],
        table.into_text(),
    )
        .into_response()
}

fn json<T: Serialize>(status: StatusCode, body: &T, content_type: &'static str) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let content_type = HeaderValue::from_static(content_type);
            (status, [(CONTENT_TYPE, content_type), no_store()], bytes).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as json");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Forbids caching: answers are personal data and change every second.
const fn no_store() -> (http::HeaderName, HeaderValue) {
    (CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// Returns whether CSV comes before JSON or has a higher weight.
pub(crate) fn prefers_csv(headers: &HeaderMap) -> bool {
    let mut best = (0.0, false);
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let is_csv = match parts
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "text/csv" => true,
            "application/json" | "application/*" | "*/*" => false,
            _ => continue,
        };
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .and_then(|weight| weight.parse::<f64>().ok())
            .unwrap_or(1.0);
        if weight > best.0 {
            best = (weight, is_csv);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_sent_to_clients_that_prefer_it() {
        let cases = [
            ("text/csv", true),
            ("TEXT/CSV; header=present", true),
            ("text/csv, application/json", true),
            ("application/json, text/csv", false),
            ("text/csv;q=0.5, application/json", false),
            ("text/csv;q=0.9, */*;q=0.1", true),
            ("*/*", false),
            ("text/html", false),
            ("", false),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_csv(&headers), expected, "{accept}");
        }
    }
}
