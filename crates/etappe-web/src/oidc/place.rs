//! Addresses of this Etappe as a browser sees them.

use openidconnect::RedirectUrl;
use url::Url;

/// The most bytes of an address to return to; it travels in a cookie.
const MOST_BYTES: usize = 1_024;

/// Where people reach the web interface; its path ends with `/`.
#[derive(Debug)]
pub(super) struct Place(pub(super) Url);

impl Place {
    /// Returns whether browsers speak TLS with it.
    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the path that `app/…` has in a browser.
    pub(super) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.0.path())
    }

    /// Returns the address that the provider sends people back to.
    pub(super) fn callback(&self) -> RedirectUrl {
        let mut url = self.0.clone();
        url.set_path(&self.path("app/api/oidc/callback"));
        RedirectUrl::from_url(url)
    }

    /// Returns the path to go on to: what was asked for if it is a view of the interface, and its
    /// first page otherwise.
    ///
    /// The text is resolved as a browser would resolve it, so that no spelling (`//host`, `\\host`,
    /// `/app/../..`) leads elsewhere. Addresses below `app/api` are no views, and one of them leads
    /// here again.
    pub(super) fn back(&self, asked: Option<&str>) -> String {
        let home = self.path("app/");
        let Some(asked) = asked.filter(|it| it.starts_with('/') && it.len() <= MOST_BYTES) else {
            return home;
        };
        let Ok(url) = self.0.join(asked) else {
            return home;
        };
        let view = url.path().strip_prefix(&home);
        let is_view = view.is_some_and(|it| it != "api" && !it.starts_with("api/"));
        if url.origin() != self.0.origin() || !is_view {
            return home;
        }
        let path = path_of(&url);
        if path.len() > MOST_BYTES { home } else { path }
    }

    /// Returns the path of the sign-in page that says why it did not work.
    pub(super) fn sign_in(&self, reason: &str, back: &str) -> String {
        let mut url = self.0.clone();
        url.set_path(&self.path("app/sign-in"));
        url.query_pairs_mut().append_pair("reason", reason);
        if back != self.path("app/") {
            url.query_pairs_mut().append_pair("back", back);
        }
        path_of(&url)
    }
}

/// Returns an address without its host.
fn path_of(url: &Url) -> String {
    let query = url.query().map(|it| format!("?{it}")).unwrap_or_default();
    let fragment = url.fragment().map(|it| format!("#{it}"));
    format!("{}{query}{}", url.path(), fragment.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Place {
        Place(Url::parse(url).expect("an address"))
    }

    #[test]
    fn views_are_returned_to_behind_their_prefix() {
        let root = place("https://stats.example.com/");
        for path in [
            "/app/",
            "/app/shop/today?p=7d&m=a%26b#top",
            "/app/sign-in",
            "/app/shop/api/",
            "/app/apiary",
        ] {
            assert_eq!(root.back(Some(path)), path);
        }
        let below = place("https://example.com/stats/");
        assert_eq!(below.back(Some("/stats/app/shop")), "/stats/app/shop");
        assert_eq!(
            below.callback().as_str(),
            "https://example.com/stats/app/api/oidc/callback"
        );
    }

    #[test]
    fn nothing_leads_outside_the_interface() {
        let place = place("https://example.com/stats/");
        let long = format!("/stats/app/{}", "x".repeat(MOST_BYTES));
        let umlauts = format!("/stats/app/{}", "ä".repeat(400));
        for asked in [
            "",
            "stats/app/x",
            "https://evil.example/stats/app/",
            "//evil.example/stats/app/",
            "/\\evil.example/stats/app/",
            "\\\\evil.example/stats/app/",
            "/\t/evil.example/stats/app/",
            "/stats/app/../../elsewhere",
            "/stats/app/%2e%2e/admin",
            "/stats/app/..\\..\\elsewhere",
            "/stats/application",
            "/stats/",
            "/app/shop",
            "/stats/app/api/session",
            "/stats/app/api",
            "/stats/app/x/../api/oidc/start",
            "javascript:alert(1)",
            "/stats/app",
            &long,
            &umlauts,
        ] {
            assert_eq!(place.back(Some(asked)), "/stats/app/", "{asked}");
        }
        assert_eq!(place.back(None), "/stats/app/");
        let split = place.back(Some("/stats/app/a\r\nSet-Cookie: b=c"));
        assert!(!split.contains(['\r', '\n', ' ']), "{split}");
    }

    #[test]
    fn the_sign_in_page_keeps_where_to_return_to() {
        let place = place("https://example.com/stats/");
        assert_eq!(
            place.sign_in("failed", "/stats/app/"),
            "/stats/app/sign-in?reason=failed"
        );
        assert_eq!(
            place.sign_in("cancelled", "/stats/app/shop?p=7d"),
            "/stats/app/sign-in?reason=cancelled&back=%2Fstats%2Fapp%2Fshop%3Fp%3D7d"
        );
    }
}
