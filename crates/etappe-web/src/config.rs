//! The web interface's settings: where people reach it, and with which provider they may sign in.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};
use url::{Host, Url};

/// The replacement for a secret in displayed text.
const REDACTED: &str = "***";
/// The most characters of the provider's name, so that it fits on a button.
const NAME_LETTERS: usize = 40;

/// Where people reach the web interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebConfig {
    /// The address in a browser, with the path prefix of a proxy if it has one, such as
    /// `https://stats.example.com/etappe/`. Default empty: unknown. Signing in with OpenID Connect
    /// needs it; where it is wrong, the provider refuses the address to come back to.
    pub public_url: String,
}

impl WebConfig {
    /// Returns one sentence per invalid setting, which names the setting; empty if all are valid.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        if self.public_url.is_empty() {
            return Vec::new();
        }
        let problem = public_url(&self.public_url).err();
        problem.into_iter().collect()
    }
}

/// Parses the public address; its path ends with `/`.
pub(crate) fn public_url(text: &str) -> Result<Url, String> {
    let refuse = |problem: &str| {
        Err(format!(
            "public_url `{text}` {problem}; give what people open, such as https://stats.example.com/"
        ))
    };
    let Ok(mut url) = Url::parse(text) else {
        return refuse("is no address");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("does not begin with http:// or https://");
    }
    if has_more_than_a_place(&url) {
        return refuse("has a user, a query or a fragment");
    }
    if url.path().contains("//") || url.path().trim_end_matches('/').ends_with("/app") {
        return refuse("has a path that is no prefix: leave out `app`, and every second slash");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn has_more_than_a_place(url: &Url) -> bool {
    let user = !url.username().is_empty() || url.password().is_some();
    user || url.query().is_some() || url.fragment().is_some()
}

/// Returns whether secrets may be sent to this address: over TLS, or without leaving the machine.
pub(crate) fn keeps_secrets(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// The OpenID Connect provider whose accounts people may sign in with.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// The provider's issuer, exactly as its discovery document spells it, such as
    /// `https://login.example.com/realms/staff`. Default empty: people sign in with passwords only.
    pub issuer: String,
    /// The name under which Etappe is registered with the provider.
    pub client_id: String,
    /// The secret that the provider gave Etappe.
    #[serde(serialize_with = "redacted")]
    pub client_secret: String,
    /// A file with the secret, read once at start-up. Default none.
    pub client_secret_file: Option<PathBuf>,
    /// The provider's name on the button, at most 40 characters. Default empty: the issuer's host.
    pub name: String,
    /// A PEM file with certificate authorities to trust for the provider, besides those of the
    /// operating system. Default none.
    pub ca_file: Option<PathBuf>,
}

impl OidcConfig {
    /// Returns whether there is a provider.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Returns one sentence per invalid setting, which names the setting; empty if all are valid.
    #[must_use]
    pub fn validate(&self, web: &WebConfig) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.is_set() {
            if *self != Self::default() {
                let missing = "issuer is empty, but other settings of the section are not: give \
                     the provider's issuer, or remove them";
                problems.push(missing.to_owned());
            }
            return problems;
        }
        problems.extend(issuer(&self.issuer).err());
        if self.client_id.is_empty() {
            let missing = "client_id is empty: give the name under which the provider knows Etappe";
            problems.push(missing.to_owned());
        }
        if self.client_secret.is_empty() {
            let missing = "client_secret is empty: give it, or client_secret_file";
            problems.push(missing.to_owned());
        }
        if self.name.chars().count() > NAME_LETTERS {
            let long =
                format!("name has more than {NAME_LETTERS} characters, which fit on no button");
            problems.push(long);
        }
        if web.public_url.is_empty() {
            let missing = "the provider sends people back to web.public_url, which is empty: give \
                 the address that they open";
            problems.push(missing.to_owned());
        }
        problems
    }

    /// Returns what the button calls the provider.
    pub(crate) fn shown_name(&self) -> String {
        if !self.name.trim().is_empty() {
            return self.name.trim().to_owned();
        }
        let url = Url::parse(&self.issuer).ok();
        let host = url.as_ref().and_then(Url::host_str);
        host.unwrap_or(&self.issuer).to_owned()
    }
}

fn issuer(text: &str) -> Result<(), String> {
    let refuse = |problem: &str| {
        Err(format!(
            "issuer `{text}` {problem}; it is the member `issuer` of the provider's \
             /.well-known/openid-configuration"
        ))
    };
    match Url::parse(text) {
        Err(_) => refuse("is no address"),
        Ok(url) if has_more_than_a_place(&url) => refuse("has a user, a query or a fragment"),
        Ok(url) if !keeps_secrets(&url) => {
            refuse("does not begin with https://, which only a provider on this machine may")
        }
        Ok(_) => Ok(()),
    }
}

fn redacted<S: Serializer>(secret: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.is_empty() { "" } else { REDACTED })
}

