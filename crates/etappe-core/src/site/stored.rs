//! The stored data of sites, and all possible changes to it.
//!
//! A file holds everything as one JSON document. A shared table holds one row per fact, so that
//! concurrent changes do not overwrite each other: `admin` → hash, `site/NAME` → settings,
//! `key/NAME/HASH` → what the key allows and who created it, `meaning/NAME/EVENT` → what the event
//! means, `trail/ENTRY` → who changed what, and the rows of [`AccountChange`].

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Grant, KeyChange, KeyCreation, KeyHash, KeyRecord, Site, SiteSettings};
use crate::account::{AccountChange, Accounts, User};
use crate::id::SiteId;
use crate::meaning::{MeaningChange, Meanings};
use crate::trail::{EntryName, Trail, TrailEntry};

const ADMIN: &str = "admin";

/// All stored data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredSites {
    /// The hash of the token for the admin endpoints.
    pub admin_token: Option<KeyHash>,
    /// The sites with their settings and keys.
    pub sites: Vec<Site>,
    /// The people who may sign in, and their sessions.
    #[serde(default)]
    pub accounts: Accounts,
    /// Who changed what.
    #[serde(default, skip_serializing_if = "Trail::is_empty")]
    pub trail: Trail,
}

/// A site does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("site `{site}` not found; the sites are: {}", names(known))]
pub struct UnknownSite {
    /// The requested site.
    pub site: SiteId,
    /// The sites that exist.
    pub known: Vec<SiteId>,
}

fn names(sites: &[SiteId]) -> String {
    let names: Vec<_> = sites.iter().map(SiteId::as_str).collect();
    names.join(", ")
}

/// One change.
#[derive(Debug, Clone)]
pub enum SiteChange {
    /// Replaces the admin token.
    AdminToken(KeyHash),
    /// Creates a site, or replaces its settings.
    Settings(SiteId, SiteSettings),
    /// Adds a key to a site, creating the site if it is missing, or revokes one.
    Key(KeyChange),
    /// Changes what an event of a site means.
    Meaning(MeaningChange),
    /// Changes who may sign in, or who is signed in.
    Account(AccountChange),
    /// Adds to the audit trail.
    Tell(EntryName, Box<TrailEntry>),
    /// Removes what has outgrown the audit trail.
    Forget(EntryName),
}

impl StoredSites {
    /// Returns the site called `id`, if it exists.
    #[must_use]
    pub fn site(&self, id: &SiteId) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == *id)
    }

    /// Returns the site called `id`.
    ///
    /// # Errors
    /// [`UnknownSite`] if it does not exist.
    pub fn expect_site(&self, id: &SiteId) -> Result<&Site, UnknownSite> {
        self.site(id).ok_or_else(|| UnknownSite {
            site: id.clone(),
            known: self.sites.iter().map(|site| site.id.clone()).collect(),
        })
    }

    /// Returns the changes that add what `other` has and this does not.
    #[must_use]
    pub fn lacking(&self, other: Self) -> Vec<SiteChange> {
        let mut changes = Vec::new();
        if let Some(hash) = other.admin_token.filter(|_| self.admin_token.is_none()) {
            changes.push(SiteChange::AdminToken(hash));
        }
        for site in other.sites {
            let known = self.site(&site.id);
            if known.is_none() {
                changes.push(SiteChange::Settings(site.id.clone(), site.settings));
            }
            let has = |site: &Site, key: &KeyRecord| site.keys.iter().any(|it| it.hash == key.hash);
            let is_known = |key: &KeyRecord| known.is_some_and(|site| has(site, key));
            let keys = site.keys.into_iter().filter(|key| !is_known(key));
            let keys = keys.map(|key| KeyChange::Add(site.id.clone(), key));
            changes.extend(keys.map(SiteChange::Key));
            let is_said = |event: &String| known.is_some_and(|it| it.meanings.contains_key(event));
            let meanings = site.meanings.into_iter();
            let meanings = meanings.filter(|(event, _)| !is_said(event));
            changes.extend(meanings.map(|(event, meaning)| {
                SiteChange::Meaning(MeaningChange {
                    site: site.id.clone(),
                    event,
                    meaning: Some(meaning),
                })
            }));
        }
        let is_known = |user: &User| self.accounts.user_of(&user.email).is_some();
        let users = other.accounts.users.into_values();
        let users = users.filter(|user| !is_known(user)).map(Box::new);
        changes.extend(users.map(|user| SiteChange::Account(AccountChange::PutUser(user))));
        let shares = other.accounts.shares.into_iter();
        let shares = shares.filter(|(hash, _)| !self.accounts.shares.contains_key(hash));
        changes.extend(shares.map(|(hash, share)| {
            SiteChange::Account(AccountChange::PutShare(hash, Box::new(share)))
        }));
        changes
    }

    /// Applies a change.
    pub fn apply(&mut self, change: SiteChange) {
        match change {
            SiteChange::AdminToken(hash) => self.admin_token = Some(hash),
            SiteChange::Settings(id, settings) => self.ensure(id).settings = settings,
            SiteChange::Key(change) => {
                let site = self.ensure(change.site().clone());
                change.apply(&mut site.keys);
            }
            SiteChange::Meaning(change) => {
                let site = self.ensure(change.site.clone());
                change.apply(&mut site.meanings);
            }
            SiteChange::Account(change) => self.accounts.apply(change),
            SiteChange::Tell(name, entry) => self.trail.add(name, *entry),
            SiteChange::Forget(name) => self.trail.remove(&name),
        }
    }

    fn ensure(&mut self, id: SiteId) -> &mut Site {
        let at = self.sites.iter().position(|site| site.id == id);
        let at = at.unwrap_or_else(|| {
            self.sites.push(Site {
                id,
                settings: SiteSettings::default(),
                keys: Vec::new(),
                meanings: Meanings::new(),
            });
            self.sites.len() - 1
        });
        &mut self.sites[at]
    }

    /// Returns the changes that add an entry to the audit trail.
    #[must_use]
    pub fn telling(&self, entry: TrailEntry, random: &str) -> Vec<SiteChange> {
        let outgrown = self.trail.outgrown(entry.site.as_ref()).into_iter();
        let name = EntryName::new(entry.at, random);
        let told = SiteChange::Tell(name, Box::new(entry));
        outgrown.map(SiteChange::Forget).chain([told]).collect()
    }

    /// Reads the rows of a shared table. An unreadable row is skipped and reported, so that it does
    /// not lock out all other sites.
    #[must_use]
    pub fn of_rows(rows: &BTreeMap<String, Bytes>) -> (Self, Vec<String>) {
        let mut stored = Self::default();
        let mut unreadable = Vec::new();
        for (key, value) in rows {
            match change_of_row(key, value) {
                Some(change) => stored.apply(change),
                None => unreadable.push(key.clone()),
            }
        }
        (stored, unreadable)
    }
}

