//! Parses the origins of a site's pages, as people write them.

use anyhow::{Context, bail, ensure};
use reqwest::Url;

/// Returns the origins meant by `text`. A host alone stands for HTTPS on it, with and without
/// `www.`; an address stands for its own origin. Names are in lower case, default ports are
/// omitted.
///
/// # Errors
/// If it has no host, or is more than an origin.
pub(crate) fn origins_of(text: &str) -> anyhow::Result<Vec<String>> {
    let text = text.trim();
    ensure!(
        !text.contains('*'),
        "`{text}` is a pattern: list each origin, or none at all to let all pages send"
    );
    // What browsers send for files and sandboxed frames.
    if text == "null" {
        return Ok(vec![text.to_owned()]);
    }
    if text.contains("://") {
        return Ok(vec![origin(text, text)?]);
    }
    let text = text.trim_end_matches('/');
    let secure = origin(&format!("https://{text}"), text)?;
    let host = secure.trim_start_matches("https://");
    let is_name = host.contains('.') && !host.starts_with('[') && !is_number(host);
    ensure!(
        is_name,
        "`{text}` needs its scheme: http://{text} or https://{text}"
    );
    let other = match host.strip_prefix("www.") {
        Some(bare) => format!("https://{bare}"),
        None => format!("https://www.{host}"),
    };
    Ok(vec![secure, other])
}

/// Returns the origin of an address that contains nothing else; `text` is the original input.
fn origin(address: &str, text: &str) -> anyhow::Result<String> {
    let url = Url::parse(address).with_context(|| {
        format!("`{text}` is not an origin: write https://shop.example, or shop.example")
    })?;
    let has_more = !matches!(url.path(), "" | "/")
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some();
    // Apps and extensions have their own schemes, such as `capacitor://localhost`.
    let origin = match (url.scheme(), url.host_str()) {
        ("http" | "https", _) => url.origin().ascii_serialization(),
        (scheme, Some(host)) => format!("{scheme}://{host}"),
        (_, None) => bail!("`{text}` is not an origin: it has no host"),
    };
    ensure!(
        !has_more,
        "`{text}` is more than an origin: write {origin}, which stands for all of its pages"
    );
    Ok(origin)
}

/// Returns whether a host, with or without a port, is an IPv4 address.
fn is_number(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or(host);
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_for_https_with_and_without_www() {
        for (text, expected) in [
            (
                "winkel.nl",
                vec!["https://winkel.nl", "https://www.winkel.nl"],
            ),
            (
                " WWW.Winkel.NL/ ",
                vec!["https://www.winkel.nl", "https://winkel.nl"],
            ),
            (
                "shop.example:8443",
                vec!["https://shop.example:8443", "https://www.shop.example:8443"],
            ),
            (
                "café.example",
                vec![
                    "https://xn--caf-dma.example",
                    "https://www.xn--caf-dma.example",
                ],
            ),
            ("https://winkel.nl/", vec!["https://winkel.nl"]),
            ("https://winkel.nl:443", vec!["https://winkel.nl"]),
            ("HTTP://localhost:3000", vec!["http://localhost:3000"]),
            ("http://192.168.1.5", vec!["http://192.168.1.5"]),
            ("capacitor://localhost", vec!["capacitor://localhost"]),
            (
                "chrome-extension://abcdef/",
                vec!["chrome-extension://abcdef"],
            ),
            ("null", vec!["null"]),
        ] {
            assert_eq!(origins_of(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_invalid_origin_is_rejected_with_advice() {
        for (text, advice) in [
            ("https://winkel.nl/shop", "write https://winkel.nl,"),
            ("winkel.nl/shop", "write https://winkel.nl,"),
            ("https://winkel.nl?x=1", "write https://winkel.nl,"),
            ("*.winkel.nl", "list each origin"),
            ("*", "none at all"),
            ("localhost:3000", "http://localhost:3000"),
            ("192.168.1.5", "needs its scheme"),
            ("winkel", "needs its scheme"),
            ("file:///tmp/x", "has no host"),
            ("https://", "write https://shop.example"),
            ("win kel.nl", "write https://shop.example"),
        ] {
            let error = format!("{:#}", origins_of(text).unwrap_err());
            assert!(error.contains(advice), "{text}: {error}");
        }
    }
}
