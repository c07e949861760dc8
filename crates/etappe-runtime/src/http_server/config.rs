//! The settings of every address.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::proxy::{InvalidNetwork, Proxies};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The maximum number of connections of an admin address: for scrapers and operators, not the
/// public.
const ADMIN_CONNECTIONS: usize = 256;
/// The maximum number of these per network.
const ADMIN_NETWORK_CONNECTIONS: usize = 128;

/// The limits on clients of an address.
///
/// Sizes are in bytes; times are texts such as `"30s"`, `"500ms"` or `"5m"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The maximum number of concurrent connections to the public address; further ones are closed
    /// with 503. Default 4,096, or fewer if `ulimit -n` does not leave enough files. Each may
    /// buffer `header_bytes` and 32 KiB.
    pub max_connections: usize,
    /// The maximum number of concurrent connections from one network (an IPv4 address, 64 bits of
    /// an IPv6 address); further ones are closed with 429. Default 1,024. Does not apply to
    /// `proxies`. Too low: offices behind one address are refused. Too high: one client can take
    /// all connections.
    pub network_connections: usize,
    /// The networks of your own proxies. They are used only where `collector.trusted_proxies` says
    /// that there are proxies. Then these peers are exempt from the limit per network, and only
    /// they may state the client's address. Default loopback and the private networks.
    pub proxies: Vec<String>,
    /// The maximum size of a request's head (request line and headers). Default 16 KiB; a larger
    /// one gets 431, as does one with more than 100 headers. Too low: pixels with long addresses
    /// are lost.
    pub header_bytes: usize,
    /// How long a client may take to send a head, including the first one of a connection and the
    /// next one of a kept-alive connection. Default 30 s.
    #[serde(with = "etappe_core::duration_text")]
    pub header_timeout: Duration,
    /// How long a client may take to send a body. Default 30 s. Too high: slow clients hold
    /// connections. Too low: slow phones get 408.
    #[serde(with = "etappe_core::duration_text")]
    pub body_timeout: Duration,
    /// How long a client may fail to read what is sent to it; a client that reads less than 2 KiB
    /// per second uses this time up. Default 30 s.
    #[serde(with = "etappe_core::duration_text")]
    pub write_timeout: Duration,
    /// How long requests in progress may continue after the shutdown began. Default 5 s.
    #[serde(with = "etappe_core::duration_text")]
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let private = [
            "127.0.0.0/8",
            "::1/128",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Self {
            max_connections: 4096,
            network_connections: 1024,
            proxies: private.map(str::to_owned).to_vec(),
            header_bytes: 16 * KIB,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

impl ServerConfig {
    /// Returns the settings of an admin address: the same limits with fewer connections.
    #[must_use]
    pub fn for_admin(&self) -> Self {
        Self {
            max_connections: self.max_connections.min(ADMIN_CONNECTIONS),
            network_connections: self.network_connections.min(ADMIN_NETWORK_CONNECTIONS),
            ..self.clone()
        }
    }

    /// Returns the networks of own proxies.
    ///
    /// # Errors
    /// [`InvalidNetwork`] for the first text that is not a network.
    pub fn own_proxies(&self) -> Result<Proxies, InvalidNetwork> {
        Proxies::parse(&self.proxies)
    }

    /// Returns all problems of the settings, as sentences that name the setting; empty if they are
    /// valid.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let sizes = [
            ("max_connections", self.max_connections, 1, 1_000_000),
            (
                "network_connections",
                self.network_connections,
                1,
                1_000_000,
            ),
            ("header_bytes", self.header_bytes, 8 * KIB, MIB),
        ];
        for (name, value, least, most) in sizes {
            if !(least..=most).contains(&value) {
                problems.push(format!("`{name}` is {value}, expected {least} to {most}"));
            }
        }
        let times = [
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("write_timeout", self.write_timeout),
            ("drain_timeout", self.drain_timeout),
        ];
        for (name, value) in times {
            if !(Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&value) {
                problems.push(format!("`{name}` is {value:?}, expected 1ms to 60m"));
            }
        }
        if let Err(problem) = self.own_proxies() {
            problems.push(format!("`proxies`: {problem}"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_reported_at_once() {
        assert_eq!(ServerConfig::default().validate(), Vec::<String>::new());
        let config = ServerConfig {
            max_connections: 0,
            header_bytes: 10,
            drain_timeout: Duration::ZERO,
            proxies: vec!["everywhere".to_owned()],
            ..ServerConfig::default()
        };
        let problems = config.validate();
        assert_eq!(problems.len(), 4, "{problems:?}");
        for (problem, name) in problems.iter().zip([
            "`max_connections`",
            "`header_bytes`",
            "`drain_timeout`",
            "`proxies`",
        ]) {
            assert!(problem.contains(name), "{problem}");
        }
    }

    #[test]
    fn settings_are_read_from_text_and_written_back() {
        let config: ServerConfig =
            serde_json::from_str(r#"{"body_timeout":"500ms","proxies":["10.0.0.1"]}"#).unwrap();
        assert_eq!(config.body_timeout, Duration::from_millis(500));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<ServerConfig>(&text).unwrap(), config);
        assert!(serde_json::from_str::<ServerConfig>(r#"{"unknown":1}"#).is_err());
    }

    #[test]
    fn an_admin_address_has_fewer_places() {
        let admin = ServerConfig::default().for_admin();
        assert!(admin.network_connections < admin.max_connections);
        assert!(admin.max_connections < ServerConfig::default().max_connections);
    }
}
