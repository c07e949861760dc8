//! Where the server is, who asks, and how long to wait for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// What stands in place of a secret that is shown.
const REDACTED: &str = "***";

/// Settings of the ClickHouse server that everything stands in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarehouseConfig {
    /// The server's HTTP interface, such as `https://etappe@clickhouse.example:8443/etappe`.
    /// User, password and database in it go before the settings of these names. Default empty: no
    /// server is configured.
    #[serde(serialize_with = "url_without_password")]
    pub url: String,
    /// The database that holds the tables: letters, digits and `_`. It is made when missing.
    /// Default `etappe`.
    pub database: String,
    /// The user's name. Default `default`.
    pub user: String,
    /// The user's password. Default empty.
    #[serde(serialize_with = "redacted")]
    pub password: String,
    /// A file with the password, read once at the start. Default none.
    pub password_file: Option<PathBuf>,
    /// A file with the certificates (PEM) of authorities that may vouch for the server, besides
    /// those that the operating system trusts. Default none.
    pub ca_file: Option<PathBuf>,
    /// Whether tables are replicated: `ReplicatedMergeTree` instead of `MergeTree`. It is decided
    /// when the tables are made. Default false.
    pub replicated: bool,
    /// The cluster whose servers all get the tables (`ON CLUSTER`); letters, digits, `_`, `-` and
    /// `.`. Default empty: only the server at `url`, or whatever its database engine replicates to.
    pub cluster: String,
    /// How many replicas must have an insert before it counts: a number, or `auto` for the
    /// majority. Default empty: the one that took it. With less than a majority the loss of a server
    /// may take rows along that were stored.
    pub insert_quorum: String,
    /// How long an insert may take. Default `"2m"`. Too low: a busy server is asked again and again
    /// for what it is still doing (harmless, but slow); too high: a dead one is noticed late.
    #[serde(with = "etappe_core::duration_text")]
    pub insert_timeout: Duration,
    /// How long a question may take; the server gives up at the same time. Default `"30s"`.
    #[serde(with = "etappe_core::duration_text")]
    pub query_timeout: Duration,
    /// How long one statement of a migration may take. Default `"10m"`.
    #[serde(with = "etappe_core::duration_text")]
    pub migration_timeout: Duration,
    /// How many questions of readers the server is asked at a time; half of them at most are about
    /// one site. A page of figures is some twenty of them. Default 8. Too high: they slow each other
    /// and the writing down, or find the server's own limit; too low: pages wait for a server that
    /// has nothing to do.
    pub concurrent_questions: usize,
    /// The most rows that the server reads for one question of a reader; 0 is any number. Default
    /// 2,000,000,000. A question over one of these three limits gets 422 and is told what to narrow.
    pub question_rows: u64,
    /// The most bytes that the server reads for one question of a reader; 0 is any number. Default
    /// 256 GiB.
    pub question_bytes: u64,
    /// The most memory in bytes that the server uses for one question of a reader; 0 is what the
    /// server allows. Default 1 GiB.
    pub question_memory_bytes: u64,
    /// How much memory in bytes the hits of one unit may take while a question is answered. Default
    /// 256 MiB. Too low: questions about very busy actors are refused.
    pub max_unit_bytes: usize,
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWarehouseConfig {
    /// The address is not an HTTP address. The password in it is left out.
    #[error("url `{url}` {problem}; use http://HOST:8123 or https://HOST:8443")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The database's name has other characters than letters, digits and `_`.
    #[error("database `{0}` may only have letters, digits and `_`")]
    Database(String),
    /// The cluster's name has other characters than letters, digits, `_`, `-` and `.`.
    #[error("cluster `{0}` may only have letters, digits, `_`, `-` and `.`")]
    Cluster(String),
    /// A cluster is named, but tables are not replicated.
    #[error("cluster `{0}` needs `replicated = true`: else each of its servers has other rows")]
    ClusterWithoutReplicas(String),
    /// The quorum is neither a number nor `auto`.
    #[error("insert_quorum `{0}` must be a number or `auto`")]
    Quorum(String),
    /// A quorum is asked for, but tables are not replicated.
    #[error("insert_quorum needs `replicated = true`")]
    QuorumWithoutReplicas,
    /// A timeout or a number of questions is zero.
    #[error("{0} must be above 0")]
    Zero(&'static str),
    /// The file of certificates cannot be used.
    #[error("ca_file {} cannot be used: {problem}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
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
    /// Makes a configuration with defaults for everything else.
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

    /// Makes a configuration of an address with user, password and database in it, such as
    /// `https://user:secret@host:8443/etappe`.
    ///
    /// # Errors
    /// [`InvalidWarehouseConfig`] when the address or the database's name cannot be used.
    pub fn from_url(url: &str) -> Result<Self, InvalidWarehouseConfig> {
        let config = Self {
            url: url.to_owned(),
            ..Self::default()
        };
        let config = config.resolved()?;
        config.problems().into_iter().next().map_or(Ok(config), Err)
    }

    /// Returns the configuration with what the address says of user, password and database moved
    /// to their own settings.
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
        // Both are refused only for addresses without a host.
        let removed = url.set_username("").and_then(|()| url.set_password(None));
        removed.map_err(|()| refuse("must start with http:// or https:// and a host"))?;
        config.url = url.as_str().trim_end_matches('/').to_owned();
        Ok(config)
    }

    /// Checks what can be checked without the server; an empty address is no problem.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
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

    /// Checks what can be checked without the server; returns every problem.
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

    /// Returns the server's name or address and its port, for messages.
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

    /// Returns whether the server is on this machine, where compressing costs more than it saves.
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

/// Returns an address without the password in it, whatever else is wrong with it.
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
        // What is no address may have a password anywhere before its last `@`.
        _ => match text.rsplit_once('@') {
            Some((_, host)) => format!("{REDACTED}@{host}"),
            // Neither host nor port: the start of a login.
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
    fn all_problems_are_told_and_no_password_is() {
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
    fn an_address_may_hold_user_password_and_database() {
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
