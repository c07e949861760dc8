//! Draws keys, tokens and passwords.

use etappe_core::site::KEY_LETTERS;
use rand::distr::{Alphanumeric, SampleString};

/// Draws a key of 190 random bits; the prefix tells people its purpose, and what masks keys in logs.
#[must_use]
pub fn random_key(prefix: &str) -> String {
    let letters = Alphanumeric.sample_string(&mut rand::rng(), KEY_LETTERS);
    format!("{prefix}_{letters}")
}
