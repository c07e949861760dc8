//! Keeps the last rejections of each site for its owner to see.
//!
//! Redacted: what was rejected, why and when, but no properties, nobody's ids, no addresses. In
//! memory only, and bounded in bytes: when all sites together hold too much, the site that holds
//! most loses its oldest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use etappe_core::id::SiteId;
use etappe_core::time::Timestamp;
use serde::Serialize;

/// How many rejections of a site are kept.
pub(crate) const KEPT_PER_SITE: usize = 1_000;

/// How many bytes of a client's text are kept.
const KEPT_TEXT: usize = 64;

/// One rejection: of a message, or of a request as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectedEvent {
    /// When it came in.
    pub received_at: Timestamp,
    /// Why: a message's reason, or the code of the request's error.
    pub reason: &'static str,
    /// The kind of message, if it is known.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// The beginning of the event's name, if it has one.
    pub event: Option<Box<str>>,
    /// The beginning of the message's id, if it has one.
    pub message_id: Option<Box<str>>,
    /// The size of the message, or of the body, in bytes.
    pub bytes: usize,
}

impl RejectedEvent {
    fn memory(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len() + 16);
        size_of::<Self>() + text(&self.event) + text(&self.message_id)
    }
}

/// Returns the beginning of a client's text, as much as is kept.
pub(crate) fn kept_text(text: &str) -> Box<str> {
    let mut end = text.len().min(KEPT_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().into()
}

/// The last rejections of all sites.
#[derive(Debug)]
pub struct RejectionLog {
    limit: usize,
    sites: Mutex<Sites>,
}

#[derive(Debug, Default)]
struct Sites {
    bytes: usize,
    lists: BTreeMap<SiteId, List>,
}

#[derive(Debug, Default)]
struct List {
    bytes: usize,
    events: VecDeque<RejectedEvent>,
}

impl List {
    /// Drops the oldest and returns its size.
    fn pop(&mut self) -> usize {
        let bytes = self.events.pop_front().map_or(0, |event| event.memory());
        self.bytes -= bytes;
        bytes
    }
}

impl RejectionLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            sites: Mutex::default(),
        }
    }

    /// Returns the last rejections of `site`, newest first.
    #[must_use]
    pub fn list(&self, site: &SiteId) -> Vec<RejectedEvent> {
        let sites = self.lock();
        sites
            .lists
            .get(site)
            .map_or_else(Vec::new, |list| list.events.iter().rev().cloned().collect())
    }

    /// Adds rejections of `site`, oldest first.
    pub(crate) fn record(&self, site: &SiteId, events: impl IntoIterator<Item = RejectedEvent>) {
        let mut events = events.into_iter().peekable();
        if events.peek().is_none() {
            return;
        }
        let mut sites = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_last_thousand_of_a_site_are_kept_newest_first() {
        let log = RejectionLog::new(usize::MAX);
        let site = SiteId::try_new("shop").unwrap();
        log.record(&site, (0..600).map(event));
        log.record(&site, (600..1_500).map(event));
        let listed: Vec<usize> = log.list(&site).iter().map(|event| event.bytes).collect();
        assert_eq!(listed, (500..1_500).rev().collect::<Vec<_>>());
        assert!(log.list(&SiteId::try_new("other").unwrap()).is_empty());
    }

    #[test]
    fn the_site_that_holds_most_makes_room() {
        let log = RejectionLog::new(10 * event(0).memory());
        let (quiet, loud) = (
            SiteId::try_new("quiet").unwrap(),
            SiteId::try_new("loud").unwrap(),
        );
        log.record(&quiet, (0..3).map(event));
        log.record(&loud, (0..900).map(event));
        assert_eq!(log.list(&quiet).len(), 3);
        assert!(log.list(&loud).len() <= 7);
        let sites = log.lock();
        assert_eq!(
            sites.bytes,
            sites.lists.values().map(|list| list.bytes).sum::<usize>()
        );
        assert!(sites.bytes <= log.limit);
    }

    #[test]
    fn a_clients_text_is_cut_between_characters() {
        assert_eq!(&*kept_text("short"), "short");
        assert_eq!(kept_text(&"é".repeat(100)).len(), 64);
        assert_eq!(kept_text(&format!("x{}", "é".repeat(100))).len(), 63);
    }
}
