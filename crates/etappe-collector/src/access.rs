//! Decides which site a request's events belong to and whether its key allows them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::GeneralPurposeConfig;
use base64::engine::{DecodePaddingMode, general_purpose::GeneralPurpose};
use etappe_core::event::KeyScope;
use etappe_core::money_terms::MoneyTerms;
use etappe_core::site::{Site, SiteSettings};
use etappe_runtime::authorization::{Credentials, SITE_HEADER};
use http::HeaderMap;
use tokio::time::Instant;

use crate::budget::Holder;
use crate::error::IntakeError;
use crate::site_traffic::SiteTraffic;
use crate::sites::Sites;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a key allows. Must not be logged: it holds the key.
#[derive(Clone)]
pub(crate) struct Access {
    /// The traffic of the site that the events belong to.
    pub(crate) traffic: Arc<SiteTraffic>,
    /// How far the events can be trusted.
    pub(crate) scope: KeyScope,
    /// Whether money in them counts.
    pub(crate) counts_money: bool,
    /// The site's terms for amounts of money.
    pub(crate) money_terms: MoneyTerms,
    /// The site's limit of events per second.
    events_per_second: Option<u32>,
    /// The key itself, to keep it out of the log.
    pub(crate) key: String,
}

impl Access {
    /// Returns what `key` allows for messages that come from `origin`.
    pub(crate) fn to_messages(
        sites: &Sites,
        key: &str,
        origin: Option<&str>,
    ) -> Result<Self, IntakeError> {
        let directory = sites.directory();
        let (site, scope) = directory.writer(key).ok_or(IntakeError::UnknownKey)?;
        match scope {
            KeyScope::Pixel => return Err(IntakeError::WrongScope),
            KeyScope::Browser if !allows(&site.settings, origin) => {
                return Err(IntakeError::OriginNotAllowed);
            }
            KeyScope::Browser | KeyScope::Server => {}
        }
        Ok(Self::new(sites, site, scope, key))
    }

    /// Checks that the key belongs to the site that the sender names, if it names one.
    pub(crate) fn expect_site(&self, headers: &HeaderMap) -> Result<(), IntakeError> {
        match headers.get(SITE_HEADER) {
            Some(site) if site.as_bytes() != self.traffic.site().as_str().as_bytes() => {
                Err(IntakeError::OtherSite)
            }
            _ => Ok(()),
        }
    }

    /// Returns what `key` allows for the pixel. The pixel gets only a pixel's trust, whatever the
    /// key.
    pub(crate) fn to_pixel(sites: &Sites, key: &str) -> Result<Self, IntakeError> {
        let directory = sites.directory();
        let (site, _) = directory.writer(key).ok_or(IntakeError::UnknownKey)?;
        Ok(Self::new(sites, site, KeyScope::Pixel, key))
    }

    /// Checks that the site may send events now at its rate.
    pub(crate) fn check_rate(&self) -> Result<(), IntakeError> {
        let wait = self
            .events_per_second
            .and_then(|rate| self.traffic.wait(rate, Instant::now()));
        wait.map_or(Ok(()), |retry_after| {
            Err(IntakeError::RateLimited { retry_after })
        })
    }

    /// Counts events against the site's rate.
    pub(crate) fn take_from_rate(&self, events: usize) {
        if let Some(rate) = self.events_per_second {
            self.traffic.take(rate, events, Instant::now());
        }
    }

    /// Returns the account of the site.
    pub(crate) fn holder(&self) -> Holder {
        Holder::Site(Arc::clone(&self.traffic))
    }

    fn new(sites: &Sites, site: &Site, scope: KeyScope, key: &str) -> Self {
        Self {
            traffic: sites.traffic_of(&site.id),
            scope,
            counts_money: match scope {
                KeyScope::Pixel => site.settings.pixel_revenue,
                KeyScope::Browser | KeyScope::Server => true,
            },
            money_terms: site.settings.money_terms(),
            events_per_second: site.settings.events_per_second,
            key: key.to_owned(),
        }
    }
}

/// Returns whether a browser may post from `origin`: any origin may until the site lists its own.
fn allows(settings: &SiteSettings, origin: Option<&str>) -> bool {
    let listed = &settings.allowed_origins;
    listed.is_empty()
        || origin.is_some_and(|origin| {
            listed
                .iter()
                .any(|one| one.trim_end_matches('/').eq_ignore_ascii_case(origin))
        })
}

