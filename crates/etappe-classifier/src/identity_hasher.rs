//! A hasher for keys that are already good hashes.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes [`IdentityHasher`]s.
pub(crate) type BuildIdentityHasher = BuildHasherDefault<IdentityHasher>;

/// Passes a 64-bit hash through.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
