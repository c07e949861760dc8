//! Hashes and checks passwords with Argon2id, at the costs that OWASP's Password Storage Cheat Sheet
//! names first (19 MiB, two passes, one lane): the defaults of the `argon2` crate.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash as PhcString;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use etappe_core::account::PasswordHash;
use etappe_runtime::blocking::run_blocking;
use tokio::sync::Semaphore;

/// The fewest characters of a password; NIST SP 800-63B asks for at least eight.
pub const LEAST_LETTERS: usize = 10;
/// The most bytes of a password.
pub const MOST_BYTES: usize = 256;
/// How many passwords are hashed at a time; each takes 19 MiB and a core.
const AT_A_TIME: usize = 2;

/// A password that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusablePassword {
    /// It is too short.
    #[error("a password needs at least {LEAST_LETTERS} characters")]
    TooShort,
    /// It is too long.
    #[error("a password may have at most {MOST_BYTES} bytes")]
    TooLong,
}

/// Checks that a new password may be used.
///
/// # Errors
/// [`UnusablePassword`] when it is too short or too long.
pub fn check(password: &str) -> Result<(), UnusablePassword> {
    if password.chars().count() < LEAST_LETTERS {
        return Err(UnusablePassword::TooShort);
    }
    if password.len() > MOST_BYTES {
        return Err(UnusablePassword::TooLong);
    }
    Ok(())
}

/// Hashes a password with a random salt. Takes 19 MiB, and two passes over them.
#[must_use]
pub fn hash(password: &str) -> PasswordHash {
    let hashed = Argon2::default()
        .hash_password(password.as_bytes())
        .expect("the default costs are valid, and the system has random numbers");
    PasswordHash(hashed.to_string())
}

fn is_right(password: &str, hash: &PasswordHash) -> bool {
    PhcString::new(&hash.0).is_ok_and(|hash| {
        let checked = Argon2::default().verify_password(password.as_bytes(), &hash);
        checked.is_ok()
    })
}

/// Hashes and checks passwords, a few at a time, on threads that may block.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Semaphore,
    /// Checked in place of an unknown user's, so that both take as long. Whoever comes first waits
    /// for it, known or not.
    nobodys: Arc<OnceLock<PasswordHash>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
            nobodys: Arc::default(),
        }
    }

    pub(crate) async fn hash(&self, password: String) -> PasswordHash {
        let _turn = self.turns.acquire().await;
        run_blocking(move || hash(&password)).await
    }

    /// Returns whether `password` has this hash; without a hash it takes as long and is wrong.
    pub(crate) async fn is_right(&self, password: String, hash: Option<PasswordHash>) -> bool {
        let _turn = self.turns.acquire().await;
        let nobodys = Arc::clone(&self.nobodys);
        run_blocking(move || {
            let nobodys = nobodys.get_or_init(|| self::hash("nobody has this password"));
            // The password of nobody's hash stands in the source.
            is_right(&password, hash.as_ref().unwrap_or(nobodys)) && hash.is_some()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_for_its_own_hash_only() {
        let (one, other) = (hash("correct horse"), hash("correct horse"));
        assert_ne!(one, other, "each has its own salt");
        assert!(one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_right("correct horse", &one) && is_right("correct horse", &other));
        assert!(!is_right("correct hors", &one));
        assert!(!is_right("", &PasswordHash(String::new())));
    }

    #[tokio::test]
    async fn nobody_signs_in_with_the_password_of_nobody() {
        let passwords = Passwords::new();
        let known = "nobody has this password".to_owned();
        assert!(!passwords.is_right(known, None).await);
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check("éééééééééé"), Ok(()));
        assert_eq!(check("123456789"), Err(UnusablePassword::TooShort));
        assert_eq!(check(&"a".repeat(257)), Err(UnusablePassword::TooLong));
    }
}
