//! Reads a referrer: the site, app or mail that a page was opened from.

use std::borrow::Cow;

use super::source::{self, Source, SourceKind};

/// Referrers that stand for no referrer, in lower case.
const NOTHING: [&str; 12] = [
    "$direct",
    "direct",
    "(direct)",
    "(none)",
    "none",
    "(not set)",
    "null",
    "undefined",
    "-",
    "about:blank",
    "about:client",
    "no-referrer",
];

/// Where a page was opened from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Referrer<'r> {
    /// No known place.
    None,
    /// The site itself.
    Internal,
    /// A place that visitors pass through and come back from, such as a payment page.
    Passage,
    /// A known source.
    Known(&'static Source),
    /// Another site, by its host as it was sent, or another app, by its id.
    Other(&'r str),
    /// Something that cannot be identified: an address without a name, a file, an extension.
    Unreadable,
}

impl<'r> Referrer<'r> {
    /// Reads the referrer of a page at `page_url`, which may be empty.
    pub(crate) fn of(referrer: &'r str, page_url: &str) -> Self {
        let text = referrer.trim();
        let says_nothing = text.len() <= 12
            && NOTHING
                .iter()
                .any(|nothing| text.eq_ignore_ascii_case(nothing));
        if text.is_empty() || says_nothing {
            return Self::None;
        }
        let parts = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                let is = |name: &str| scheme.eq_ignore_ascii_case(name);
                if is("android-app") || is("ios-app") {
                    return Self::of_app(rest);
                }
                if !is("http") && !is("https") {
                    return Self::Unreadable;
                }
                split_host(rest)
            }
            _ => match text.strip_prefix("//") {
                Some(rest) => split_host(rest),
                None if text.starts_with(['/', '?', '#']) => return Self::Internal,
                None => return Self::of_words(text, page_url),
            },
        };
        Self::of_site(parts, page_url)
    }

    /// Reads a referrer that may be a host without a scheme, or something else altogether, such as
    /// the name of the person who recommended the site. It is a host only if it ends like one.
    fn of_words(text: &'r str, page_url: &str) -> Self {
        let (host, path) = split_host(text);
        match Self::of_site((host, path), page_url) {
            Self::Other(_) if text.contains('@') || !has_public_suffix(&lower(host)) => {
                Self::Unreadable
            }
            read => read,
        }
    }

    fn of_app(rest: &'r str) -> Self {
        let id = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        match source::of_app(&lower(id)) {
            Some(known) => Self::of_source(known),
            None if is_name(id) => Self::Other(id),
            None => Self::Unreadable,
        }
    }

    fn of_site((host, path): (&'r str, &str), page_url: &str) -> Self {
        let own = host_of(page_url);
        if !host.is_empty() && host.eq_ignore_ascii_case(own) {
            return Self::Internal;
        }
        if !is_name(host) {
            // Some senders put the name of a source there.
            let is_bare = path.is_empty() && !host.contains('.');
            let named = source::of_name(&lower(host)).filter(|_| is_bare);
            return named.map_or(Self::Unreadable, Self::of_source);
        }
        let name = lower(host);
        if is_same_site(&name, &lower(own)) {
            return Self::Internal;
        }
        match source::of_host(&name, path) {
            Some(known) => Self::of_source(known),
            None => Self::Other(without_www(host)),
        }
    }

    fn of_source(known: &'static Source) -> Self {
        match known.kind {
            SourceKind::Passage => Self::Passage,
            SourceKind::Browser => Self::None,
            SourceKind::Search
            | SourceKind::Social
            | SourceKind::Video
            | SourceKind::Shopping
            | SourceKind::Email
            | SourceKind::Ai
            | SourceKind::Sms => Self::Known(known),
        }
    }
}

/// Returns the host of an address; empty if there is none.
fn host_of(url: &str) -> &str {
    let rest = match url.trim_start().split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => match url.strip_prefix("//") {
            Some(rest) => rest,
            None => return "",
        },
    };
    split_host(rest).0
}

/// Splits the text after `://` into the host, without user and port, and the rest.
fn split_host(rest: &str) -> (&str, &str) {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = host.split(':').next().unwrap_or(host);
    (host.strip_suffix('.').unwrap_or(host), path)
}

