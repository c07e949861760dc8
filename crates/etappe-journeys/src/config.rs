//! The journey index's settings.

use serde::{Deserialize, Serialize};

const MIB: usize = 1 << 20;
const LEAST_MEMORY: usize = 8 * MIB;

/// Whether there is a journey index, and what it may use. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JourneysConfig {
    /// Whether questions about people are answered from an index. Default true. Without it the
    /// database answers all of them, with more work.
    pub enabled: bool,
    /// The memory for events that are in no file yet. Default 64 MiB. Too high: memory, and more to
    /// read again after a crash; too low: many small files, which are then merged.
    pub memory_bytes: usize,
    /// How many kinds of events a site may have, by name, outcome and bot. Default 20,000. The
    /// database answers about a site with more.
    pub kinds: usize,
    /// The memory for the events of one person that match a question. Default 256 MiB. A question
    /// that needs more gets 422.
    pub unit_bytes: usize,
}

impl Default for JourneysConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            memory_bytes: 64 * MIB,
            kinds: 20_000,
            unit_bytes: 256 * MIB,
        }
    }
}

impl JourneysConfig {
    /// Returns one sentence per invalid setting, which names the setting; empty if all are valid.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.memory_bytes < LEAST_MEMORY {
            problems.push(format!(
                "journeys.memory_bytes must be at least {LEAST_MEMORY}"
            ));
        }
        if self.kinds == 0 {
            problems.push("journeys.kinds must be at least 1".to_owned());
        }
        if self.unit_bytes == 0 {
            problems.push("journeys.unit_bytes must be at least 1".to_owned());
        }
        problems
    }
}
