//! The sites of a data folder: kept in `sites.json`, published to whoever checks keys.
//!
//! Keys are shown once, when they are made; the file holds their hashes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::site::{Grant, KeyHash, KeyRecord, Site, SiteDirectory, SiteSettings};
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::data_dir::write_private;

/// A key's random part: 32 characters of 62 are 190 bits.
const KEY_LENGTH: usize = 32;

/// A pair of keys, shown once.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NewKeys {
    pub(crate) site: SiteId,
    pub(crate) write_key: String,
    pub(crate) read_token: String,
}

/// What stands in `sites.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSites {
    /// Opens the admin endpoints.
    admin_token: Option<KeyHash>,
    sites: Vec<Site>,
}

/// The sites of a data folder. One process changes them at a time: whoever holds the folder's lock.
#[derive(Debug)]
pub(crate) struct SiteStore {
    path: PathBuf,
    stored: Mutex<StoredSites>,
    /// Keys of this process alone, such as those of a running import.
    ephemeral: Mutex<Vec<(SiteId, KeyRecord)>>,
    directory: watch::Sender<Arc<SiteDirectory>>,
}

impl SiteStore {
    /// Reads the sites; a missing file is an installation without sites.
    pub(crate) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let stored = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!("{} is damaged; restore it from a backup", path.display())
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => StoredSites::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let (directory, _) = watch::channel(Arc::new(SiteDirectory::new(stored.sites.clone())));
        let ephemeral = Mutex::default();
        Ok(Self {
            path,
            stored: Mutex::new(stored),
            ephemeral,
            directory,
        })
    }

    /// Returns a view of the sites that follows every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<SiteDirectory>> {
        self.directory.subscribe()
    }

    /// Returns whether nothing was ever stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().sites.is_empty()
    }

    /// Makes the admin token anew and returns it.
    pub(crate) fn create_admin_token(&self) -> anyhow::Result<String> {
        let token = random_key("ea");
        self.change(|stored| {
            stored.admin_token = Some(KeyHash::of(&token));
            Ok(())
        })?;
        Ok(token)
    }

    /// Returns whether `token` is the admin token.
    pub(crate) fn is_admin(&self, token: &str) -> bool {
        self.lock().admin_token == Some(KeyHash::of(token))
    }

    /// Makes a site, or another pair of keys for it.
    pub(crate) fn create_keys(&self, site: &SiteId, scope: KeyScope) -> anyhow::Result<NewKeys> {
        let (write_key, read_token) = (random_key("ew"), random_key("er"));
        let records = [
            KeyRecord {
                hash: KeyHash::of(&write_key),
                grant: Grant::Write(scope),
            },
            KeyRecord {
                hash: KeyHash::of(&read_token),
                grant: Grant::Read,
            },
        ];
        self.change(|stored| {
            match stored
                .sites
                .iter_mut()
                .find(|existing| existing.id == *site)
            {
                Some(existing) => existing.keys.extend(records),
                None => stored.sites.push(Site {
                    id: site.clone(),
                    settings: SiteSettings::default(),
                    keys: records.to_vec(),
                }),
            }
            Ok(())
        })?;
        Ok(NewKeys {
            site: site.clone(),
            write_key,
            read_token,
        })
    }

    /// Takes the key whose hash starts with `prefix` away from `site`.
    pub(crate) fn revoke_key(&self, site: &SiteId, prefix: &str) -> anyhow::Result<()> {
        self.change(|stored| {
            let Some(site) = stored
                .sites
                .iter_mut()
                .find(|existing| existing.id == *site)
            else {
                bail!("there is no site `{site}`");
            };
            let matches = |key: &KeyRecord| key.hash.to_string().starts_with(prefix);
            if prefix.len() < 8 || site.keys.iter().filter(|key| matches(key)).count() != 1 {
                bail!(
                    "`{prefix}` is not the start (8 characters or more) of exactly one key's hash"
                );
            }
            site.keys.retain(|key| !matches(key));
            Ok(())
        })
    }

    /// Replaces a site's settings.
    pub(crate) fn change_settings(
        &self,
        site: &SiteId,
        settings: SiteSettings,
    ) -> anyhow::Result<()> {
        self.change(|stored| {
            let Some(site) = stored
                .sites
                .iter_mut()
                .find(|existing| existing.id == *site)
            else {
                bail!("there is no site `{site}`");
            };
            site.settings = settings;
            Ok(())
        })
    }

    /// Makes a write key that works until this process ends.
    pub(crate) fn create_ephemeral_key(&self, site: &SiteId) -> anyhow::Result<String> {
        let key = random_key("et");
        let record = KeyRecord {
            hash: KeyHash::of(&key),
            grant: Grant::Write(KeyScope::Server),
        };
        let stored = self.lock();
        if !stored.sites.iter().any(|existing| existing.id == *site) {
            let names: Vec<_> = stored.sites.iter().map(|site| site.id.as_str()).collect();
            bail!(
                "there is no site `{site}`; the sites are: {}",
                names.join(", ")
            );
        }
        let mut ephemeral = self
            .ephemeral
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Bounded: an installation whose imports start more often than that forgets the oldest.
        if ephemeral.len() >= 1_000 {
            ephemeral.remove(0);
        }
        ephemeral.push((site.clone(), record));
        drop(ephemeral);
        self.publish(&stored);
        Ok(key)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, StoredSites> {
        // A change is put in place whole: see `change`.
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        change: impl FnOnce(&mut StoredSites) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut stored = self.lock();
        let mut changed = stored.clone();
        change(&mut changed)?;
        write_private(&self.path, &serde_json::to_vec_pretty(&changed)?)?;
        *stored = changed;
        self.publish(&stored);
        Ok(())
    }

    fn publish(&self, stored: &StoredSites) {
        let mut sites = stored.sites.clone();
        let ephemeral = self
            .ephemeral
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (id, record) in ephemeral.iter() {
            if let Some(site) = sites.iter_mut().find(|site| site.id == *id) {
                site.keys.push(record.clone());
            }
        }
        drop(ephemeral);
        self.directory
            .send_replace(Arc::new(SiteDirectory::new(sites)));
    }
}

