//! The keys of a site, and the changes that administrators make to them on the page of set-up.

use serde::{Deserialize, Serialize};

use super::{Grant, KeyHash};
use crate::event::KeyScope;
use crate::id::SiteId;
use crate::time::Timestamp;

/// The most keys that a site can have; the command line may add more.
pub const MOST_KEYS: usize = 100;
/// The number of digits by which people are shown a key's hash.
pub const SHOWN_DIGITS: usize = 12;

/// The stored record of a site's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The hash of the key.
    pub hash: KeyHash,
    /// The permission that the key grants.
    pub grant: Grant,
    /// Who created it, and when; unknown for keys of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<KeyCreation>,
}

/// Who created a key, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCreation {
    /// The e-mail address of whoever created it, or [`crate::trail::COMMAND_LINE`].
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Grant {
    /// Every permission, in the order of [`KeyScope::ALL`], with reading last.
    pub const ALL: [Self; 4] = [
        Self::Write(KeyScope::Server),
        Self::Write(KeyScope::Browser),
        Self::Write(KeyScope::Pixel),
        Self::Read,
    ];

    /// Returns the name under which the interface lists keys: the scope, or `read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write(scope) => scope.as_str(),
            Self::Read => "read",
        }
    }

    /// Returns the prefix of keys that grant this.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Write(_) => "ew",
            Self::Read => "er",
        }
    }
}

/// A change of a site's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// Adds a key.
    Add(SiteId, KeyRecord),
    /// Revokes the key with this hash.
    Revoke(SiteId, KeyHash),
}

/// Why a key cannot be added or revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnusableKey {
    /// The site has too many.
    #[error("this site has {MOST_KEYS} keys, which is the most: revoke one first")]
    TooMany,
    /// The site has no such key.
    #[error("this site has no such key: it may be revoked already")]
    Unknown,
    /// There is no such site.
    #[error("there is no such site")]
    UnknownSite,
}

impl KeyChange {
    /// Returns the site whose keys change.
    #[must_use]
    pub const fn site(&self) -> &SiteId {
        match self {
            Self::Add(site, _) | Self::Revoke(site, _) => site,
        }
    }

    /// Checks that the change can be applied to the keys of its site.
    ///
    /// # Errors
    /// [`UnusableKey`] if the site has the most keys already, or not the one to be revoked.
    pub fn check(&self, known: &[KeyRecord]) -> Result<(), UnusableKey> {
        match self {
            Self::Add(..) if known.len() >= MOST_KEYS => Err(UnusableKey::TooMany),
            Self::Revoke(_, hash) if !known.iter().any(|key| key.hash == *hash) => {
                Err(UnusableKey::Unknown)
            }
            Self::Add(..) | Self::Revoke(..) => Ok(()),
        }
    }

    /// Applies the change.
    pub fn apply(self, keys: &mut Vec<KeyRecord>) {
        match self {
            Self::Add(_, key) => {
                keys.retain(|existing| existing.hash != key.hash);
                keys.push(key);
            }
            Self::Revoke(_, hash) => keys.retain(|key| key.hash != hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> KeyRecord {
        KeyRecord {
            hash: KeyHash::of(&number.to_string()),
            grant: Grant::Read,
            created: None,
        }
    }

    #[test]
    fn the_number_of_keys_is_limited_and_only_what_is_there_can_be_revoked() {
        let shop = SiteId::try_new("shop").unwrap();
        let add = |number| KeyChange::Add(shop.clone(), key(number));
        let revoke = |number| KeyChange::Revoke(shop.clone(), key(number).hash);
        let mut known = Vec::new();
        assert_eq!(revoke(0).check(&known), Err(UnusableKey::Unknown));
        for number in 0..MOST_KEYS {
            assert_eq!(add(number).check(&known), Ok(()));
            add(number).apply(&mut known);
        }
        assert_eq!(add(MOST_KEYS).check(&known), Err(UnusableKey::TooMany));
        assert_eq!(revoke(7).check(&known), Ok(()));
        revoke(7).apply(&mut known);
        assert_eq!(revoke(7).check(&known), Err(UnusableKey::Unknown));
        assert_eq!(add(MOST_KEYS).check(&known), Ok(()));
    }

    #[test]
    fn a_record_without_a_creation_is_read() {
        let hash = KeyHash::of("w");
        let text = format!(r#"{{"hash":"{hash}","grant":{{"write":"server"}}}}"#);
        let record: KeyRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(record.grant, Grant::Write(KeyScope::Server));
        assert_eq!(record.created, None);
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }
}