/// Returns the user name of HTTP Basic, or `None` if there is none; an unreadable one is an unknown
/// key.
pub(crate) fn basic_key(headers: &HeaderMap) -> Result<Option<String>, IntakeError> {
    let credentials = Credentials::read(headers).map_err(|_| IntakeError::UnknownKey)?;
    let Some(basic) = credentials.and_then(|it| it.of_scheme("basic")) else {
        return Ok(None);
    };
    let decoded = BASE64.decode(basic).map_err(|_| IntakeError::UnknownKey)?;
    let decoded = String::from_utf8(decoded).map_err(|_| IntakeError::UnknownKey)?;
    let (user, _) = decoded.split_once(':').unwrap_or((&decoded, ""));
    Ok(Some(user.to_owned()).filter(|user| !user.is_empty()))
}

#[cfg(test)]
mod tests {
    use etappe_core::id::SiteId;
    use etappe_core::meaning::Meanings;
    use etappe_core::site::{Grant, KeyHash, KeyRecord, SiteDirectory};
    use http::{HeaderValue, header};
    use tokio::sync::watch;

    use super::*;

    fn sites_with(settings: SiteSettings) -> Sites {
        let key = |text: &str, grant| KeyRecord {
            hash: KeyHash::of(text),
            grant,
            created: None,
        };
        let directory = SiteDirectory::new([Site {
            id: SiteId::try_new("shop").unwrap(),
            settings,
            meanings: Meanings::new(),
            keys: vec![
                key("browser", Grant::Write(KeyScope::Browser)),
                key("server", Grant::Write(KeyScope::Server)),
                key("pixel", Grant::Write(KeyScope::Pixel)),
                key("read", Grant::Read),
            ],
        }]);
        Sites::new(watch::channel(Arc::new(directory)).1, 0)
    }

    fn code(outcome: Result<Access, IntakeError>) -> Result<(KeyScope, bool), String> {
        outcome
            .map(|access| (access.scope, access.counts_money))
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_key_opens_the_endpoints_of_its_scope() {
        let sites = sites_with(SiteSettings::default());
        let messages = |key| code(Access::to_messages(&sites, key, None));
        let pixel = |key| code(Access::to_pixel(&sites, key));
        assert_eq!(messages("server"), Ok((KeyScope::Server, true)));
        assert_eq!(messages("browser"), Ok((KeyScope::Browser, true)));
        assert_eq!(messages("pixel"), Err("WrongScope".to_owned()));
        for key in ["browser", "server", "pixel"] {
            assert_eq!(pixel(key), Ok((KeyScope::Pixel, false)), "{key}");
        }
        for key in ["read", "nothing", ""] {
            assert_eq!(messages(key), Err("UnknownKey".to_owned()), "{key}");
            assert_eq!(pixel(key), Err("UnknownKey".to_owned()), "{key}");
        }
        let settings = SiteSettings {
            pixel_revenue: true,
            ..SiteSettings::default()
        };
        let sites = sites_with(settings);
        assert_eq!(
            code(Access::to_pixel(&sites, "pixel")),
            Ok((KeyScope::Pixel, true))
        );
    }

    #[test]
    fn a_site_that_lists_origins_refuses_browsers_of_other_origins() {
        let origins = vec![
            "https://shop.example/".to_owned(),
            "https://www.shop.example".to_owned(),
        ];
        let sites = sites_with(SiteSettings {
            allowed_origins: origins,
            ..SiteSettings::default()
        });
        for (key, origin, allowed) in [
            ("browser", Some("https://shop.example"), true),
            ("browser", Some("https://SHOP.example"), true),
            ("browser", Some("https://shop.example.evil.example"), false),
            ("browser", Some("http://shop.example"), false),
            ("browser", Some("null"), false),
            ("browser", None, false),
            ("server", None, true),
            ("server", Some("https://elsewhere.example"), true),
        ] {
            let outcome = Access::to_messages(&sites, key, origin);
            assert_eq!(outcome.is_ok(), allowed, "{key} from {origin:?}");
        }
        assert!(Access::to_pixel(&sites, "browser").is_ok());
    }

    #[test]
    fn the_user_name_of_basic_authentication_is_the_key() {
        let check = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            basic_key(&headers).map_err(|error| format!("{error:?}"))
        };
        assert_eq!(check("Basic a2V5Og=="), Ok(Some("key".to_owned())));
        assert_eq!(check("basic  a2V5OnB3"), Ok(Some("key".to_owned())));
        assert_eq!(check("Basic a2V5"), Ok(Some("key".to_owned())));
        assert_eq!(check("Basic Og=="), Ok(None));
        assert_eq!(check("Bearer token"), Ok(None));
        assert_eq!(check("Basic"), Ok(None));
        assert_eq!(check("Basic ?"), Err("UnknownKey".to_owned()));
        assert_eq!(check("Basic //79"), Err("UnknownKey".to_owned()));
        assert_eq!(basic_key(&HeaderMap::new()).ok(), Some(None));
    }
}
