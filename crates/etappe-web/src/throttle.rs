//! Slows down whoever guesses passwords.
//!
//! Each address of an account and each network of a client may fail a few times; after that every
//! failure doubles the wait, up to a minute for an account, so that nobody can be locked out for
//! long by others, and up to a quarter of an hour for a network. A success clears the account.
//!
//! Bounded: above [`MANY`] entries those that have been quiet are removed, and then the oldest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many failures are free.
const FREE: u32 = 5;
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of an account.
const ACCOUNT_WAIT: Duration = Duration::from_secs(60);
/// The longest wait of a network.
const NETWORK_WAIT: Duration = Duration::from_secs(15 * 60);
/// After this time without a failure an entry is forgotten.
const QUIET: Duration = Duration::from_secs(30 * 60);
/// The most entries; each takes about 100 bytes.
const MANY: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    /// The hash of an address, so that entries are equally large.
    Account(u64),
    Network(IpAddr),
}

impl Source {
    const fn longest_wait(&self) -> Duration {
        match self {
            Self::Account(_) => ACCOUNT_WAIT,
            Self::Network(_) => NETWORK_WAIT,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// The failures of late.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<HashMap<Source, Failures>>);

/// Who tries to sign in.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    sources: Vec<Source>,
}

impl Attempt {
    pub(crate) fn new(email: &str, client: Option<IpAddr>) -> Self {
        let account = Source::Account(etappe_core::id::hash64(&email.trim().to_lowercase()));
        let network = client.map(|address| Source::Network(network(address)));
        Self {
            sources: [account].into_iter().chain(network).collect(),
        }
    }
}

/// Returns the network that one customer of a provider has: an IPv4 address, or the /64 of an IPv6
/// address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(prefix.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Throttle {
    /// Returns how long whoever tries must wait before the next try, if at all.
    pub(crate) fn wait(&self, attempt: &Attempt, now: Instant) -> Option<Duration> {
        let known = self.0.lock();
        let waits = attempt.sources.iter().filter_map(|source| {
            let failures = known.get(source)?;
            let doublings = failures.count.checked_sub(FREE)?;
            let wait = FIRST_WAIT.saturating_mul(1 << doublings.min(20));
            let until = failures.last + wait.min(source.longest_wait());
            until.checked_duration_since(now).filter(|it| !it.is_zero())
        });
        waits.max()
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, attempt: &Attempt, now: Instant) {
        let mut known = self.0.lock();
        for source in &attempt.sources {
            let failures = known.entry(source.clone()).or_insert(Failures {
                count: 0,
                last: now,
            });
            if now.duration_since(failures.last) > QUIET {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
        if known.len() > MANY {
            make_room(&mut known, now);
        }
    }

    /// Clears the account's failures. Those of the network stay, so that an attacker with one
    /// account cannot clear them.
    pub(crate) fn succeeded(&self, attempt: &Attempt) {
        let mut known = self.0.lock();
        let accounts = attempt.sources.iter();
        for account in accounts.filter(|source| matches!(source, Source::Account(_))) {
            known.remove(account);
        }
    }
}

fn make_room(known: &mut HashMap<Source, Failures>, now: Instant) {
    known.retain(|_, failures| now.duration_since(failures.last) <= QUIET);
    if known.len() <= MANY {
        return;
    }
    let mut last: Vec<_> = known.values().map(|failures| failures.last).collect();
    last.sort_unstable();
    let oldest_kept = last[last.len() / 2];
    known.retain(|_, failures| failures.last >= oldest_kept);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[tokio::test(start_paused = true)]
    async fn after_five_failures_each_doubles_the_wait_up_to_a_minute() {
        let throttle = Throttle::default();
        let attempt = Attempt::new("anna@example.com", None);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..14 {
            throttle.failed(&attempt, now);
            let wait = throttle.wait(&attempt, now).unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(throttle.wait(&attempt, now), None, "it has waited");
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_waits_for_all_accounts_and_others_do_not() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for number in 0..12 {
            let email = format!("user{number}@example.com");
            throttle.failed(&Attempt::new(&email, client("2001:db8::1")), now);
        }
        let same = Attempt::new("anna@example.com", client("2001:db8::ffff"));
        let wait = throttle.wait(&same, now).expect("a wait");
        assert_eq!(wait, Duration::from_secs(128));
        throttle.succeeded(&same);
        assert!(
            throttle.wait(&same, now).is_some(),
            "one account is not all"
        );
        let other = Attempt::new("anna@example.com", client("2001:db8:0:1::1"));
        assert_eq!(throttle.wait(&other, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_and_a_long_quiet_clear_an_account_however_it_is_written() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        let attempt = Attempt::new("anna@example.com", None);
        for _ in 0..8 {
            throttle.failed(&Attempt::new(" Anna@Example.com", None), now);
        }
        assert!(throttle.wait(&attempt, now).is_some());
        throttle.succeeded(&attempt);
        assert_eq!(throttle.wait(&attempt, now), None);
        for _ in 0..8 {
            throttle.failed(&attempt, now);
        }
        now += QUIET + Duration::from_secs(1);
        throttle.failed(&attempt, now);
        assert_eq!(throttle.wait(&attempt, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_entries_is_bounded() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        for number in 0..3 * MANY {
            now += Duration::from_millis(1);
            throttle.failed(&Attempt::new(&number.to_string(), None), now);
        }
        assert!(throttle.0.lock().len() <= MANY);
    }
}
