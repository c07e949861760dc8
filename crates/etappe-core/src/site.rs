//! Sites (tenants), their settings and their keys.
//!
//! Only a key's SHA-256 is stored. Keys have 190 random bits, so a slow hash would add nothing. A
//! [`SiteDirectory`] is an immutable snapshot; a change publishes a new one.

mod key;
pub mod stored;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::{Accounts, User};
use crate::currency::Currency;
use crate::event::KeyScope;
use crate::id::SiteId;
use crate::meaning::{Meanings, OwnRule};
use crate::money_terms::{LargestAmounts, MoneyTerms};
use crate::trail::Trail;

pub use key::{KeyChange, KeyCreation, KeyRecord, MOST_KEYS, SHOWN_DIGITS, UnusableKey};

/// The number of random characters in a key, after its prefix: 32 of 62 characters are 190 bits.
pub const KEY_LETTERS: usize = 32;

/// The SHA-256 of a key or token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes a key as presented by the client.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Returns the first digits, by which people tell keys apart.
    #[must_use]
    pub fn shown(&self) -> String {
        self.to_string().chars().take(SHOWN_DIGITS).collect()
    }

    /// Reads a hash back from its 64 hexadecimal digits.
    #[must_use]
    pub fn of_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("a key hash has 64 hexadecimal digits"))
    }
}

/// The permission that a key grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Sending events, which are trusted as far as the scope allows.
    Write(KeyScope),
    /// Reading KPIs.
    Read,
}

/// A site's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSettings {
    /// IANA name of the time zone for calendar periods. Default `UTC`.
    pub timezone: String,
    /// ISO 4217 code assumed for amounts sent without a currency. Default `EUR`.
    pub currency: String,
    /// Origins that browsers may post from; empty allows any. Default empty.
    pub allowed_origins: Vec<String>,
    /// Whether revenue in a pixel's address counts; such an address can be forged by anyone.
    /// Default false.
    pub pixel_revenue: bool,
    /// Whether a refund or cancellation reported by a browser or a pixel also counts if it concerns
    /// an order that a server reported, or names no order; anyone can send one. Default false.
    pub browser_refunds: bool,
    /// Events per second accepted from this site; `None` means no limit. Default `None`.
    pub events_per_second: Option<u32>,
    /// The largest amount of money that counts, for every currency or per currency; a larger amount
    /// does not count and causes a warning. Default 10^15.
    pub largest_amount: LargestAmounts,
}

impl SiteSettings {
    /// Returns the settings that decide which amounts of money count.
    #[must_use]
    pub fn money_terms(&self) -> MoneyTerms {
        MoneyTerms {
            currency: Currency::of_code(&self.currency).unwrap_or_default(),
            largest: self.largest_amount.clone(),
        }
    }
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            timezone: "UTC".to_owned(),
            currency: "EUR".to_owned(),
            allowed_origins: Vec::new(),
            pixel_revenue: false,
            browser_refunds: false,
            events_per_second: None,
            largest_amount: LargestAmounts::default(),
        }
    }
}

/// A site with its keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// The site's name.
    pub id: SiteId,
    /// Its settings.
    #[serde(default)]
    pub settings: SiteSettings,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<KeyRecord>,
    /// What its own names of events mean.
    #[serde(default, skip_serializing_if = "Meanings::is_empty")]
    pub meanings: Meanings,
}

/// All sites, their keys and the people who may sign in, at one moment.
#[derive(Debug, Clone, Default)]
pub struct SiteDirectory {
    sites: BTreeMap<SiteId, Site>,
    keys: HashMap<KeyHash, (SiteId, Grant)>,
    own_rules: BTreeMap<SiteId, HashMap<String, OwnRule>>,
    accounts: Accounts,
    trail: Trail,
}

