//! Sign-ins that have gone to the provider and not come back.
//!
//! Which one a browser began is in its cookie, signed, and nothing is stored here: any process of
//! an installation can take the answer, and nobody can fill a memory by beginning. Nothing in the
//! cookie is secret. PKCE's verifier and the nonce are derived from the state with a key that all
//! processes share, since they share the client's secret.
//!
//! Invariants: a state works once per process, for ten minutes, in the browser that began it. The
//! provider takes each code once, whichever process brings it.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blake3::Hash;
use etappe_core::time::Timestamp;
use etappe_runtime::random_key::random_key;
use openidconnect::{Nonce, PkceCodeVerifier};
use parking_lot::Mutex;

/// How long a person may take at the provider.
pub(super) const LASTS: Duration = Duration::from_secs(600);
/// The most states that are remembered as used; each takes about 100 bytes.
const MANY: usize = 10_000;

/// A sign-in under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// Random text that the provider sends back.
    pub(super) state: String,
    /// Until when it works.
    ends: Timestamp,
    /// The path to go on to.
    pub(super) back: String,
}

/// Begins sign-ins and recognises them.
pub(super) struct PendingKeys {
    key: [u8; 32],
    used: Mutex<BTreeSet<(Timestamp, String)>>,
}

impl PendingKeys {
    /// Derives the keys from the client's secret.
    pub(super) fn of(client_secret: &str) -> Self {
        Self {
            key: blake3::derive_key(
                "etappe sign-in with OpenID Connect",
                client_secret.as_bytes(),
            ),
            used: Mutex::default(),
        }
    }

    /// Begins a sign-in that goes on to `back`.
    pub(super) fn begin(&self, now: Timestamp, back: String) -> Pending {
        Pending {
            state: random_key("eo"),
            ends: now.saturating_add(LASTS),
            back,
        }
    }

    /// Returns the cookie's value.
    pub(super) fn cookie(&self, pending: &Pending) -> String {
        let back = URL_SAFE_NO_PAD.encode(&pending.back);
        let text = format!("{}.{}.{back}", pending.state, pending.ends.as_millis());
        let signature = self.derived("cookie", &text);
        format!("{text}.{signature}")
    }

    /// Reads a cookie's value; `None` if it is not one of these, or over.
    pub(super) fn read(&self, cookie: &str, now: Timestamp) -> Option<Pending> {
        let (text, signature) = cookie.rsplit_once('.')?;
        // `Hash` compares in constant time.
        if Hash::from_hex(signature).ok()? != self.derived("cookie", text) {
            return None;
        }
        let mut parts = text.split('.');
        let pending = Pending {
            state: parts.next()?.to_owned(),
            ends: Timestamp::from_millis(parts.next()?.parse().ok()?),
            back: String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?,
        };
        (pending.ends > now).then_some(pending)
    }

    /// Uses a sign-in up; returns whether it was unused.
    pub(super) fn take(&self, pending: &Pending, now: Timestamp) -> bool {
        let mut used = self.used.lock();
        while used.first().is_some_and(|(ends, _)| *ends <= now) || used.len() >= MANY {
            used.pop_first();
        }
        used.insert((pending.ends, pending.state.clone()))
    }

    /// Returns the secret with which the provider knows that who brings the code also began.
    pub(super) fn verifier(&self, pending: &Pending) -> PkceCodeVerifier {
        let text = self.derived("verifier", &pending.state).to_hex();
        PkceCodeVerifier::new(text.to_string())
    }

    /// Returns the text that ties the provider's token to this sign-in.
    pub(super) fn nonce(&self, pending: &Pending) -> Nonce {
        Nonce::new(self.derived("nonce", &pending.state).to_hex().to_string())
    }

    fn derived(&self, purpose: &str, text: &str) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(purpose.as_bytes());
        hasher.update(b" ");
        hasher.update(text.as_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_cookie_is_read_back_by_whoever_knows_the_secret_until_it_ends() {
        let keys = PendingKeys::of("hush");
        let pending = keys.begin(at(0), "/app/shop?p=7d".to_owned());
        let cookie = keys.cookie(&pending);
        assert!(
            cookie
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"._-".contains(&it))
        );
        let other_process = PendingKeys::of("hush");
        assert_eq!(other_process.read(&cookie, at(599)), Some(pending.clone()));
        assert_eq!(other_process.read(&cookie, at(600)), None);
        assert_eq!(PendingKeys::of("other").read(&cookie, at(0)), None);
        let secret = other_process.verifier(&pending);
        assert_eq!(secret.secret(), keys.verifier(&pending).secret());
        assert!(!cookie.contains(secret.secret()));
        assert_ne!(secret.secret(), keys.nonce(&pending).secret());
    }

    #[test]
    fn a_changed_cookie_is_none() {
        let keys = PendingKeys::of("hush");
        let cookie = keys.cookie(&keys.begin(at(0), "/app/".to_owned()));
        for (number, byte) in cookie.bytes().enumerate() {
            let mut changed = cookie.clone().into_bytes();
            changed[number] = if byte == b'1' { b'2' } else { b'1' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(keys.read(&changed, at(0)), None, "{changed}");
        }
        for text in ["", ".", "...", "a.b.c.d", &format!("{cookie}.")] {
            assert_eq!(keys.read(text, at(0)), None, "{text}");
        }
    }

    #[test]
    fn a_state_works_once_and_those_that_are_over_are_forgotten() {
        let keys = PendingKeys::of("hush");
        let pending = keys.begin(at(0), String::new());
        assert!(keys.take(&pending, at(1)));
        assert!(!keys.take(&pending, at(2)));
        for _ in 0..MANY + 10 {
            assert!(keys.take(&keys.begin(at(3), String::new()), at(3)));
        }
        assert_eq!(keys.used.lock().len(), MANY);
        assert!(keys.take(&keys.begin(at(1_000), String::new()), at(1_000)));
        assert_eq!(keys.used.lock().len(), 1);
    }
}
