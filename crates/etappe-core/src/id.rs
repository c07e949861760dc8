//! Identifiers: each has a type of its own, so that they cannot be mixed up.
//!
//! Text identifiers are also stored as 64-bit XXH3 hashes (seed 0). ClickHouse's `xxh3` is the same
//! function, so a hash made here equals one made in SQL.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

mod meaning;

pub use meaning::{meaningful_id, referral_code};

/// Returns the 64-bit XXH3 hash of `text`; ClickHouse's `xxh3(text)` gives the same number.
#[must_use]
pub fn hash64(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// A site (tenant): 1–64 characters of `a-z`, `0-9`, `-` and `_`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(Arc<str>);

/// A text that is not a valid [`SiteId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a site name: use 1 to 64 of a-z, 0-9, `-` and `_`, starting with a letter or digit"
)]
pub struct InvalidSiteId(pub String);

impl SiteId {
    /// Checks `name` and turns it into a site identifier.
    ///
    /// # Errors
    /// [`InvalidSiteId`] when the name is empty, too long or contains any other character.
    pub fn try_new(name: &str) -> Result<Self, InvalidSiteId> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let valid = (1..=64).contains(&name.len())
            && name.starts_with(is_plain)
            && name.chars().all(|c| is_plain(c) || c == '-' || c == '_');
        if valid {
            Ok(Self(name.into()))
        } else {
            Err(InvalidSiteId(name.to_owned()))
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for SiteId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SiteId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::try_new(&name).map_err(serde::de::Error::custom)
    }
}

/// The hash of an actor's resolved id; zero means that the event has no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActorHash(pub u64);

impl ActorHash {
    /// The actor of an event without any id.
    pub const NOBODY: Self = Self(0);

    /// Returns the hash of an actor's id. A hash of zero is reserved, so it becomes one.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(hash64(id).max(1))
    }
}

/// A partition of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u32);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position in a partition of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// Returns the position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A contiguous, non-empty run of offsets, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OffsetRange {
    /// The lowest offset of the range.
    pub first: Offset,
    /// The highest offset of the range, never below `first`.
    pub last: Offset,
}

impl OffsetRange {
    /// Returns the number of offsets in the range.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.last.0 - self.first.0 + 1
    }

    /// Splits the range into the offsets before `at` and the rest, or returns `None` if either
    /// would be empty.
    #[must_use]
    pub fn split_before(self, at: Offset) -> Option<(Self, Self)> {
        let is_within = self.first < at && at <= self.last;
        is_within.then(|| {
            let before = Self {
                first: self.first,
                last: Offset(at.0 - 1),
            };
            (before, Self { first: at, ..self })
        })
    }

    /// Splits the range into its lower two thirds and the rest, or returns `None` for a single
    /// offset.
    #[must_use]
    pub fn split(self) -> Option<(Self, Self)> {
        let low = (self.count() - self.count() / 3).min(self.count() - 1);
        self.split_before(Offset(self.first.0 + low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_range_without_overlap() {
        let range = |first, last| OffsetRange {
            first: Offset(first),
            last: Offset(last),
        };
        for (last, low_last) in [(11, 10), (12, 11), (15, 13), (21, 17)] {
            let parts = range(10, last).split();
            assert_eq!(
                parts,
                Some((range(10, low_last), range(low_last + 1, last)))
            );
        }
        assert_eq!(range(3, 3).split(), None);
        let parts = range(10, 12).split_before(Offset(11));
        assert_eq!(parts, Some((range(10, 10), range(11, 12))));
        for outside in [9, 10, 13] {
            assert_eq!(range(10, 12).split_before(Offset(outside)), None);
        }
    }

    #[test]
    fn site_names_are_checked() {
        for good in ["demo", "shop-1", "9lives", "a_b"] {
            assert!(SiteId::try_new(good).is_ok(), "{good}");
        }
        for bad in ["", "Demo", "-a", "a b", "é", "a/b", &"x".repeat(65)] {
            assert!(SiteId::try_new(bad).is_err(), "{bad}");
        }
    }
}
