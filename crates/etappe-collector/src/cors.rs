//! CORS: lets scripts of other origins send events and read the answers.
//!
//! The origin is echoed instead of `*`, because some trackers send credentials. That is safe:
//! nothing here depends on a cookie, and keys are checked separately.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// The CORS headers of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct CorsRequest {
    origin: Option<HeaderValue>,
    headers: Option<HeaderValue>,
}

impl CorsRequest {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self {
            origin: headers.get(header::ORIGIN).cloned(),
            headers: headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
        }
    }

    /// Returns the origin of the page that sends the request.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.origin.as_ref()?.to_str().ok()
    }

    /// Answers a preflight request and allows everything it names.
    pub(crate) fn preflight(self, methods: &'static str) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(methods),
        );
        headers.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("7200"),
        );
        if let Some(asked) = self.headers.clone() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
        self.allow(response)
    }

    /// Adds the headers that let the requesting origin read an answer.
    pub(crate) fn allow(self, mut response: Response) -> Response {
        const EXPOSED: [(HeaderName, &str); 2] = [
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After"),
        ];
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            for (name, value) in EXPOSED {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        response
    }
}