impl SiteDirectory {
    /// Creates a directory of `sites`; of two sites with the same name the later one is kept.
    #[must_use]
    pub fn new(sites: impl IntoIterator<Item = Site>) -> Self {
        let sites: BTreeMap<_, _> = sites
            .into_iter()
            .map(|site| (site.id.clone(), site))
            .collect();
        let keys = sites
            .values()
            .flat_map(|site| {
                site.keys
                    .iter()
                    .map(|key| (key.hash, (site.id.clone(), key.grant)))
            })
            .collect();
        let with_meanings = sites.values().filter(|site| !site.meanings.is_empty());
        let own_rules = with_meanings.map(|site| (site.id.clone(), own_rules(&site.meanings)));
        let own_rules = own_rules.collect();
        Self {
            sites,
            keys,
            own_rules,
            accounts: Accounts::default(),
            trail: Trail::default(),
        }
    }

    /// Adds keys that end with this process: they open what they grant, and are not listed among the
    /// keys of their site.
    #[must_use]
    pub fn with_temporary_keys(
        mut self,
        keys: impl IntoIterator<Item = (SiteId, KeyRecord)>,
    ) -> Self {
        let keys = keys.into_iter();
        self.keys
            .extend(keys.map(|(site, key)| (key.hash, (site, key.grant))));
        self
    }

    /// Adds the people who may sign in.
    #[must_use]
    pub fn with_accounts(self, accounts: Accounts) -> Self {
        Self { accounts, ..self }
    }

    /// Adds the audit trail.
    #[must_use]
    pub fn with_trail(self, trail: Trail) -> Self {
        Self { trail, ..self }
    }

    /// Returns the audit trail.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Returns the people who may sign in, and who is signed in.
    #[must_use]
    pub const fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Returns the site called `id`.
    #[must_use]
    pub fn site(&self, id: &str) -> Option<&Site> {
        self.sites.values().find(|site| site.id.as_str() == id)
    }

    /// Returns the rule that the site has for events of this name, if it says what they mean.
    #[must_use]
    pub fn own_rule(&self, site: &SiteId, event: &str) -> Option<&OwnRule> {
        self.own_rules.get(site)?.get(event)
    }

    /// Returns the site called `id` if `user` has a role there.
    #[must_use]
    pub fn site_of(&self, user: &User, id: &str) -> Option<&Site> {
        self.site(id)
            .filter(|site| user.role_at(&site.id).is_some())
    }

    /// Iterates over the sites by name.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// Returns the site and scope that `key` may write to.
    ///
    /// The lookup is by hash, so its duration reveals nothing about stored keys.
    #[must_use]
    pub fn writer(&self, key: &str) -> Option<(&Site, KeyScope)> {
        match self.keys.get(&KeyHash::of(key))? {
            (site, Grant::Write(scope)) => Some((self.sites.get(site)?, *scope)),
            (_, Grant::Read) => None,
        }
    }

    /// Returns the site that `token` may read.
    #[must_use]
    pub fn reader(&self, token: &str) -> Option<&Site> {
        match self.keys.get(&KeyHash::of(token))? {
            (site, Grant::Read) => self.sites.get(site),
            (_, Grant::Write(_)) => None,
        }
    }
}

fn own_rules(meanings: &Meanings) -> HashMap<String, OwnRule> {
    let rules = meanings.iter();
    rules
        .map(|(event, meaning)| (event.clone(), OwnRule::new(event, meaning)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_only_the_endpoints_of_its_scope() {
        let key = |text: &str, grant| KeyRecord {
            hash: KeyHash::of(text),
            grant,
            created: None,
        };
        let directory = SiteDirectory::new([Site {
            id: SiteId::try_new("shop").unwrap(),
            settings: SiteSettings::default(),
            keys: vec![
                key("w", Grant::Write(KeyScope::Server)),
                key("r", Grant::Read),
            ],
            meanings: Meanings::new(),
        }]);
        assert_eq!(
            directory.writer("w").map(|(_, scope)| scope),
            Some(KeyScope::Server)
        );
        assert!(directory.writer("r").is_none() && directory.reader("w").is_none());
        assert!(directory.reader("r").is_some() && directory.reader("x").is_none());
    }

    #[test]
    fn a_hash_round_trips_through_text() {
        let hash = KeyHash::of("secret");
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<KeyHash>(&text).unwrap(), hash);
    }
}
