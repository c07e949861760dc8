//! The connection to the server: address, login and timeouts.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// The replacement for a secret in displayed text.
const REDACTED: &str = "***";

/// Settings of the ClickHouse server that stores all data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarehouseConfig {
    /// The server's HTTP interface, such as `https://etappe@clickhouse.example:8443/etappe`. User,
    /// password and database in it override the settings of these names. Default empty: no server
    /// is configured.
    #[serde(serialize_with = "url_without_password")]
    pub url: String,
    /// The database that holds the tables: letters, digits and `_`. It is created if missing.
    /// Default `etappe`.
    pub database: String,
    /// The user's name. Default `default`.
    pub user: String,
    /// The user's password. Default empty.
    #[serde(serialize_with = "redacted")]
    pub password: String,
    /// A file with the password, read once at start-up. Default none.
    pub password_file: Option<PathBuf>,
    /// A PEM file with additional certificate authorities to trust for the server, besides those of
    /// the operating system. Default none.
    pub ca_file: Option<PathBuf>,
    /// Whether tables are replicated: `ReplicatedMergeTree` instead of `MergeTree`. Fixed when the
    /// tables are created. Default false.
    pub replicated: bool,
    /// The cluster on whose servers all tables are created (`ON CLUSTER`); letters, digits, `_`,
    /// `-` and `.`. Default empty: only the server at `url`, or whatever its database engine
    /// replicates to.
    pub cluster: String,
    /// How many replicas must have an insert before it counts: a number, or `auto` for the
    /// majority. Default empty: only the replica that took it. With less than a majority, losing a
    /// server may lose rows that were reported as stored.
    pub insert_quorum: String,
    /// How long an insert may take. Default `"2m"`. Too low: inserts that a busy server is still
    /// processing are sent again and again (harmless, but slow); too high: a dead server is noticed
    /// late.
    #[serde(with = "etappe_core::duration_text")]
    pub insert_timeout: Duration,
    /// How long a query may take; the server aborts it at the same time. Default `"30s"`.
    #[serde(with = "etappe_core::duration_text")]
    pub query_timeout: Duration,
    /// How long one statement of a migration may take. Default `"10m"`.
    #[serde(with = "etappe_core::duration_text")]
    pub migration_timeout: Duration,
    /// How many readers' queries run on the server at a time; at most half of them are about one
    /// site. A page of figures needs about twenty. Default 8. Too high: they slow down each other
    /// and the inserts, or hit the server's own limit; too low: pages wait for an idle server.
    pub concurrent_questions: usize,
    /// The most rows that the server reads for one reader's query; 0 means no limit. Default
    /// 2,000,000,000. A query over one of these three limits gets 422 and a hint how to narrow it.
    pub question_rows: u64,
    /// The most bytes that the server reads for one reader's query; 0 means no limit. Default 256
    /// GiB.
    pub question_bytes: u64,
    /// The most memory in bytes that the server uses for one reader's query; 0 means the server's
    /// own limit. Default 1 GiB.
    pub question_memory_bytes: u64,
    /// How much memory in bytes the hits of one unit may use while a question is answered. Default
    /// 256 MiB. Too low: questions about very busy actors are refused.
    pub max_unit_bytes: usize,
}

/// An invalid configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWarehouseConfig {
    /// The address is not an HTTP address. Its password is left out.
    #[error("url `{url}` {problem}; use http://HOST:8123 or https://HOST:8443")]
    Url {
        /// The address.
        url: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// The database's name has characters other than letters, digits and `_`.
    #[error("database `{0}` may only have letters, digits and `_`")]
    Database(String),
    /// The cluster's name has characters other than letters, digits, `_`, `-` and `.`.
    #[error("cluster `{0}` may only have letters, digits, `_`, `-` and `.`")]
    Cluster(String),
    /// A cluster is set, but tables are not replicated.
    #[error("cluster `{0}` needs `replicated = true`: otherwise each server holds different rows")]
    ClusterWithoutReplicas(String),
    /// The quorum is neither a number nor `auto`.
    #[error("insert_quorum `{0}` must be a number or `auto`")]
    Quorum(String),
    /// A quorum is set, but tables are not replicated.
    #[error("insert_quorum needs `replicated = true`")]
    QuorumWithoutReplicas,
    /// A timeout or a number of queries is zero.
    #[error("{0} must be above 0")]
    Zero(&'static str),
    /// The certificate file is unusable.
    #[error("ca_file {} cannot be used: {problem}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        problem: String,
    },
}

