//! Checks that a request states its host exactly once (RFC 9112, section 3.2).
//!
//! With two different hosts in a request, a proxy and the server behind it may use different ones.

use http::request::Parts;
use http::uri::Authority;
use http::{Version, header};

/// A problem with a request's host; the display text is sent to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHost {
    #[error("the request has no `Host` header: send exactly one")]
    Missing,
    #[error("the request has more than one `Host` header: send exactly one")]
    Several,
    #[error("the `Host` header is not a host with or without a port")]
    Malformed,
}

/// Checks the `Host` header; only HTTP/1.0 requests may omit it.
pub(super) fn check(parts: &Parts) -> Result<(), BadHost> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return match parts.version {
            Version::HTTP_10 => Ok(()),
            _ => Err(BadHost::Missing),
        };
    };
    if hosts.next().is_some() {
        return Err(BadHost::Several);
    }
    let is_host = host
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Authority>().ok())
        .is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    if is_host {
        Ok(())
    } else {
        Err(BadHost::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check_hosts(version: Version, hosts: &[&[u8]]) -> Result<(), BadHost> {
        let mut request = Request::builder().version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn exactly_one_host_is_taken() {
        let check_11 = |hosts: &[&[u8]]| check_hosts(Version::HTTP_11, hosts);
        let good: [&[u8]; 5] = [
            b"shop.example",
            b"shop.example:7070",
            b"127.0.0.1:80",
            b"[::1]:80",
            b"under_score",
        ];
        for host in good {
            assert_eq!(check_11(&[host]), Ok(()), "{host:?}");
        }
        assert_eq!(check_11(&[]), Err(BadHost::Missing));
        assert_eq!(check_hosts(Version::HTTP_10, &[]), Ok(()));
        assert_eq!(check_11(&[b"a", b"b"]), Err(BadHost::Several));
        assert_eq!(check_11(&[b"a", b"a"]), Err(BadHost::Several));
        let several = check_hosts(Version::HTTP_10, &[b"a", b"a"]);
        assert_eq!(several, Err(BadHost::Several));
        let bad: [&[u8]; 6] = [b"", b":80", b"a b", b"a/b", b"me@a", b"\xff"];
        for host in bad {
            assert_eq!(check_11(&[host]), Err(BadHost::Malformed), "{host:?}");
        }
    }
}
