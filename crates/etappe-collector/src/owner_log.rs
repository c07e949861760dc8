//! Keeps each site's latest rejections and warnings for its owner.
//!
//! Entries are redacted: they hold what, why and when, but no other properties, no user ids, no
//! addresses. They are kept in memory only and bounded in bytes: when all sites together hold too
//! much, the site with the most loses its oldest entries.

use std::collections::{BTreeMap, VecDeque};

use etappe_core::id::SiteId;
use parking_lot::Mutex;

/// How many entries are kept per site.
pub(crate) const KEPT_PER_SITE: usize = 1_000;

/// An entry that can be kept.
pub trait Kept: Clone {
    /// Returns its size in memory, in bytes.
    fn memory(&self) -> usize;
}

/// Returns the memory of a text and the pointer to it.
pub(crate) const fn text_memory(text: &str) -> usize {
    text.len() + 16
}

/// The latest entries of all sites.
#[derive(Debug)]
pub struct OwnerLog<E> {
    limit: usize,
    sites: Mutex<Sites<E>>,
}

#[derive(Debug)]
struct Sites<E> {
    bytes: usize,
    lists: BTreeMap<SiteId, List<E>>,
}

#[derive(Debug)]
struct List<E> {
    bytes: usize,
    events: VecDeque<E>,
}

impl<E> Default for List<E> {
    fn default() -> Self {
        Self {
            bytes: 0,
            events: VecDeque::new(),
        }
    }
}

impl<E: Kept> List<E> {
    /// Drops the oldest entry and returns its size.
    fn pop(&mut self) -> usize {
        let bytes = self.events.pop_front().map_or(0, |event| event.memory());
        self.bytes -= bytes;
        bytes
    }
}

impl<E: Kept> OwnerLog<E> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            sites: Mutex::new(Sites {
                bytes: 0,
                lists: BTreeMap::new(),
            }),
        }
    }

    /// Returns the latest entries of `site`, newest first.
    #[must_use]
    pub fn list(&self, site: &SiteId) -> Vec<E> {
        let sites = self.sites.lock();
        sites
            .lists
            .get(site)
            .map_or_else(Vec::new, |list| list.events.iter().rev().cloned().collect())
    }

    /// Adds entries of `site`, oldest first.
    pub(crate) fn record(&self, site: &SiteId, events: impl IntoIterator<Item = E>) {
        let mut events = events.into_iter().peekable();
        if events.peek().is_none() {
            return;
        }
        let mut sites = self.sites.lock();
        let Sites { bytes, lists } = &mut *sites;
        let list = lists.entry(site.clone()).or_default();
        for event in events {
            let added = event.memory();
            list.bytes += added;
            *bytes += added;
            list.events.push_back(event);
            if list.events.len() > KEPT_PER_SITE {
                *bytes -= list.pop();
            }
        }
        while *bytes > self.limit {
            let Some(largest) = lists.values_mut().max_by_key(|list| list.bytes) else {
                break;
            };
            *bytes -= largest.pop();
        }
        lists.retain(|_, list| !list.events.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::time::Timestamp;

    use super::*;
    use crate::rejection_log::{RejectedEvent, RejectionLog};

    fn event(number: usize) -> RejectedEvent {
        RejectedEvent {
            received_at: Timestamp::EPOCH,
            reason: "missing_id",
            kind: Some("track"),
            event: None,
            message_id: Some(number.to_string().into()),
            bytes: number,
        }
    }

    #[test]
    fn a_site_keeps_its_last_thousand_entries_newest_first() {
        let log = RejectionLog::new(usize::MAX);
        let site = SiteId::try_new("shop").unwrap();
        log.record(&site, (0..600).map(event));
        log.record(&site, (600..1_500).map(event));
        let listed: Vec<usize> = log.list(&site).iter().map(|event| event.bytes).collect();
        assert_eq!(listed, (500..1_500).rev().collect::<Vec<_>>());
        assert!(log.list(&SiteId::try_new("other").unwrap()).is_empty());
    }

    #[test]
    fn the_site_with_the_most_entries_loses_its_oldest_ones() {
        let log = RejectionLog::new(10 * event(0).memory());
        let (quiet, loud) = (
            SiteId::try_new("quiet").unwrap(),
            SiteId::try_new("loud").unwrap(),
        );
        log.record(&quiet, (0..3).map(event));
        log.record(&loud, (0..900).map(event));
        assert_eq!(log.list(&quiet).len(), 3);
        assert!(log.list(&loud).len() <= 7);
        let sites = log.sites.lock();
        assert_eq!(
            sites.bytes,
            sites.lists.values().map(|list| list.bytes).sum::<usize>()
        );
        assert!(sites.bytes <= log.limit);
    }
}
