//! The cookies that hold a session's token and what opens a share link with a password.

use etappe_runtime::authorization::{SESSION_COOKIE, SHARE_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::state::SESSION_LASTS;

/// Returns the `Set-Cookie` header that signs a browser in.
pub(crate) fn signing_in(token: &str, request: &HeaderMap) -> HeaderValue {
    header(SESSION_COOKIE, token, SESSION_LASTS.as_secs(), request)
}

/// Returns the `Set-Cookie` header that signs a browser out.
pub(crate) fn signing_out(request: &HeaderMap) -> HeaderValue {
    header(SESSION_COOKIE, "", 0, request)
}

/// Returns the `Set-Cookie` header that lets a browser open a share link with a password.
pub(crate) fn letting_in(pass: &str, seconds: i64, request: &HeaderMap) -> HeaderValue {
    let lasts = u64::try_from(seconds).unwrap_or(0);
    header(SHARE_COOKIE, pass, lasts, request)
}

/// The cookie is not readable by scripts, is sent on requests of our own pages only, and where the
/// browser speaks TLS with the proxy in front, only over TLS.
fn header(name: &str, value: &str, max_age: u64, request: &HeaderMap) -> HeaderValue {
    let secure = if is_tls(request) { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(text).expect("tokens are letters, digits and dots")
}

/// A client that lies here only harms itself, so any proxy is believed.
fn is_tls(request: &HeaderMap) -> bool {
    let header = request.get("x-forwarded-proto");
    let text = header.and_then(|it| it.to_str().ok()).unwrap_or_default();
    text.split(',')
        .next()
        .is_some_and(|it| it.trim() == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_secure_behind_tls_and_ends_when_signing_out() {
        let mut request = HeaderMap::new();
        assert_eq!(
            signing_in("es_1", &request),
            "etappe_session=es_1; Path=/; Max-Age=1209600; HttpOnly; SameSite=Strict"
        );
        request.insert("x-forwarded-proto", HeaderValue::from_static("https, http"));
        assert_eq!(
            signing_out(&request),
            "etappe_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
