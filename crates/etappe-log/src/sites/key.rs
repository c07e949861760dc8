//! Creating and revoking keys, which are stored with the sites.

use std::fmt;

use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, KeyStore};
use etappe_core::site::stored::SiteChange;
use etappe_core::site::{
    Grant, KeyChange, KeyCreation, KeyHash, KeyRecord, SiteSettings, UnusableKey,
};
use etappe_core::trail::{Action, COMMAND_LINE, TrailEntry};
use etappe_runtime::clock::SystemClock;
use etappe_runtime::random_key::random_key;
use serde::{Deserialize, Serialize};

use super::SiteStore;
use super::trail::{by_command, telling};
use crate::error::SiteError;

/// A pair of keys, shown once.
#[derive(Serialize, Deserialize)]
pub struct NewKeys {
    /// The site.
    pub site: SiteId,
    /// The key for sending events.
    pub write_key: String,
    /// The token for reading KPIs.
    pub read_token: String,
}

impl fmt::Debug for NewKeys {
    /// Hides the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKeys")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl SiteStore {
    /// Creates a site, or another pair of keys for it.
    ///
    /// # Errors
    /// [`SiteError`] if their hashes cannot be stored.
    pub async fn create_keys(&self, site: &SiteId, scope: KeyScope) -> Result<NewKeys, SiteError> {
        let [write, read] = [Grant::Write(scope), Grant::Read];
        let (write_key, read_token) = (random_key(write.prefix()), random_key(read.prefix()));
        let add = [(&write_key, write), (&read_token, read)].map(|(key, grant)| {
            let created = KeyCreation {
                by: COMMAND_LINE.to_owned(),
                at: SystemClock.now(),
            };
            let record = KeyRecord {
                hash: KeyHash::of(key),
                grant,
                created: Some(created),
            };
            SiteChange::Key(KeyChange::Add(site.clone(), record))
        });
        self.change(|stored| {
            let is_new = stored.site(site).is_none();
            let settings = SiteChange::Settings(site.clone(), SiteSettings::default());
            let made = is_new.then_some((settings, Action::SiteCreated));
            let [write, read] = add;
            let made = made.into_iter().chain([(write, Action::KeysCreated)]);
            let mut changes: Vec<_> = made
                .flat_map(|(change, action)| {
                    let told = by_command(Some(site), action, site.as_str());
                    telling(stored, change, told)
                })
                .collect();
            changes.push(read);
            Ok(changes)
        })
        .await?;
        Ok(NewKeys {
            site: site.clone(),
            write_key,
            read_token,
        })
    }

    /// Revokes the key of `site` whose hash starts with `prefix`.
    ///
    /// # Errors
    /// [`SiteError`] if no site or not exactly one key matches, or the change cannot be stored.
    pub async fn revoke_key(&self, site: &SiteId, prefix: &str) -> Result<(), SiteError> {
        self.change(|stored| {
            let found = stored.expect_site(site)?;
            let hashes = found.keys.iter().map(|key| key.hash);
            let matching: Vec<_> = hashes
                .filter(|hash| hash.to_string().starts_with(prefix))
                .collect();
            match matching[..] {
                [hash] if prefix.len() >= 8 => {
                    let told = by_command(Some(site), Action::KeyRevoked, prefix);
                    let revoke = KeyChange::Revoke(site.clone(), hash);
                    Ok(telling(stored, SiteChange::Key(revoke), told))
                }
                _ => Err(SiteError::AmbiguousKey {
                    prefix: prefix.to_owned(),
                }),
            }
        })
        .await
    }
}

impl KeyStore for SiteStore {
    type Error = SiteError;

    async fn change_key(
        &self,
        change: KeyChange,
        told: TrailEntry,
    ) -> Result<Result<(), UnusableKey>, SiteError> {
        let mut decided = Ok(());
        self.change(|stored| {
            let site = stored.site(change.site());
            let site = site.ok_or(UnusableKey::UnknownSite);
            decided = site.and_then(|site| change.check(&site.keys));
            if decided.is_err() {
                return Ok(Vec::new());
            }
            Ok(telling(stored, SiteChange::Key(change), told))
        })
        .await?;
        Ok(decided)
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::site::KEY_LETTERS;
    use etappe_runtime::random_key::random_key;

    #[test]
    fn every_kind_of_key_is_recognised_and_masked_in_texts() {
        // Prefixes of admin, control, first-account, link, read, session, import and write keys, and
        // of passwords. Ids of users are no secret.
        for prefix in ["ea", "ec", "ef", "el", "ep", "er", "es", "et", "ew"] {
            let key = random_key(prefix);
            assert_eq!(key.len(), prefix.len() + 1 + KEY_LETTERS);
            let masked = etappe_wire::secret::without_keys(&key).into_owned();
            assert_eq!(masked, "*".repeat(key.len()));
        }
    }
}
