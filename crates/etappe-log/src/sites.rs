//! Sites, their keys and accounts: storage, changes, and publication to the components that check
//! keys and sessions.
//!
//! They are stored in a file beside the local log, or on Kafka in a table that all processes share.
//! Keys are shown once, when they are created; only their hashes are stored.

mod account;
mod key;
mod meaning;
mod storage;
mod trail;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::site::stored::{SiteChange, StoredSites};
use etappe_core::site::{Grant, KeyHash, KeyRecord, SiteDirectory, SiteSettings};
use etappe_core::trail::Action;
use etappe_runtime::random_key::random_key;
use parking_lot::Mutex;
use tokio::sync::watch;

pub use self::key::NewKeys;
use self::storage::{of_table, put, read_file, write_file};
use self::trail::{by_command, telling};
use crate::error::SiteError;
use crate::kafka::KafkaTable;

/// How long to wait until a change of the shared table is visible here.
const CHANGE_PATIENCE: Duration = Duration::from_secs(20);

/// The plain-text read token of each site.
#[derive(Default)]
struct ReadTokens(BTreeMap<SiteId, String>);

impl fmt::Debug for ReadTokens {
    /// Hides the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where sites are stored.
#[derive(Debug)]
enum Place {
    /// In a file that only this process changes.
    File(PathBuf),
    /// In a table that all processes share.
    Table(KafkaTable),
}

/// The sites of an installation.
#[derive(Debug)]
pub struct SiteStore {
    place: Place,
    /// Serializes changes.
    changing: tokio::sync::Mutex<()>,
    stored: Mutex<StoredSites>,
    /// Keys known only to this process, such as those of a running import.
    ephemeral: Mutex<Vec<(SiteId, KeyRecord)>>,
    /// A read token for each site that a local command queried; they are valid until the process
    /// ends.
    readers: Mutex<ReadTokens>,
    directory: watch::Sender<Arc<SiteDirectory>>,
}

impl SiteStore {
    /// Reads the sites from a file; a missing file is an installation without sites.
    ///
    /// # Errors
    /// [`SiteError`] if the file cannot be read.
    pub fn open_file(path: PathBuf) -> Result<Self, SiteError> {
        let stored = read_file(&path)?.unwrap_or_default();
        Ok(Self::new(Place::File(path), stored))
    }

    /// Uses the sites of a shared table as far as they are known already; [`follow`](Self::follow)
    /// keeps them up to date. `copy` is the file of the last known sites, for a start without the
    /// table.
    #[must_use]
    pub fn open_table(table: KafkaTable, copy: Option<&PathBuf>) -> Self {
        let stored = if table.is_current() {
            of_table(&table.rows().borrow())
        } else {
            let known = copy.and_then(|path| {
                let read = read_file(path);
                // The table is complete, and the copy is rewritten from it.
                read.inspect_err(
                    |error| tracing::warn!(%error, "the copy of the sites cannot be read"),
                )
                .ok()
                .flatten()
            });
            known.unwrap_or_default()
        };
        Self::new(Place::Table(table), stored)
    }

    fn new(place: Place, stored: StoredSites) -> Self {
        let directory = SiteDirectory::new(stored.sites.clone());
        let directory = directory
            .with_accounts(stored.accounts.clone())
            .with_trail(stored.trail.clone());
        let (directory, _) = watch::channel(Arc::new(directory));
        Self {
            place,
            changing: tokio::sync::Mutex::default(),
            stored: Mutex::new(stored),
            ephemeral: Mutex::default(),
            readers: Mutex::default(),
            directory,
        }
    }

    /// Publishes other processes' changes to a shared table and keeps a copy of it; ends when the
    /// table is closed. For a file it does nothing.
    pub async fn follow(&self, copy: Option<PathBuf>) {
        let Place::Table(table) = &self.place else {
            return;
        };
        let mut rows = table.rows();
        // It may have changed since it was opened.
        rows.mark_changed();
        while rows.changed().await.is_ok() {
            if !table.is_current() {
                continue;
            }
            let stored = of_table(&rows.borrow_and_update());
            if let Some(path) = &copy
                && let Err(error) = write_file(path, &stored)
            {
                tracing::warn!(%error, "the copy of the sites is out of date");
            }
            let mut known = self.stored.lock();
            *known = stored;
            self.publish(&known);
        }
    }

