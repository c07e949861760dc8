//! Reads small JSON bodies.

use axum::body::Body;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;

use crate::error::WebError;

/// The most bytes of a body.
const MOST_BYTES: usize = 16 << 10;

/// Reads a body of JSON. The content type must say so: a form of another site cannot.
pub(crate) async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, WebError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let is_json = kind.is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    if !is_json {
        let expected = "send it as `Content-Type: application/json`".to_owned();
        return Err(WebError::BadBody(expected));
    }
    let limited = Limited::new(body, MOST_BYTES);
    let read = limited.collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            WebError::BodyTooLarge
        } else {
            WebError::BadBody("it did not arrive whole".to_owned())
        }
    })?;
    serde_json::from_slice(&read.to_bytes()).map_err(|error| WebError::BadBody(error.to_string()))
}