/// Makes a key of random characters; the prefix tells people what it is for.
pub(crate) fn random_key(prefix: &str) -> String {
    format!(
        "{prefix}_{}",
        Alphanumeric.sample_string(&mut rand::rng(), KEY_LENGTH)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, SiteStore) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SiteStore::open(folder.path().join("sites.json")).expect("no file yet");
        (folder, store)
    }

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).expect("a valid name")
    }

    #[test]
    fn keys_work_at_once_and_after_a_restart_and_are_not_stored() {
        let (folder, store) = store();
        let directory = store.subscribe();
        let keys = store
            .create_keys(&site("shop"), KeyScope::Browser)
            .expect("created");
        assert!(directory.borrow().writer(&keys.write_key).is_some());
        let text = std::fs::read_to_string(folder.path().join("sites.json")).expect("written");
        assert!(!text.contains(&keys.write_key) && !text.contains(&keys.read_token));
        let again = SiteStore::open(folder.path().join("sites.json")).expect("readable");
        assert!(
            again
                .subscribe()
                .borrow()
                .reader(&keys.read_token)
                .is_some()
        );
    }

    #[test]
    fn an_ephemeral_key_ends_with_the_process_and_needs_its_site() {
        let (folder, store) = store();
        assert!(store.create_ephemeral_key(&site("shop")).is_err());
        store
            .create_keys(&site("shop"), KeyScope::Server)
            .expect("created");
        let key = store.create_ephemeral_key(&site("shop")).expect("created");
        assert!(store.subscribe().borrow().writer(&key).is_some());
        store
            .create_keys(&site("other"), KeyScope::Server)
            .expect("created");
        assert!(
            store.subscribe().borrow().writer(&key).is_some(),
            "survives other changes"
        );
        let again = SiteStore::open(folder.path().join("sites.json")).expect("readable");
        assert!(again.subscribe().borrow().writer(&key).is_none());
    }

    #[test]
    fn a_revoked_key_stops_working() {
        let (_folder, store) = store();
        let keys = store
            .create_keys(&site("shop"), KeyScope::Server)
            .expect("created");
        let hash: String = KeyHash::of(&keys.write_key)
            .to_string()
            .chars()
            .take(12)
            .collect();
        assert!(store.revoke_key(&site("shop"), "").is_err());
        store.revoke_key(&site("shop"), &hash).expect("revoked");
        let directory = store.subscribe();
        assert!(directory.borrow().writer(&keys.write_key).is_none());
        assert!(directory.borrow().reader(&keys.read_token).is_some());
    }
}