impl SiteChange {
    /// Returns the row of a shared table for this change; no value deletes the row.
    #[must_use]
    pub fn to_row(&self) -> (String, Option<Bytes>) {
        match self {
            Self::AdminToken(hash) => (ADMIN.to_owned(), Some(json(hash))),
            Self::Settings(site, settings) => (format!("site/{site}"), Some(json(settings))),
            Self::Key(KeyChange::Add(site, key)) => {
                let row = match &key.created {
                    Some(created) => json(&KeyRow::Created {
                        grant: key.grant,
                        created: created.clone(),
                    }),
                    None => json(&key.grant),
                };
                (key_row(site, &key.hash), Some(row))
            }
            Self::Key(KeyChange::Revoke(site, hash)) => (key_row(site, hash), None),
            Self::Meaning(change) => (
                format!("meaning/{}/{}", change.site, change.event),
                change.meaning.as_ref().map(json),
            ),
            Self::Account(change) => change.to_row(),
            Self::Tell(name, entry) => (trail_row(name), Some(json(entry))),
            Self::Forget(name) => (trail_row(name), None),
        }
    }
}

/// What the row of a key says.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum KeyRow {
    /// The grant, and who created the key.
    Created { grant: Grant, created: KeyCreation },
    /// The grant alone, where nobody knows who created it.
    Grant(Grant),
}

fn key_row(site: &SiteId, hash: &KeyHash) -> String {
    format!("key/{site}/{hash}")
}

fn trail_row(name: &EntryName) -> String {
    format!("trail/{name}")
}

fn json(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(value).expect("names and numbers are valid JSON");
    Bytes::from(text)
}