impl Default for WarehouseConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            database: "etappe".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            password_file: None,
            ca_file: None,
            replicated: false,
            cluster: String::new(),
            insert_quorum: String::new(),
            insert_timeout: Duration::from_secs(120),
            query_timeout: Duration::from_secs(30),
            migration_timeout: Duration::from_secs(600),
            concurrent_questions: 8,
            question_rows: 2_000_000_000,
            question_bytes: 256 << 30,
            question_memory_bytes: 1 << 30,
            max_unit_bytes: 256 << 20,
        }
    }
}

impl WarehouseConfig {
    /// Makes a configuration with defaults for all other settings.
    #[must_use]
    pub fn new(url: &str, database: &str, user: &str, password: &str) -> Self {
        Self {
            url: url.to_owned(),
            database: database.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            ..Self::default()
        }
    }

    /// Makes a configuration from an address with user, password and database, such as
    /// `https://user:secret@host:8443/etappe`.
    ///
    /// # Errors
    /// [`InvalidWarehouseConfig`] if the address or the database's name is invalid.
    pub fn from_url(url: &str) -> Result<Self, InvalidWarehouseConfig> {
        let config = Self {
            url: url.to_owned(),
            ..Self::default()
        };
        let config = config.resolved()?;
        config.problems().into_iter().next().map_or(Ok(config), Err)
    }

    /// Returns the configuration with user, password and database moved from the address to their
    /// own settings.
    pub(crate) fn resolved(&self) -> Result<Self, InvalidWarehouseConfig> {
        let refuse = |problem| InvalidWarehouseConfig::Url {
            url: without_password(&self.url),
            problem,
        };
        let mut url = Url::parse(&self.url).map_err(|_| refuse("is not an address"))?;
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(refuse("must start with http:// or https:// and a host"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("must end after the database"));
        }
        let decoded = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(|text| text.into_owned())
        };
        let mut config = self.clone();
        let not_text = |_| refuse("has a user, password or database that is not text");
        if !url.username().is_empty() {
            config.user = decoded(url.username()).map_err(not_text)?;
        }
        if let Some(password) = url.password() {
            config.password = decoded(password).map_err(not_text)?;
        }
        let path = url.path().trim_matches('/');
        if !path.is_empty() {
            config.database = decoded(path).map_err(not_text)?;
        }
        url.set_path("");
        // Both fail only for addresses without a host.
        let removed = url.set_username("").and_then(|()| url.set_password(None));
        removed.map_err(|()| refuse("must start with http:// or https:// and a host"))?;
        config.url = url.as_str().trim_end_matches('/').to_owned();
        Ok(config)
    }

    /// Validates everything that needs no server; an empty address is valid.
    ///
    /// # Errors
    /// One sentence per problem found.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let problems = self.problems();
        let problems: Vec<String> = problems
            .into_iter()
            .filter(|problem| {
                !(self.url.is_empty() && matches!(problem, InvalidWarehouseConfig::Url { .. }))
            })
            .map(|problem| problem.to_string())
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Validates everything that needs no server; returns every problem.
    #[must_use]
    pub fn problems(&self) -> Vec<InvalidWarehouseConfig> {
        let mut problems = Vec::new();
        let resolved = self.resolved().unwrap_or_else(|problem| {
            problems.push(problem);
            self.clone()
        });
        if !is_name(&resolved.database, "_") {
            problems.push(InvalidWarehouseConfig::Database(resolved.database));
        }
        if !self.cluster.is_empty() && !is_name(&self.cluster, "_-.") {
            problems.push(InvalidWarehouseConfig::Cluster(self.cluster.clone()));
        }
        if !self.cluster.is_empty() && !self.replicated {
            let cluster = self.cluster.clone();
            problems.push(InvalidWarehouseConfig::ClusterWithoutReplicas(cluster));
        }
        let quorum = &self.insert_quorum;
        if !quorum.is_empty() && quorum != "auto" && quorum.parse::<u32>().is_err() {
            problems.push(InvalidWarehouseConfig::Quorum(quorum.clone()));
        }
        if !quorum.is_empty() && !self.replicated {
            problems.push(InvalidWarehouseConfig::QuorumWithoutReplicas);
        }
        for (name, timeout) in [
            ("insert_timeout", self.insert_timeout),
            ("query_timeout", self.query_timeout),
            ("migration_timeout", self.migration_timeout),
        ] {
            if timeout.is_zero() {
                problems.push(InvalidWarehouseConfig::Zero(name));
            }
        }
        if self.concurrent_questions == 0 {
            problems.push(InvalidWarehouseConfig::Zero("concurrent_questions"));
        }
        problems
    }

    /// Returns the server's name or address with its port, for messages.
    #[must_use]
    pub fn host(&self) -> String {
        let Ok(url) = Url::parse(&self.url) else {
            return without_password(&self.url);
        };
        let port = url.port_or_known_default().map(|port| format!(":{port}"));
        format!(
            "{}{}",
            url.host_str().unwrap_or_default(),
            port.unwrap_or_default()
        )
    }

    /// Returns whether the server is on this machine; compression then costs more than it saves.
    pub(crate) fn is_local(&self) -> bool {
        Url::parse(&self.url).is_ok_and(|url| match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        })
    }
}

