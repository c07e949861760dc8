//! The server's own answers: problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::host::BadHost;

/// Answers a path that no route matches.
pub(super) async fn no_such_path() -> Response {
    let detail = "there is nothing at this path";
    problem(StatusCode::NOT_FOUND, ("not-found", "Not found"), detail)
}

/// Answers a request that does not state its host exactly once.
pub(super) fn bad_host(error: BadHost) -> Response {
    let kind = ("bad-host", "Bad host");
    let mut response = problem(StatusCode::BAD_REQUEST, kind, &error.to_string());
    close(&mut response);
    response
}

/// Answers a request whose body did not arrive in time.
pub(super) fn body_timed_out(limit: std::time::Duration) -> Response {
    let detail = format!(
        "the body did not arrive within {} s: send it again, faster or smaller",
        limit.as_secs().max(1)
    );
    let kind = ("body-timeout", "The body took too long");
    let mut response = problem(StatusCode::REQUEST_TIMEOUT, kind, &detail);
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    close(&mut response);
    response
}

fn close(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}

fn problem(status: StatusCode, (kind, title): (&str, &str), detail: &str) -> Response {
    let body = json!({
        "type": format!("urn:etappe:problem:{kind}"),
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    let headers = [
        (CONTENT_TYPE, "application/problem+json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}
