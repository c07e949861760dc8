//! Where the server is, and how long to wait for it.

use std::fmt;
use std::time::Duration;

/// Address, credentials and timeouts of a ClickHouse server.
#[derive(Clone, PartialEq, Eq)]
pub struct WarehouseConfig {
    /// The server's HTTP interface, such as `http://127.0.0.1:8123`.
    pub url: String,
    /// The database that holds the tables; letters, digits and `_`. It is made when missing.
    pub database: String,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// How long an insert may take, default 120 s. Too low: a busy server is asked again and again
    /// for what it is still doing (harmless, but slow); too high: a dead one is noticed late.
    pub insert_timeout: Duration,
    /// How long a question may take, default 30 s; the server gives up at the same time.
    pub query_timeout: Duration,
    /// How long one statement of a migration may take, default 10 min.
    pub migration_timeout: Duration,
    /// How much memory the hits of one unit may take while a question is answered, default
    /// 256 MiB. Too low: questions about very busy actors are refused.
    pub max_unit_bytes: usize,
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWarehouseConfig {
    /// The address is not an HTTP address.
    #[error("warehouse address `{0}` must start with http://")]
    Url(String),
    /// The database's name has other characters than letters, digits and `_`.
    #[error("database name `{0}` may only have letters, digits and `_`")]
    Database(String),
}

impl WarehouseConfig {
    /// Makes a configuration with default timeouts.
    #[must_use]
    pub fn new(url: &str, database: &str, user: &str, password: &str) -> Self {
        Self {
            url: url.to_owned(),
            database: database.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            insert_timeout: Duration::from_secs(120),
            query_timeout: Duration::from_secs(30),
            migration_timeout: Duration::from_secs(600),
            max_unit_bytes: 256 << 20,
        }
    }

    /// Checks what can be checked without the server; returns every problem.
    #[must_use]
    pub fn problems(&self) -> Vec<InvalidWarehouseConfig> {
        let mut problems = Vec::new();
        if !self.url.starts_with("http://") {
            problems.push(InvalidWarehouseConfig::Url(self.url.clone()));
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.database.is_empty() || !self.database.chars().all(is_plain) {
            problems.push(InvalidWarehouseConfig::Database(self.database.clone()));
        }
        problems
    }

    /// Returns whether the server is on this machine, where compressing costs more than it saves.
    pub(crate) fn is_local(&self) -> bool {
        let host = self.url.strip_prefix("http://").unwrap_or(&self.url);
        ["127.", "localhost", "[::1]"]
            .iter()
            .any(|local| host.starts_with(local))
    }
}

impl fmt::Debug for WarehouseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarehouseConfig")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &"<redacted>")
            .field("insert_timeout", &self.insert_timeout)
            .field("query_timeout", &self.query_timeout)
            .field("migration_timeout", &self.migration_timeout)
            .field("max_unit_bytes", &self.max_unit_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_and_the_password_is_not() {
        let config = WarehouseConfig::new("localhost:8123", "a;b", "u", "secret");
        assert_eq!(config.problems().len(), 2);
        assert!(!format!("{config:?}").contains("secret"));
        assert!(
            WarehouseConfig::new("http://localhost", "etappe", "u", "")
                .problems()
                .is_empty()
        );
    }
}