fn change_of_row(key: &str, value: &[u8]) -> Option<SiteChange> {
    if key == ADMIN {
        return Some(SiteChange::AdminToken(serde_json::from_slice(value).ok()?));
    }
    if let Some(change) = AccountChange::of_row(key, value) {
        return Some(SiteChange::Account(change));
    }
    let (kind, rest) = key.split_once('/')?;
    match kind {
        "site" => {
            let settings = serde_json::from_slice(value).ok()?;
            Some(SiteChange::Settings(SiteId::try_new(rest).ok()?, settings))
        }
        "key" => {
            let (site, hash) = rest.split_once('/')?;
            let (grant, created) = match serde_json::from_slice(value).ok()? {
                KeyRow::Created { grant, created } => (grant, Some(created)),
                KeyRow::Grant(grant) => (grant, None),
            };
            let record = KeyRecord {
                hash: KeyHash::of_hex(hash)?,
                grant,
                created,
            };
            let site = SiteId::try_new(site).ok()?;
            Some(SiteChange::Key(KeyChange::Add(site, record)))
        }
        "trail" => Some(SiteChange::Tell(
            EntryName::of_text(rest),
            serde_json::from_slice(value).ok()?,
        )),
        "meaning" => {
            let (site, event) = rest.split_once('/')?;
            Some(SiteChange::Meaning(MeaningChange {
                site: SiteId::try_new(site).ok()?,
                event: event.to_owned(),
                meaning: Some(serde_json::from_slice(value).ok()?),
            }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::KeyScope;
    use crate::meaning::Meaning;
    use crate::milestone::Milestone;
    use crate::time::Timestamp;
    use crate::trail::Action;

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).expect("a valid name")
    }

    fn meaning(name: &str, event: &str, milestone: Option<Milestone>) -> SiteChange {
        SiteChange::Meaning(MeaningChange {
            site: site(name),
            event: event.to_owned(),
            meaning: Some(Meaning {
                milestone,
                by: "anna@example.com".to_owned(),
                at: Timestamp::EPOCH,
            }),
        })
    }

    fn take_back(name: &str, event: &str) -> SiteChange {
        SiteChange::Meaning(MeaningChange {
            site: site(name),
            event: event.to_owned(),
            meaning: None,
        })
    }

    fn tell(at: i64, what: &str) -> SiteChange {
        let at = Timestamp::from_millis(at);
        let entry = TrailEntry {
            at,
            by: "anna@example.com".to_owned(),
            site: Some(site("shop")),
            action: Action::KeyRevoked,
            what: what.to_owned(),
        };
        SiteChange::Tell(EntryName::new(at, "x"), Box::new(entry))
    }

    fn changes() -> Vec<SiteChange> {
        let key = |name: &str, grant| KeyRecord {
            hash: KeyHash::of(name),
            grant,
            created: (name != "b").then(|| KeyCreation {
                by: "anna@example.com".to_owned(),
                at: Timestamp::EPOCH,
            }),
        };
        let add = |site_name, key| SiteChange::Key(KeyChange::Add(site(site_name), key));
        let settings = SiteSettings {
            timezone: "Europe/Amsterdam".to_owned(),
            ..SiteSettings::default()
        };
        vec![
            SiteChange::AdminToken(KeyHash::of("admin")),
            add("shop", key("w", Grant::Write(KeyScope::Server))),
            add("shop", key("r", Grant::Read)),
            add("blog", key("b", Grant::Read)),
            SiteChange::Key(KeyChange::Revoke(site("shop"), KeyHash::of("r"))),
            SiteChange::Settings(site("shop"), settings),
            meaning("shop", "a/b c", Some(Milestone::Signup)),
            meaning("shop", "gone", None),
            take_back("shop", "gone"),
            meaning("blog", "no step", None),
            tell(1, "first"),
            tell(2, "second"),
            SiteChange::Forget(EntryName::new(Timestamp::from_millis(1), "x")),
        ]
    }

    #[test]
    fn the_rows_of_changes_give_the_same_sites_as_the_changes() {
        let mut rows = BTreeMap::new();
        let mut expected = StoredSites::default();
        for change in changes() {
            match change.to_row() {
                (key, Some(value)) => rows.insert(key, value),
                (key, None) => rows.remove(&key),
            };
            expected.apply(change);
        }
        let (found, unreadable) = StoredSites::of_rows(&rows);
        assert!(unreadable.is_empty());
        assert_eq!(found.admin_token, expected.admin_token);
        assert_eq!(found.trail, expected.trail);
        assert_eq!(found.trail.entries().count(), 1);
        for id in [site("shop"), site("blog")] {
            assert_eq!(found.site(&id), expected.site(&id), "{id}");
        }
    }

    #[test]
    fn an_unreadable_row_is_reported_and_skipped() {
        let mut rows: BTreeMap<String, Bytes> = changes()
            .iter()
            .filter_map(|change| change.to_row().1.map(|value| (change.to_row().0, value)))
            .collect();
        rows.insert("site/Bad Name".to_owned(), Bytes::from_static(b"{}"));
        rows.insert("future/thing".to_owned(), Bytes::from_static(b"{}"));
        let (found, unreadable) = StoredSites::of_rows(&rows);
        assert_eq!(unreadable, ["future/thing", "site/Bad Name"]);
        assert_eq!(found.sites.len(), 2);
    }
}
