//! The audit trail: who changed what about sites, keys, users and meanings, and when.
//!
//! An entry is stored in the same write as its change. The trail holds no secret, and the oldest
//! entries go when there are many.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::SiteId;
use crate::time::Timestamp;

/// The most entries of a site, and the most that concern no single site.
pub const MOST_OF_A_SITE: usize = 500;
/// The most entries in all.
pub const MOST_ENTRIES: usize = 2_000;

/// Who made changes with the command line.
pub const COMMAND_LINE: &str = "command line";

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A site was made.
    SiteCreated,
    /// A site's settings were replaced.
    SettingsChanged,
    /// A pair of keys was made with the command line.
    KeysCreated,
    /// A key was made.
    KeyCreated,
    /// A key was revoked.
    KeyRevoked,
    /// The token for the admin endpoints was replaced.
    AdminTokenReplaced,
    /// The first account was made.
    FirstAccountMade,
    /// A user was added.
    UserAdded,
    /// A user got another role.
    RoleChanged,
    /// A user got a new random password.
    PasswordReset,
    /// A user chose another password.
    PasswordChanged,
    /// A user was removed.
    UserRemoved,
    /// Somebody said what an event means.
    MeaningSaved,
    /// Somebody took a meaning back.
    MeaningTakenBack,
    /// A share link was made.
    LinkMade,
    /// A share link was revoked.
    LinkRevoked,
}

/// One change, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// When.
    pub at: Timestamp,
    /// The e-mail address of whoever did it, or [`COMMAND_LINE`].
    pub by: String,
    /// The site; none if the change concerns no single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// What kind of change.
    pub action: Action,
    /// What was changed: an address, the first digits of a key's hash, an event's name.
    pub what: String,
}

/// The name of an entry; names are in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryName(String);

impl EntryName {
    /// Makes the name of an entry from its time and a random text.
    #[must_use]
    pub fn new(at: Timestamp, random: &str) -> Self {
        Self(format!("{:015}-{random}", at.as_millis().max(0)))
    }

    /// Reads a name back.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All entries, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trail(BTreeMap<EntryName, TrailEntry>);

impl Trail {
    /// Returns the entries that somebody may see who administers `site`, newest first: its own, and
    /// with `everywhere` those of no single site.
    pub fn of(&self, site: &SiteId, everywhere: bool) -> impl Iterator<Item = &TrailEntry> {
        let entries = self.0.values().rev();
        entries.filter(move |entry| match &entry.site {
            Some(own) => own == site,
            None => everywhere,
        })
    }

    /// Returns all entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &TrailEntry> {
        self.0.values().rev()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the entries that have to go so that one more about `site` has room, oldest first.
    #[must_use]
    pub fn outgrown(&self, site: Option<&SiteId>) -> Vec<EntryName> {
        let same = self.0.iter().filter(|(_, it)| it.site.as_ref() == site);
        let of_site = (same.clone().count() + 1).saturating_sub(MOST_OF_A_SITE);
        let mut going: Vec<EntryName> = same.take(of_site).map(|(name, _)| name.clone()).collect();
        let in_all = (self.0.len() + 1 - going.len()).saturating_sub(MOST_ENTRIES);
        let others = self.0.keys().filter(|name| !going.contains(name));
        let others: Vec<EntryName> = others.take(in_all).cloned().collect();
        going.extend(others);
        going
    }

    /// Adds an entry.
    pub fn add(&mut self, name: EntryName, entry: TrailEntry) {
        self.0.insert(name, entry);
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &EntryName) {
        self.0.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(name: &str) -> SiteId {
        SiteId::try_new(name).unwrap()
    }

    fn add(trail: &mut Trail, number: usize, site: Option<&SiteId>) {
        let at = Timestamp::from_millis(i64::try_from(number).unwrap());
        for name in trail.outgrown(site) {
            trail.remove(&name);
        }
        let entry = TrailEntry {
            at,
            by: COMMAND_LINE.to_owned(),
            site: site.cloned(),
            action: Action::KeysCreated,
            what: number.to_string(),
        };
        trail.add(EntryName::new(at, "x"), entry);
    }

    fn told(trail: &Trail, of: &SiteId, everywhere: bool) -> Vec<String> {
        let entries = trail.of(of, everywhere);
        entries.map(|entry| entry.what.clone()).collect()
    }

    #[test]
    fn a_site_shows_its_own_changes_newest_first() {
        let (shop, blog) = (site("shop"), site("blog"));
        let mut trail = Trail::default();
        for (number, site) in [Some(&shop), Some(&blog), None, Some(&shop)]
            .iter()
            .enumerate()
        {
            add(&mut trail, number, *site);
        }
        assert_eq!(told(&trail, &shop, false), ["3", "0"]);
        assert_eq!(told(&trail, &shop, true), ["3", "2", "0"]);
        assert_eq!(told(&trail, &blog, false), ["1"]);
    }

    #[test]
    fn the_oldest_entries_go_first_and_a_busy_site_pushes_out_its_own() {
        let (shop, blog) = (site("shop"), site("blog"));
        let mut trail = Trail::default();
        add(&mut trail, 0, Some(&blog));
        for number in 1..=MOST_OF_A_SITE + 7 {
            add(&mut trail, number, Some(&shop));
        }
        assert_eq!(told(&trail, &shop, false).len(), MOST_OF_A_SITE);
        assert_eq!(told(&trail, &shop, false).last().unwrap(), "8");
        assert_eq!(told(&trail, &blog, false), ["0"]);
        for number in 0..MOST_ENTRIES {
            let other = site(&format!("site-{}", number % 50));
            add(&mut trail, 10_000 + number, Some(&other));
        }
        assert_eq!(trail.entries().count(), MOST_ENTRIES);
        assert!(told(&trail, &blog, false).is_empty());
        let text = serde_json::to_string(&trail).unwrap();
        assert_eq!(serde_json::from_str::<Trail>(&text).unwrap(), trail);
    }
}
