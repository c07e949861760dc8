//! Limits how often one network begins to sign in at the provider.
//!
//! Every sign-in that begins may cost the provider a request of ours. Unlike a wrong password, one
//! that begins is no sign of an attack, and an office may have one address, so what is free is a
//! number per minute.
//!
//! Bounded: above [`MANY`] networks those whose minute is over are forgotten, and then all: whoever
//! has so many networks is not held up by a limit on each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::throttle::network;

/// How many sign-ins of a network may begin within a minute.
const A_MINUTE: u32 = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// The most networks; each takes about 60 bytes.
const MANY: usize = 20_000;

/// The sign-ins of the last minute.
#[derive(Debug, Default)]
pub(super) struct Starts(Mutex<HashMap<IpAddr, Count>>);

#[derive(Debug)]
struct Count {
    since: Instant,
    starts: u32,
}

impl Starts {
    /// Counts a start, or returns how long the client must wait before the next.
    pub(super) fn wait(&self, client: IpAddr, now: Instant) -> Option<Duration> {
        let mut known = self.0.lock();
        if known.len() >= MANY {
            known.retain(|_, count| now.duration_since(count.since) < MINUTE);
            if known.len() >= MANY {
                known.clear();
            }
        }
        let count = known.entry(network(client)).or_insert(Count {
            since: now,
            starts: 0,
        });
        let age = now.duration_since(count.since);
        if age >= MINUTE {
            *count = Count {
                since: now,
                starts: 0,
            };
        } else if count.starts >= A_MINUTE {
            return Some(MINUTE.saturating_sub(age));
        }
        count.starts += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_waits_for_the_end_of_its_minute_and_others_do_not() {
        let starts = Starts::default();
        let now = Instant::now();
        for _ in 0..A_MINUTE {
            assert_eq!(starts.wait(client("2001:db8::1"), now), None);
        }
        let later = now + Duration::from_secs(20);
        let wait = starts.wait(client("2001:db8::2"), later);
        assert_eq!(wait, Some(Duration::from_secs(40)));
        assert_eq!(starts.wait(client("192.0.2.1"), later), None);
        assert_eq!(starts.wait(client("2001:db8::1"), now + MINUTE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_networks_is_bounded() {
        let starts = Starts::default();
        let now = Instant::now();
        for number in 0..50_000_u32 {
            starts.wait(IpAddr::from(number.to_be_bytes()), now);
            assert!(starts.0.lock().len() <= MANY);
        }
    }
}
