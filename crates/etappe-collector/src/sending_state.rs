//! Whether sending works: what somebody who sets up a site wants to know before figures exist.
//!
//! Three instants per site, and one for requests whose key belongs to no site. They are kept in memory
//! only, so they say what happened at this process since it started. With more than 4,096 sites
//! those of an idle one are forgotten with the rest of its traffic.

use etappe_core::time::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;

use crate::owner_entries::RejectedEvent;

/// What a site sent, without what it was.
#[derive(Debug, Default)]
pub(crate) struct SendingState(Mutex<Instants>);

#[derive(Debug, Default, Clone, Copy)]
struct Instants {
    settings_fetched_at: Option<Timestamp>,
    accepted: Option<Accepted>,
}

/// When events were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Accepted {
    first: Timestamp,
    last: Timestamp,
}

/// A request whose site is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct UnknownSender {
    at: Timestamp,
    reason: &'static str,
}

/// The answer of `GET /v1/sites/{site}/sending`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SendingReport<'a> {
    site: &'a str,
    since: Timestamp,
    settings_fetched_at: Option<Timestamp>,
    accepted: Option<Accepted>,
    last_refusal: Option<RejectedEvent>,
    unknown_sender: Option<UnknownSender>,
}

impl SendingState {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Instants {
            settings_fetched_at: None,
            accepted: None,
        }))
    }

    /// Records that a tracker fetched its settings.
    pub(crate) fn record_settings_fetched(&self, at: Timestamp) {
        self.0.lock().settings_fetched_at = Some(at);
    }

    /// Records that events are durable.
    pub(crate) fn record_accepted(&self, at: Timestamp) {
        let mut instants = self.0.lock();
        let first = instants.accepted.map_or(at, |accepted| accepted.first);
        instants.accepted = Some(Accepted { first, last: at });
    }

    /// Returns what is known of the site.
    pub(crate) fn report<'a>(
        &self,
        site: &'a str,
        since: Timestamp,
        last_refusal: Option<RejectedEvent>,
        unknown_sender: Option<UnknownSender>,
    ) -> SendingReport<'a> {
        let instants = *self.0.lock();
        SendingReport {
            site,
            since,
            settings_fetched_at: instants.settings_fetched_at,
            accepted: instants.accepted,
            last_refusal,
            unknown_sender,
        }
    }
}

impl UnknownSender {
    pub(crate) const fn new(at: Timestamp, reason: &'static str) -> Self {
        Self { at, reason }
    }
}
