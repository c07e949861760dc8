//! A pair of keys.

use std::fmt;

use etappe_core::id::SiteId;
use serde::{Deserialize, Serialize};

/// A pair of keys, shown once.
#[derive(Serialize, Deserialize)]
pub struct NewKeys {
    /// The site.
    pub site: SiteId,
    /// The key for sending events.
    pub write_key: String,
    /// The token for reading KPIs.
    pub read_token: String,
}

impl fmt::Debug for NewKeys {
    /// Hides the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKeys")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use etappe_core::site::KEY_LETTERS;
    use etappe_runtime::random_key::random_key;

    #[test]
    fn every_kind_of_key_is_recognised_and_masked_in_texts() {
        // Prefixes of admin, control, first-account, link, read, session, import and write keys, and
        // of passwords. Ids of users are no secret.
        for prefix in ["ea", "ec", "ef", "el", "ep", "er", "es", "et", "ew"] {
            let key = random_key(prefix);
            assert_eq!(key.len(), prefix.len() + 1 + KEY_LETTERS);
            let masked = etappe_wire::secret::without_keys(&key).into_owned();
            assert_eq!(masked, "*".repeat(key.len()));
        }
    }
}
