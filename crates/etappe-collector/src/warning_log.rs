//! Each site's warnings about accepted messages: counts and the latest examples.

use std::collections::BTreeMap;

use etappe_core::id::SiteId;
use etappe_core::time::Timestamp;
use etappe_core::warning::WarningReason;
use parking_lot::Mutex;
use serde::Serialize;

use crate::owner_log::{Kept, OwnerLog, text_memory};

/// A value of an accepted message that does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WarnedEvent {
    /// When the message came in.
    pub received_at: Timestamp,
    /// Why the value does not count.
    pub reason: &'static str,
    /// The kind of message.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The beginning of the event's name.
    pub event: Box<str>,
    /// The beginning of the message's id.
    pub message_id: Box<str>,
    /// The field that holds the value.
    pub field: Box<str>,
    /// The beginning of the value.
    pub value: Box<str>,
}

impl Kept for WarnedEvent {
    fn memory(&self) -> usize {
        let texts = [&self.event, &self.message_id, &self.field, &self.value];
        size_of::<Self>() + texts.map(|text| text_memory(text)).iter().sum::<usize>()
    }
}

/// Counts of a site's warnings by reason.
type Counts = BTreeMap<WarningReason, u64>;

/// The warnings of all sites since the process started.
#[derive(Debug)]
pub struct WarningLog {
    examples: OwnerLog<WarnedEvent>,
    counts: Mutex<BTreeMap<SiteId, Counts>>,
}

impl WarningLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            examples: OwnerLog::new(limit),
            counts: Mutex::default(),
        }
    }

    /// Returns the latest warnings of `site`, newest first.
    #[must_use]
    pub fn list(&self, site: &SiteId) -> Vec<WarnedEvent> {
        self.examples.list(site)
    }

    /// Returns the number of warnings of `site` by the name of the reason.
    #[must_use]
    pub fn counts(&self, site: &SiteId) -> BTreeMap<&'static str, u64> {
        let counts = self.counts.lock();
        let of_site = counts.get(site).into_iter().flatten();
        of_site
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect()
    }

    /// Adds warnings of `site`, oldest first; the counts may exceed the number of examples.
    pub(crate) fn record(
        &self,
        site: &SiteId,
        counts: &Counts,
        examples: impl IntoIterator<Item = WarnedEvent>,
    ) {
        if counts.is_empty() {
            return;
        }
        let mut sites = self.counts.lock();
        let of_site = sites.entry(site.clone()).or_default();
        for (reason, count) in counts {
            *of_site.entry(*reason).or_default() += count;
        }
        drop(sites);
        self.examples.record(site, examples);
    }
}
