//! What the audit trail tells of changes to sites.

use etappe_core::id::SiteId;
use etappe_core::ports::Clock;
use etappe_core::site::stored::{SiteChange, StoredSites};
use etappe_core::trail::{Action, COMMAND_LINE, TrailEntry};
use etappe_runtime::clock::SystemClock;
use etappe_runtime::random_key::random_key;

/// Returns a change and what the audit trail tells of it, to be stored together.
pub(super) fn telling(
    stored: &StoredSites,
    change: SiteChange,
    entry: TrailEntry,
) -> Vec<SiteChange> {
    let told = stored.telling(entry, &entry_suffix());
    [change].into_iter().chain(told).collect()
}

/// Keeps the names of entries of one millisecond apart.
pub(super) fn entry_suffix() -> String {
    random_key("").chars().take(8).collect()
}

/// Returns an entry about something done with the command line.
pub(super) fn by_command(site: Option<&SiteId>, action: Action, what: &str) -> TrailEntry {
    TrailEntry {
        at: SystemClock.now(),
        by: COMMAND_LINE.to_owned(),
        site: site.cloned(),
        action,
        what: what.to_owned(),
    }
}