    /// Returns a receiver that follows every change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<SiteDirectory>> {
        self.directory.subscribe()
    }

    /// Returns whether nothing was ever stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.lock().sites.is_empty()
    }

    /// Replaces the admin token and returns the new one.
    ///
    /// # Errors
    /// [`SiteError`] if the token's hash cannot be stored.
    pub async fn create_admin_token(&self) -> Result<String, SiteError> {
        let token = random_key("ea");
        let change = SiteChange::AdminToken(KeyHash::of(&token));
        let told = by_command(None, Action::AdminTokenReplaced, "");
        self.change(|stored| Ok(telling(stored, change, told)))
            .await?;
        Ok(token)
    }

    /// Returns whether `token` is the admin token.
    #[must_use]
    pub fn is_admin(&self, token: &str) -> bool {
        self.stored.lock().admin_token == Some(KeyHash::of(token))
    }

    /// Replaces a site's settings.
    ///
    /// # Errors
    /// [`SiteError`] if the site does not exist, or the change cannot be stored.
    pub async fn change_settings(
        &self,
        site: &SiteId,
        settings: SiteSettings,
    ) -> Result<(), SiteError> {
        self.change(|stored| {
            stored.expect_site(site)?;
            let told = by_command(Some(site), Action::SettingsChanged, site.as_str());
            Ok(telling(
                stored,
                SiteChange::Settings(site.clone(), settings),
                told,
            ))
        })
        .await
    }

    /// Copies all sites of another store that are missing here, with their settings and keys;
    /// returns their number.
    ///
    /// # Errors
    /// [`SiteError`] if the changes cannot be stored.
    pub async fn adopt(&self, other: &Self) -> Result<usize, SiteError> {
        let others = other.stored.lock().clone();
        let count = others.sites.len();
        self.change(|stored| Ok(stored.lacking(others))).await?;
        Ok(count)
    }

    /// Creates a write key that is valid until this process ends.
    ///
    /// # Errors
    /// [`SiteError`] if the site does not exist.
    pub fn create_ephemeral_key(&self, site: &SiteId) -> Result<String, SiteError> {
        let key = random_key("et");
        let record = temporary(KeyHash::of(&key), Grant::Write(KeyScope::Server));
        let stored = self.stored.lock();
        stored.expect_site(site)?;
        let mut ephemeral = self.ephemeral.lock();
        // Bounded: when imports start very often, the oldest key is dropped.
        if ephemeral.len() >= 1_000 {
            ephemeral.remove(0);
        }
        ephemeral.push((site.clone(), record));
        drop(ephemeral);
        self.publish(&stored);
        Ok(key)
    }

    /// Returns a read token that is valid until this process ends; always the same one for a site.
    ///
    /// # Errors
    /// [`SiteError`] if the site does not exist.
    pub fn ephemeral_token(&self, site: &SiteId) -> Result<String, SiteError> {
        let stored = self.stored.lock();
        stored.expect_site(site)?;
        let mut readers = self.readers.lock();
        if let Some(token) = readers.0.get(site) {
            return Ok(token.clone());
        }
        let token = random_key("er");
        readers.0.insert(site.clone(), token.clone());
        drop(readers);
        self.publish(&stored);
        Ok(token)
    }

    /// Applies the changes returned by `decide`; returns once they are stored and in effect here.
    async fn change(
        &self,
        decide: impl FnOnce(&StoredSites) -> Result<Vec<SiteChange>, SiteError>,
    ) -> Result<(), SiteError> {
        let _one_at_a_time = self.changing.lock().await;
        let mut changed = self.stored.lock().clone();
        let changes = decide(&changed)?;
        let rows: Vec<_> = changes.iter().map(SiteChange::to_row).collect();
        changes.into_iter().for_each(|change| changed.apply(change));
        match &self.place {
            Place::File(path) => write_file(path, &changed)?,
            Place::Table(table) => {
                for (key, value) in rows {
                    put(table, &key, value).await?;
                }
                // Another process may have changed it meanwhile.
                changed = of_table(&table.rows().borrow());
            }
        }
        let mut stored = self.stored.lock();
        *stored = changed;
        self.publish(&stored);
        Ok(())
    }

    fn publish(&self, stored: &StoredSites) {
        let ephemeral = self.ephemeral.lock().clone();
        let readers = self.readers.lock();
        let tokens = readers.0.iter().map(|(site, token)| {
            let hash = KeyHash::of(token);
            (site.clone(), temporary(hash, Grant::Read))
        });
        let temporary_keys: Vec<_> = ephemeral.into_iter().chain(tokens).collect();
        drop(readers);
        let directory = SiteDirectory::new(stored.sites.clone())
            .with_temporary_keys(temporary_keys)
            .with_accounts(stored.accounts.clone())
            .with_trail(stored.trail.clone());
        self.directory.send_replace(Arc::new(directory));
    }
}

