//! Converts errors to problem details (RFC 9457).

use axum::response::{IntoResponse, Response};
use etappe_core::site::UnusableKey;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::error::WebError;

/// Returns an error's status, the end of its type's URN, and its title.
const fn kind(error: &WebError) -> (StatusCode, &'static str, &'static str) {
    use WebError as E;
    match error {
        E::NotSignedIn => (StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in"),
        E::FirstAccountNeeded => (
            StatusCode::FORBIDDEN,
            "first-account-needed",
            "No account yet",
        ),
        E::WrongPassword => (StatusCode::UNAUTHORIZED, "wrong-password", "Not right"),
        E::WrongLink => (
            StatusCode::FORBIDDEN,
            "wrong-link",
            "The link does not work",
        ),
        E::TooManyTries(_) => (
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many tries",
        ),
        E::NotFromOurPage => (
            StatusCode::FORBIDDEN,
            "not-from-our-page",
            "Not from our own page",
        ),
        E::BadBody(_) => (StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON"),
        E::BodyTooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Body too large",
        ),
        E::Email(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-email", "Invalid"),
        E::Password(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-password",
            "Invalid",
        ),
        E::Name => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-name", "Invalid"),
        E::NotYourSite => (StatusCode::FORBIDDEN, "wrong-site", "Not your site"),
        E::RoleNeeded(_) => (StatusCode::FORBIDDEN, "role-needed", "Not allowed"),
        E::AdminNeeded => (StatusCode::FORBIDDEN, "admin-needed", "Not allowed"),
        E::NameTaken(_) => (StatusCode::CONFLICT, "name-taken", "The name is taken"),
        E::Meaning(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-meaning",
            "Invalid",
        ),
        E::Key(UnusableKey::TooMany) => (StatusCode::CONFLICT, "too-many-keys", "Too many keys"),
        E::Key(UnusableKey::Unknown | UnusableKey::UnknownSite) => {
            (StatusCode::NOT_FOUND, "unknown-key", "No such key")
        }
        E::Share(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-link", "Invalid"),
        E::TooManyLinks => (StatusCode::CONFLICT, "too-many-links", "Too many links"),
        E::UnknownLink => (StatusCode::NOT_FOUND, "unknown-link", "No such link"),
        E::LinkOver => (StatusCode::GONE, "link-over", "Link over"),
        E::StoreUnavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "Unavailable",
        ),
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let (status, name, title) = kind(&self);
        let problem = json!({
            "type": format!("urn:etappe:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = (status, problem.to_string()).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let wait = match &self {
            Self::TooManyTries(wait) => Some(wait.as_secs().max(1)),
            Self::StoreUnavailable => Some(2),
            _ => None,
        };
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, wait.into());
        }
        response
    }
}

/// Forbids caching.
pub(crate) fn private(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}
