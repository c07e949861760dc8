//! Parses credentials, in the same way on every address: the `Authorization` header, and the cookies
//! of the web interface's session and of share links with a password.
//!
//! The scheme's case and surrounding spaces do not matter. Two headers, or two cookies of one
//! name, are refused: a proxy may check one and the server behind it the other.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// The name of the cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "etappe_session";

/// The name of the cookie that shows that a share link's password was given.
pub const SHARE_COOKIE: &str = "etappe_share";

/// The header in which a sender of events may name its intended site, so that a key of another site
/// is refused instead of used.
pub const SITE_HEADER: &str = "etappe-site";

/// The credentials of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    scheme: &'a str,
    value: &'a str,
}

/// The header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAuthorization {
    /// There is more than one header.
    #[error("the request has more than one `Authorization` header: send one")]
    Several,
    /// The header has non-ASCII characters, or not exactly one token after its scheme.
    #[error("the `Authorization` header is not a scheme and one token")]
    Malformed,
}

impl<'a> Credentials<'a> {
    /// Reads the credentials of a request, if it has any.
    ///
    /// # Errors
    /// [`UnreadableAuthorization`] when they cannot be read.
    pub fn read(headers: &'a HeaderMap) -> Result<Option<Self>, UnreadableAuthorization> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(header) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(UnreadableAuthorization::Several);
        }
        let text = header
            .to_str()
            .map_err(|_| UnreadableAuthorization::Malformed)?
            .trim();
        if text.is_empty() {
            return Ok(None);
        }
        let (scheme, value) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        Ok(Some(Self {
            scheme,
            value: value.trim(),
        }))
    }

    /// Returns the credentials after the scheme, if the scheme is this one.
    #[must_use]
    pub fn of_scheme(self, scheme: &str) -> Option<&'a str> {
        self.scheme
            .eq_ignore_ascii_case(scheme)
            .then_some(self.value)
    }
}

/// Returns the token in `Authorization: Bearer …`, if there is exactly one.
///
/// # Errors
/// [`UnreadableAuthorization`] when the header cannot be read, or holds no single token.
pub fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, UnreadableAuthorization> {
    let credentials = Credentials::read(headers)?;
    let token = credentials.and_then(|it| it.of_scheme("bearer"));
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(None);
    };
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Some(token))
    } else {
        Err(UnreadableAuthorization::Malformed)
    }
}

/// Returns the token in the session's cookie, if there is exactly one.
#[must_use]
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SESSION_COOKIE)
}

/// Returns the text of the cookie of share links, if there is exactly one.
#[must_use]
pub fn share_pass(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, SHARE_COOKIE)
}

/// Returns the value of the cookie called `name`, if there is exactly one.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    let mut values = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token(values: &[&'static [u8]]) -> Result<Option<String>, UnreadableAuthorization> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        bearer_token(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn one_token_is_read_whatever_its_scheme_s_case_and_spaces() {
        let spellings: [&[u8]; 6] = [
            b"Bearer er_1",
            b"bearer er_1",
            b"BEARER er_1",
            b"  Bearer   er_1  ",
            b"Bearer\ter_1",
            b"\tbEaReR \t er_1\t",
        ];
        for spelling in spellings {
            assert_eq!(token(&[spelling]), Ok(Some("er_1".to_owned())));
        }
    }

    #[test]
    fn no_token_and_another_scheme_are_none() {
        let others: [&[&'static [u8]]; 7] = [
            &[],
            &[b""],
            &[b"Basic ZTo="],
            &[b"BearerX er_1"],
            &[b"er_1"],
            &[b"Bearer"],
            &[b"Bearer  "],
        ];
        for values in others {
            assert_eq!(token(values), Ok(None), "{values:?}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        use UnreadableAuthorization::{Malformed, Several};
        let bad: [(&[&'static [u8]], _); 5] = [
            (&[b"Bearer er_1", b"Bearer er_1"], Several),
            (&[b"Basic ZTo=", b"Bearer er_1"], Several),
            (&[b"", b"Bearer er_1"], Several),
            (&[b"Bearer er_1 er_2"], Malformed),
            (&[b"Bearer er_\xe9"], Malformed),
        ];
        for (values, problem) in bad {
            assert_eq!(token(values), Err(problem), "{values:?}");
        }
    }

    #[test]
    fn the_cookie_of_the_session_is_found_among_others_and_refused_when_doubled() {
        let token = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            session_token(&headers).map(str::to_owned)
        };
        for lines in [
            &["etappe_session=es_1"] as &[&'static str],
            &["a=b; etappe_session=es_1;c=d"],
            &["a=b", " etappe_session=es_1 "],
        ] {
            assert_eq!(token(lines).as_deref(), Some("es_1"), "{lines:?}");
        }
        for lines in [
            &[] as &[&'static str],
            &["etappe_session="],
            &["xetappe_session=es_1"],
            &["etappe_session=es_1; etappe_session=es_2"],
            &["etappe_session=es_1", "etappe_session=es_1"],
        ] {
            assert_eq!(token(lines), None, "{lines:?}");
        }
    }
}
