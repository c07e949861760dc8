//! Finds a request's client address, also behind proxies.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// Returns the client's address: the connection's, or, behind `trusted_proxies` proxies, the one
/// seen by the outermost of them.
///
/// Each proxy appends the address it saw to `X-Forwarded-For`. Entries before those were written by
/// the client and cannot be trusted.
#[must_use]
pub fn client_address(
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
    trusted_proxies: usize,
) -> Option<IpAddr> {
    let connection = peer.map(|peer| peer.ip());
    if trusted_proxies == 0 {
        return connection;
    }
    let lines = headers.get_all("x-forwarded-for");
    let texts: Vec<&str> = lines.iter().filter_map(|line| line.to_str().ok()).collect();
    texts
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(','))
        .nth(trusted_proxies - 1)
        .and_then(parse)
        .or(connection)
}

/// Parses an address with or without port and brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(bare)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(lines: &[&'static str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let peer = "192.0.2.1:80".parse().ok();
        client_address(&headers, peer, proxies)
            .expect("an address")
            .to_string()
    }

    #[test]
    fn only_addresses_written_by_trusted_proxies_are_used() {
        let lines = ["6.6.6.6, 203.0.113.7", "198.51.100.2:4711,  [2001:db8::1]"];
        assert_eq!(check(&lines, 0), "192.0.2.1");
        assert_eq!(check(&lines, 1), "2001:db8::1");
        assert_eq!(check(&lines, 2), "198.51.100.2");
        assert_eq!(check(&lines, 3), "203.0.113.7");
        assert_eq!(check(&lines, 9), "192.0.2.1");
        assert_eq!(check(&["unknown"], 1), "192.0.2.1");
        assert_eq!(check(&["[2001:db8::2]:443"], 1), "2001:db8::2");
    }
}