fn is_name(text: &str, signs: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

/// Returns an address without its password, even if the address is otherwise invalid.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            if url.password().is_none() {
                return text.to_owned();
            }
            match url.set_password(Some(REDACTED)) {
                Ok(()) => url.into(),
                Err(()) => REDACTED.to_owned(),
            }
        }
        // An invalid address may contain a password anywhere before its last `@`.
        _ => match text.rsplit_once('@') {
            Some((_, host)) => format!("{REDACTED}@{host}"),
            // Neither host nor port, so it is the start of a login.
            None if has_colon_before_text(text) => REDACTED.to_owned(),
            None => text.to_owned(),
        },
    }
}

fn has_colon_before_text(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn url_without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_password(url))
}

fn redacted<S: Serializer>(secret: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.is_empty() { "" } else { REDACTED })
}

impl fmt::Debug for WarehouseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarehouseConfig")
            .field("url", &without_password(&self.url))
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &REDACTED)
            .field("password_file", &self.password_file)
            .field("ca_file", &self.ca_file)
            .field("replicated", &self.replicated)
            .field("cluster", &self.cluster)
            .field("insert_quorum", &self.insert_quorum)
            .field("insert_timeout", &self.insert_timeout)
            .field("query_timeout", &self.query_timeout)
            .field("migration_timeout", &self.migration_timeout)
            .field("concurrent_questions", &self.concurrent_questions)
            .field("question_rows", &self.question_rows)
            .field("question_bytes", &self.question_bytes)
            .field("question_memory_bytes", &self.question_memory_bytes)
            .field("max_unit_bytes", &self.max_unit_bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_without_the_password() {
        let config = WarehouseConfig {
            cluster: "a b".to_owned(),
            insert_quorum: "most".to_owned(),
            query_timeout: Duration::ZERO,
            ..WarehouseConfig::new("ftp://u:secret@localhost:21", "a;b", "u", "secret")
        };
        let problems = config.validate().expect_err("much is wrong");
        assert_eq!(problems.len(), 7, "{problems:?}");
        let shown = format!(
            "{config:?} {problems:?} {}",
            serde_json::to_string(&config).expect("text")
        );
        assert!(!shown.contains("secret"), "{shown}");
        for garbage in [
            "u:secret@h",
            "https://u:secret",
            "u:secret",
            "https://u:secret/etappe",
            "u:secret@h/x@y",
        ] {
            let garbage = WarehouseConfig::new(garbage, "etappe", "u", "");
            let shown = format!("{:?} {} {garbage:?}", garbage.problems(), garbage.host());
            assert!(!shown.contains("secret"), "{shown}");
        }
        assert_eq!(WarehouseConfig::default().validate(), Ok(()));
        assert_eq!(WarehouseConfig::default().problems().len(), 1);
    }

    #[test]
    fn an_address_may_contain_user_password_and_database() {
        let config = WarehouseConfig::from_url("https://me:p%40ss%2F@ch.example:8443/journeys/");
        let config = config.expect("a good address");
        assert_eq!(
            (config.url.as_str(), config.database.as_str()),
            ("https://ch.example:8443", "journeys")
        );
        assert_eq!(
            (config.user.as_str(), config.password.as_str()),
            ("me", "p@ss/")
        );
        assert_eq!(config.host(), "ch.example:8443");
        let plain = WarehouseConfig::from_url("http://[::1]:8123").expect("a good address");
        assert_eq!(plain.database, "etappe");
        assert_eq!(plain.user, "default");
        assert!(plain.is_local());
        assert!(!config.is_local());
        for bad in [
            "localhost:8123",
            "http://",
            "tcp://h:9000",
            "http://h/a?b=c",
            "http://h/a/b",
            "https://h/a;b",
        ] {
            assert!(WarehouseConfig::from_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_are_read_as_text() {
        let config: WarehouseConfig = serde_json::from_str(
            r#"{"url":"http://h:8123","insert_timeout":"5s","replicated":true,"insert_quorum":"auto"}"#,
        )
        .expect("good settings");
        assert_eq!(config.insert_timeout, Duration::from_secs(5));
        assert_eq!(config.validate(), Ok(()));
        assert!(serde_json::from_str::<WarehouseConfig>(r#"{"host":"h"}"#).is_err());
    }
}
