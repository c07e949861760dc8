//! Detects that the group's client is stuck although a broker is reachable.
//!
//! librdkafka has states that it does not always leave by itself when brokers go and come back at a
//! bad moment: a partition whose leader epoch is being validated (its issue 4492), a commit that
//! waits for a coordinator, an assignment that was never completed. A new client has none of them.
//!
//! Trap: a sign counts only if it is seen repeatedly for [`LONG`]. A sign seen once proves nothing:
//! an application that has stopped reading cannot show that reading works again.

use std::collections::BTreeMap;
use std::time::Duration;

use etappe_core::id::PartitionId;
use parking_lot::Mutex;
use rdkafka::statistics::{ConsumerGroup, Statistics};
use tokio::time::Instant;

use crate::metrics::kafka::brokers_up;

/// How long a client may be stuck. Longer than the application may take to release a partition.
const LONG: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });

/// A sign that the client is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// It is connected to no broker. That is its own fault only if others reach one.
    Alone,
    /// It does not become a member of the group.
    Outside,
    /// It does not deliver records that a broker has.
    Read(PartitionId),
    /// It does not commit.
    Commit(PartitionId),
}

/// When a sign was first and last seen.
#[derive(Debug, Clone, Copy)]
struct Seen {
    first: Instant,
    last: Instant,
}

/// The signs of one client.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    signs: Mutex<BTreeMap<Sign, Seen>>,
}

impl Watchdog {
    /// Records that a sign was seen.
    pub(super) fn note(&self, sign: Sign) {
        let now = Instant::now();
        let mut signs = self.signs.lock();
        let seen = signs.entry(sign).or_insert(Seen {
            first: now,
            last: now,
        });
        if now.duration_since(seen.last) > LONG {
            seen.first = now;
        }
        seen.last = now;
    }

    /// Records that a sign no longer holds.
    pub(super) fn clear(&self, sign: Sign) {
        self.signs.lock().remove(&sign);
    }

    /// Forgets all signs.
    pub(super) fn forget(&self) {
        self.signs.lock().clear();
    }

    /// Records the client's own statistics.
    pub(super) fn observe(&self, statistics: &Statistics) {
        if brokers_up(statistics) == 0 {
            // Without a broker nothing else can be expected of it.
            let is_alone = |sign: &Sign, _: &mut Seen| *sign == Sign::Alone;
            self.signs.lock().retain(is_alone);
            return self.note(Sign::Alone);
        }
        self.clear(Sign::Alone);
        match &statistics.cgrp {
            Some(group) if is_outside(group) => self.note(Sign::Outside),
            Some(_) | None => self.clear(Sign::Outside),
        }
    }

    /// Returns a sign that has been seen for too long, if any.
    pub(super) fn stands_still(&self) -> Option<Sign> {
        let signs = self.signs.lock();
        let is_long = |seen: &Seen| seen.last.duration_since(seen.first) >= LONG;
        let mut long = signs.iter().filter(|(_, seen)| is_long(seen));
        long.next().map(|(sign, _)| *sign)
    }
}

/// Returns whether a client is not a member and is not waiting for the group's coordinator. The
/// coordinator answers only after the other members have given their partitions back, which may
/// take long.
fn is_outside(group: &ConsumerGroup) -> bool {
    let waits_for_others = matches!(&*group.join_state, "steady" | "wait-join" | "wait-sync");
    group.state != "up" || !waits_for_others
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Sign = Sign::Read(PartitionId(2));

    #[tokio::test(start_paused = true)]
    async fn a_sign_that_is_seen_repeatedly_for_long_means_a_frozen_client() {
        let watchdog = Watchdog::default();
        let after = async |part: u32| tokio::time::advance(LONG / part).await;
        watchdog.note(READ);
        after(1).await;
        assert_eq!(watchdog.stands_still(), None, "seen once");
        watchdog.note(READ);
        assert_eq!(watchdog.stands_still(), Some(READ));
        watchdog.clear(READ);
        assert_eq!(watchdog.stands_still(), None);

        watchdog.note(READ);
        after(2).await;
        watchdog.note(Sign::Outside);
        watchdog.clear(READ);
        watchdog.note(READ);
        after(2).await;
        watchdog.note(READ);
        watchdog.note(Sign::Outside);
        assert_eq!(watchdog.stands_still(), None, "a success lies between");

        watchdog.forget();
        watchdog.note(READ);
        tokio::time::advance(LONG * 3).await;
        watchdog.note(READ);
        assert_eq!(watchdog.stands_still(), None, "nobody read meanwhile");
    }

    #[test]
    fn a_client_that_waits_for_other_members_is_not_blamed() {
        for (state, join_state, expected) in [
            ("up", "steady", false),
            ("up", "wait-join", false),
            ("up", "wait-sync", false),
            ("up", "wait-assign-call", true),
            ("up", "init", true),
            ("query-coord", "init", true),
            ("wait-broker-transport", "steady", true),
        ] {
            let group = ConsumerGroup {
                state: state.to_owned(),
                join_state: join_state.to_owned(),
                ..ConsumerGroup::default()
            };
            assert_eq!(is_outside(&group), expected, "{state} {join_state}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_a_broker_is_only_blamed_for_being_alone() {
        let watchdog = Watchdog::default();
        watchdog.note(READ);
        tokio::time::advance(LONG).await;
        watchdog.note(READ);
        watchdog.observe(&Statistics::default());
        assert_eq!(watchdog.stands_still(), None);
        tokio::time::advance(LONG).await;
        watchdog.observe(&Statistics::default());
        assert_eq!(watchdog.stands_still(), Some(Sign::Alone));
    }
}