/// Returns the record of a key that ends with this process.
const fn temporary(hash: KeyHash, grant: Grant) -> KeyRecord {
    KeyRecord {
        hash,
        grant,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::ports::KeyStore;
    use etappe_core::site::{KeyChange, KeyCreation, UnusableKey};
    use etappe_core::time::Timestamp;
    use etappe_core::trail::TrailEntry;

    use super::*;

    fn store() -> (tempfile::TempDir, SiteStore) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SiteStore::open_file(folder.path().join("sites.json")).expect("no file yet");
        (folder, store)
    }

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).expect("a valid name")
    }

    async fn create(store: &SiteStore, name: &str) -> NewKeys {
        let created = store.create_keys(&site(name), KeyScope::Server).await;
        created.expect("room on the disk")
    }

    #[tokio::test]
    async fn new_keys_work_at_once_and_after_a_restart_and_only_hashes_are_stored() {
        let (folder, store) = store();
        let directory = store.subscribe();
        let keys = create(&store, "shop").await;
        assert!(directory.borrow().writer(&keys.write_key).is_some());
        let text = std::fs::read_to_string(folder.path().join("sites.json")).expect("written");
        assert!(!text.contains(&keys.write_key) && !text.contains(&keys.read_token));
        let again = SiteStore::open_file(folder.path().join("sites.json")).expect("readable");
        assert!(
            again
                .subscribe()
                .borrow()
                .reader(&keys.read_token)
                .is_some()
        );
    }

    #[tokio::test]
    async fn an_ephemeral_key_is_valid_until_the_process_ends() {
        let (folder, store) = store();
        assert!(store.create_ephemeral_key(&site("shop")).is_err());
        create(&store, "shop").await;
        let key = store.create_ephemeral_key(&site("shop")).expect("created");
        let directory = store.subscribe().borrow().clone();
        assert!(directory.writer(&key).is_some());
        let shop = directory.site("shop").expect("created");
        assert_eq!(shop.keys.len(), 2, "it is not listed");
        create(&store, "other").await;
        assert!(
            store.subscribe().borrow().writer(&key).is_some(),
            "survives other changes"
        );
        let again = SiteStore::open_file(folder.path().join("sites.json")).expect("readable");
        assert!(again.subscribe().borrow().writer(&key).is_none());
    }

    #[tokio::test]
    async fn a_site_has_one_ephemeral_token_which_reads_only_that_site() {
        let (folder, store) = store();
        assert!(store.ephemeral_token(&site("shop")).is_err());
        for name in ["shop", "other"] {
            create(&store, name).await;
        }
        let token = store.ephemeral_token(&site("shop")).expect("created");
        assert_eq!(store.ephemeral_token(&site("shop")).expect("kept"), token);
        let directory = store.subscribe().borrow().clone();
        let reads = directory.reader(&token).map(|site| site.id.as_str());
        assert_eq!(reads, Some("shop"));
        assert!(directory.writer(&token).is_none());
        let again = SiteStore::open_file(folder.path().join("sites.json")).expect("readable");
        assert!(again.subscribe().borrow().reader(&token).is_none());
    }

    #[tokio::test]
    async fn a_revoked_key_stops_working() {
        let (_folder, store) = store();
        let keys = create(&store, "shop").await;
        let hash: String = KeyHash::of(&keys.write_key)
            .to_string()
            .chars()
            .take(12)
            .collect();
        assert!(store.revoke_key(&site("shop"), "").await.is_err());
        store
            .revoke_key(&site("shop"), &hash)
            .await
            .expect("revoked");
        let directory = store.subscribe();
        assert!(directory.borrow().writer(&keys.write_key).is_none());
        assert!(directory.borrow().reader(&keys.read_token).is_some());
    }

    #[tokio::test]
    async fn an_administrators_key_works_at_once_and_says_who_made_it_after_a_restart() {
        let (folder, store) = store();
        create(&store, "shop").await;
        let created = KeyCreation {
            by: "anna@example.com".to_owned(),
            at: Timestamp::from_millis(7),
        };
        let record = KeyRecord {
            hash: KeyHash::of("ew_new"),
            grant: Grant::Write(KeyScope::Browser),
            created: Some(created),
        };
        let told = || TrailEntry {
            at: Timestamp::from_millis(7),
            by: "anna@example.com".to_owned(),
            site: Some(site("shop")),
            action: Action::KeyCreated,
            what: "browser".to_owned(),
        };
        let add = |name| KeyChange::Add(site(name), record.clone());
        let elsewhere = store.change_key(add("blog"), told()).await;
        assert_eq!(elsewhere.expect("room"), Err(UnusableKey::UnknownSite));
        let added = store.change_key(add("shop"), told()).await;
        assert_eq!(added.expect("room"), Ok(()));
        assert!(store.subscribe().borrow().writer("ew_new").is_some());
        let again = SiteStore::open_file(folder.path().join("sites.json")).expect("readable");
        let directory = again.subscribe().borrow().clone();
        let (shop, _) = directory.writer("ew_new").expect("stored");
        assert!(shop.keys.contains(&record));
        let mut told_of = directory.trail().of(&shop.id, false);
        assert!(told_of.any(|entry| *entry == told()));
        let revoke = || KeyChange::Revoke(site("shop"), record.hash);
        let revoked = again.change_key(revoke(), told()).await;
        assert_eq!(revoked.expect("room"), Ok(()));
        assert!(again.subscribe().borrow().writer("ew_new").is_none());
        let twice = again.change_key(revoke(), told()).await;
        assert_eq!(twice.expect("room"), Err(UnusableKey::Unknown));
    }

    #[tokio::test]
    async fn every_change_is_told_in_the_same_write_and_without_secrets() {
        let (folder, store) = store();
        let keys = create(&store, "shop").await;
        let hash: String = KeyHash::of(&keys.write_key)
            .to_string()
            .chars()
            .take(12)
            .collect();
        let shop = site("shop");
        store.revoke_key(&shop, &hash).await.expect("revoked");
        let settings = SiteSettings::default();
        store
            .change_settings(&shop, settings)
            .await
            .expect("changed");
        let token = store.create_admin_token().await.expect("stored");
        let again = SiteStore::open_file(folder.path().join("sites.json")).expect("readable");
        let directory = again.subscribe().borrow().clone();
        let mut told: Vec<_> = directory.trail().of(&shop, true).collect();
        // Changes of one millisecond are in no particular order.
        told.sort_by_key(|entry| format!("{:?}", entry.action));
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.action, it.what.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Action::AdminTokenReplaced, ""),
                (Action::KeyRevoked, hash.as_str()),
                (Action::KeysCreated, "shop"),
                (Action::SettingsChanged, "shop"),
                (Action::SiteCreated, "shop"),
            ]
        );
        let text = std::fs::read_to_string(folder.path().join("sites.json")).expect("written");
        assert!(!text.contains(&token) && !text.contains(&keys.write_key));
    }
}
