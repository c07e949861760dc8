//! Gives a client its brokers back after it forgot all of them.
//!
//! A broker can answer with topics and without brokers: the only broker of a cluster while it is
//! fenced, or any broker for a moment of a rolling restart. librdkafka, since 2.10, then forgets every
//! broker that it knew, also the configured ones, and waits forever (its issue 5301). One of them may
//! stay in its statistics, in a state that it never leaves. Adding the configured brokers again is what
//! it does itself when all brokers are down.

#![expect(
    unsafe_code,
    reason = "calls a function of librdkafka that has no safe wrapper"
)]

use std::ffi::CString;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use rdkafka::ClientContext;
use rdkafka::bindings::rd_kafka_brokers_add;
use rdkafka::client::Client;
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafka;

use crate::metrics::kafka::brokers_up;

/// The configured brokers of one client.
#[derive(Debug)]
pub(super) struct ConfiguredBrokers {
    addresses: CString,
    /// The client; null until it is bound.
    client: AtomicPtr<RDKafka>,
    /// How often in a row there was no connection, or no answer.
    without: AtomicU32,
}

impl ConfiguredBrokers {
    /// Takes the addresses as they are configured.
    pub(super) fn new(addresses: &str) -> Self {
        Self {
            // An address with a zero byte names no broker.
            addresses: CString::new(addresses).unwrap_or_default(),
            client: AtomicPtr::new(ptr::null_mut()),
            without: AtomicU32::new(0),
        }
    }

    /// Says which client these are the brokers of. That client's context must be what calls
    /// [`Self::observe`].
    pub(super) fn bind<C: ClientContext>(&self, client: &Client<C>) {
        self.client.store(client.native_ptr(), Ordering::Release);
    }

    /// Adds the brokers again if the client's statistics have shown no connection for some time.
    /// Returns whether it did. To be called only where the bound client passes its statistics.
    pub(super) fn observe(&self, statistics: &Statistics) -> bool {
        if brokers_up(statistics) > 0 {
            self.note_success();
            return false;
        }
        let client = self.client.load(Ordering::Acquire);
        if client.is_null() || !self.is_time_to_add() {
            return false;
        }
        // SAFETY: a client passes its statistics while it is polled, so it has not been destroyed. The
        // function may be called on any thread and copies the text.
        unsafe { rd_kafka_brokers_add(client, self.addresses.as_ptr()) > 0 }
    }

    /// Adds the brokers again to a client that got no answer repeatedly.
    pub(super) fn note_silence<C: ClientContext>(&self, client: &Client<C>) {
        if self.is_time_to_add() {
            // SAFETY: the client is borrowed, so it exists. The function may be called on any thread
            // and copies the text.
            unsafe {
                rd_kafka_brokers_add(client.native_ptr(), self.addresses.as_ptr());
            }
        }
    }

    /// Records that a broker answered.
    pub(super) fn note_success(&self) {
        self.without.store(0, Ordering::Relaxed);
    }

    /// Counts once more. The second time is one to add the brokers, the fourth, the eighth and so on:
    /// a client notes every addition for good, also of a broker that it knows.
    fn is_time_to_add(&self) -> bool {
        let without = self.without.fetch_add(1, Ordering::Relaxed);
        let without = without.saturating_add(1);
        without > 1 && without.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::config::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::statistics::Broker;

    use super::*;

    fn statistics(states: &[&str]) -> Statistics {
        let broker = |state: &&str| {
            let broker = Broker {
                nodeid: 1,
                state: (*state).to_owned(),
                ..Broker::default()
            };
            ((*state).to_owned(), broker)
        };
        Statistics {
            brokers: states.iter().map(broker).collect(),
            ..Statistics::default()
        }
    }

    #[test]
    fn a_client_that_is_not_bound_yet_is_left_alone() {
        let brokers = ConfiguredBrokers::new("127.0.0.1:1");
        assert!((0..8).all(|_| !brokers.observe(&statistics(&[]))));
    }

    #[test]
    fn brokers_are_added_seldom_and_only_without_a_connection() {
        let client: BaseConsumer = ClientConfig::new().create().expect("a client");
        let brokers = ConfiguredBrokers::new("127.0.0.1:1");
        brokers.bind(client.client());
        let without = statistics(&["TRY_CONNECT"]);
        let added: Vec<bool> = (0..9).map(|_| brokers.observe(&without)).collect();
        let at: Vec<usize> = (1..).zip(added).filter(|it| it.1).map(|it| it.0).collect();
        assert_eq!(at, [2, 4, 8]);
        assert!(!brokers.observe(&statistics(&["UP"])));
        assert!(!brokers.observe(&without));
        assert!(brokers.observe(&without));
    }
}
