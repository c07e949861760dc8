//! Protects changes against requests that other sites make a browser send.
//!
//! A change needs the header `X-CSRF-Token` with a value that is derived from the session's token.
//! Pages of other sites can neither read it nor set the header without this server's consent, which
//! it never gives. The session's cookie is `SameSite=Strict` besides.

use etappe_core::site::KeyHash;
use http::HeaderMap;
use subtle::ConstantTimeEq;

use crate::error::WebError;

const HEADER: &str = "x-csrf-token";

/// Returns the CSRF token of a session.
pub(crate) fn token_of(session_token: &str) -> String {
    KeyHash::of(&format!("csrf {session_token}")).to_string()
}

/// Checks that a request was made by our own page.
pub(crate) fn check(headers: &HeaderMap, session_token: &str) -> Result<(), WebError> {
    check_origin(headers)?;
    let sent = headers.get(HEADER).map_or(&b""[..], |it| it.as_bytes());
    let expected = token_of(session_token);
    if bool::from(sent.ct_eq(expected.as_bytes())) {
        Ok(())
    } else {
        Err(WebError::NotFromOurPage)
    }
}

/// Checks that a browser does not say that another site made the request. Where there is no session
/// yet this is all there is, with a body of JSON, which other sites cannot send unasked.
pub(crate) fn check_origin(headers: &HeaderMap) -> Result<(), WebError> {
    let site = headers.get("sec-fetch-site").map(|it| it.as_bytes());
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(WebError::NotFromOurPage),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check_with(pairs: &[(&'static str, &str)]) -> Result<(), WebError> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        check(&headers, "es_1")
    }

    #[test]
    fn only_the_token_of_the_session_passes_and_only_from_our_page() {
        let own = token_of("es_1");
        assert!(check_with(&[(HEADER, &own)]).is_ok());
        assert!(check_with(&[(HEADER, &own), ("sec-fetch-site", "same-origin")]).is_ok());
        assert!(check_with(&[(HEADER, &own), ("sec-fetch-site", "cross-site")]).is_err());
        assert!(check_with(&[(HEADER, &own), ("sec-fetch-site", "same-site")]).is_err());
        assert!(check_with(&[(HEADER, &token_of("es_2"))]).is_err());
        assert!(check_with(&[(HEADER, "")]).is_err());
        assert!(check_with(&[]).is_err());
    }
}