fn is_scheme(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Returns whether `host` is the name of a host or an app: labels between dots, of which the last
/// is not a number.
fn is_name(host: &str) -> bool {
    let Some((_, last)) = host.rsplit_once('.') else {
        return false;
    };
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    host.len() <= 253
        && !host.starts_with('.')
        && !host.contains("..")
        && last.bytes().any(|byte| !byte.is_ascii_digit())
        && host.bytes().all(|byte| is_label(byte) || !byte.is_ascii())
}

/// Returns whether a host ends in an existing public suffix. The host must be in lower case.
fn has_public_suffix(host: &str) -> bool {
    psl::suffix(host.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// Returns whether two hosts have the same registered domain. Both must be in lower case.
fn is_same_site(one: &str, other: &str) -> bool {
    if other.is_empty() {
        return false;
    }
    one == other
        || match (psl::domain_str(one), psl::domain_str(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}

fn without_www(host: &str) -> &str {
    match host.split_at_checked(4) {
        Some((www, rest)) if www.eq_ignore_ascii_case("www.") => rest,
        _ => host,
    }
}

/// Returns `text` in lower case, ASCII only.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://www.shop.example.co.uk/shoes?x";

    #[test]
    fn a_referrer_is_read_in_every_form_that_trackers_send() {
        let cases = [
            ("", Referrer::None),
            (" ", Referrer::None),
            ("$direct", Referrer::None),
            ("about:blank", Referrer::None),
            ("android-app://com.android.chrome/", Referrer::None),
            ("https://www.shop.example.co.uk/cart", Referrer::Internal),
            ("https://WWW.SHOP.EXAMPLE.CO.UK", Referrer::Internal),
            ("http://pay.example.co.uk:8080/", Referrer::Internal),
            ("example.co.uk", Referrer::Internal),
            ("/cart", Referrer::Internal),
            ("https://other.co.uk/", Referrer::Other("other.co.uk")),
            (
                "https://www.Blog.example/x",
                Referrer::Other("Blog.example"),
            ),
            ("blog.nl/post", Referrer::Other("blog.nl")),
            ("anna.smit", Referrer::Unreadable),
            ("anna@blog.nl", Referrer::Unreadable),
            ("u7", Referrer::Unreadable),
            ("//blog.example/post", Referrer::Other("blog.example")),
            (
                "https://user:pass@blog.example:8443/",
                Referrer::Other("blog.example"),
            ),
            ("https://blog.example.", Referrer::Other("blog.example")),
            ("https://bücher.example/", Referrer::Other("bücher.example")),
            ("https://www.paypal.com/checkout", Referrer::Passage),
            ("https://accounts.google.com/", Referrer::Passage),
            (
                "android-app://org.example.reader/",
                Referrer::Other("org.example.reader"),
            ),
            ("https://localhost:3000/", Referrer::Unreadable),
            ("https://10.0.0.7/x", Referrer::Unreadable),
            ("http://[::1]/", Referrer::Unreadable),
            ("file:///C:/index.html", Referrer::Unreadable),
            ("chrome-extension://abc/popup.html", Referrer::Unreadable),
            ("https://", Referrer::Unreadable),
            ("spring sale", Referrer::Unreadable),
            ("..", Referrer::Unreadable),
        ];
        for (sent, expected) in cases {
            assert_eq!(Referrer::of(sent, PAGE), expected, "{sent}");
        }
    }

    #[test]
    fn sites_on_a_shared_host_are_different_sites() {
        let cases = [
            (
                "https://b.github.io/",
                "https://a.github.io/",
                Referrer::Other("b.github.io"),
            ),
            (
                "https://www.a.github.io/",
                "https://a.github.io/",
                Referrer::Internal,
            ),
            ("https://a.shop.nl/", "", Referrer::Other("a.shop.nl")),
            (
                "http://10.0.0.7/x",
                "http://10.0.0.7:81/y",
                Referrer::Internal,
            ),
            (
                "http://localhost/x",
                "http://localhost:3000/y",
                Referrer::Internal,
            ),
        ];
        for (sent, page, expected) in cases {
            assert_eq!(Referrer::of(sent, page), expected, "{sent} on {page}");
        }
    }
}