impl fmt::Debug for OidcConfig {
    /// Hides the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("client_secret", &REDACTED)
            .field("client_secret_file", &self.client_secret_file)
            .field("name", &self.name)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> (OidcConfig, WebConfig) {
        let oidc = OidcConfig {
            issuer: "https://login.example.com/realms/staff".to_owned(),
            client_id: "etappe".to_owned(),
            client_secret: "hush".to_owned(),
            ..OidcConfig::default()
        };
        let web = WebConfig {
            public_url: "https://stats.example.com".to_owned(),
        };
        (oidc, web)
    }

    #[test]
    fn every_mistake_says_what_to_change_and_none_shows_the_secret() {
        let (good, web) = good();
        assert_eq!(good.validate(&web), Vec::<String>::new());
        assert_eq!(
            OidcConfig::default().validate(&WebConfig::default()),
            Vec::<String>::new()
        );
        let text = |change: fn(&mut OidcConfig)| {
            let mut config = good.clone();
            change(&mut config);
            config.validate(&web).join("; ")
        };
        assert!(text(|it| it.issuer.clear()).contains("issuer is empty"));
        assert!(text(|it| it.client_id.clear()).contains("client_id is empty"));
        assert!(text(|it| it.client_secret.clear()).contains("client_secret_file"));
        assert!(text(|it| it.name = "x".repeat(41)).contains("name has more"));
        for issuer in [
            "login",
            "http://login.example.com",
            "https://h/?a=b",
            "https://u@h/",
        ] {
            let config = OidcConfig {
                issuer: issuer.to_owned(),
                ..good.clone()
            };
            let found = config.validate(&web).join("; ");
            assert!(found.starts_with(&format!("issuer `{issuer}`")), "{found}");
        }
        let nowhere = good.validate(&WebConfig::default()).join("; ");
        assert!(nowhere.contains("web.public_url"), "{nowhere}");
        let shown = format!("{good:?} {}", serde_json::to_string(&good).expect("JSON"));
        assert!(!shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_provider_on_this_machine_needs_no_tls() {
        let (mut config, web) = good();
        for issuer in [
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
            "http://localhost:9000",
        ] {
            issuer.clone_into(&mut config.issuer);
            assert_eq!(config.validate(&web), Vec::<String>::new(), "{issuer}");
        }
    }

    #[test]
    fn the_public_address_is_a_place_with_or_without_a_prefix() {
        for (text, path) in [
            ("https://stats.example.com", "/"),
            ("http://127.0.0.1:7070/", "/"),
            ("https://example.com/stats", "/stats/"),
            ("https://example.com/a/b/", "/a/b/"),
        ] {
            assert_eq!(public_url(text).expect(text).path(), path);
        }
        for text in [
            "stats.example.com",
            "ftp://example.com",
            "https://example.com/?a",
            "https://example.com/#a",
            "https://u@example.com/",
            "https://example.com//evil",
            "https://example.com/stats/app/",
        ] {
            let web = WebConfig {
                public_url: text.to_owned(),
            };
            assert_eq!(web.validate().len(), 1, "{text}");
        }
    }

    #[test]
    fn a_provider_without_a_name_is_called_by_its_host() {
        let (mut config, _) = good();
        assert_eq!(config.shown_name(), "login.example.com");
        config.name = " Example ".to_owned();
        assert_eq!(config.shown_name(), "Example");
    }
}
