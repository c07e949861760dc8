//! Configuration of Kafka: how to connect, and the topics.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rdkafka::error::KafkaError;
use serde::{Deserialize, Serialize, Serializer};

use super::properties;
use super::security::{KafkaSecurity, REDACTED, Secrets};

/// The shortest property value that counts as a secret.
const LEAST_SECRET: usize = 6;

/// The compression of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaCodec {
    /// Fast. Events take about a quarter of the network and the disk space.
    Lz4,
    /// Compresses better, for about twice the CPU.
    Zstd,
}

impl KafkaCodec {
    /// Returns the codec's name in librdkafka.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Configuration of the event log on Kafka.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// The brokers to contact first, as `host:port,host:port`. Default: none; the event log is then
    /// a local one.
    pub brokers: String,
    /// The topic of the events. Default: `etappe.events.v1`.
    pub topic: String,
    /// The topic of the dead letters: records that could not be stored. Default:
    /// `etappe.dead-letters.v1`.
    pub dead_letter_topic: String,
    /// The topic of sites, keys and settings. Default: `etappe.sites.v1`.
    pub sites_topic: String,
    /// The consumer group of the classifiers. Default: `etappe-classifier`. A group with another
    /// name reads the topic again from where the database ends.
    pub group: String,
    /// The name of this classifier in the group, for example the host name. It must be unique.
    /// Default: none. With a name, a classifier that died and is restarted, or that lost contact
    /// with the brokers, gets its partitions back at once instead of after `session_timeout`. If
    /// two have the same name, the one that joined first ends.
    pub instance: String,
    /// How many partitions the events topic has. Default: 4. More partitions can spread over more
    /// classifiers, but mean more and smaller inserts. Can be changed only on a drained topic.
    pub partitions: u32,
    /// How many brokers store each record. Default: three, or the number of brokers if there are
    /// fewer when the topics are created. Set it where brokers start together with Etappe.
    pub replication_factor: Option<u16>,
    /// How long events are kept. Default: `168h`. It must be longer than classifiers may ever be
    /// down: events deleted before they were stored are lost.
    #[serde(with = "etappe_core::duration_text")]
    pub retention: Duration,
    /// The largest record in bytes. Default: 1 MiB. A larger record is refused; others in the same
    /// request are not affected.
    pub max_record_bytes: usize,
    /// The compression of batches. Default: `lz4`. May change at any time.
    pub codec: KafkaCodec,
    /// How long a record waits for others to be sent with it. Default: `5ms`. It adds to the
    /// latency of every request; too low makes many small batches.
    #[serde(with = "etappe_core::duration_text")]
    pub linger: Duration,
    /// The time within which a record must be durable. Default: `10s`. After that it counts as
    /// undelivered and goes to the spool. Requests wait this long when brokers hang or a failed
    /// leader is not replaced sooner. It must be shorter than `collector.publish_timeout`, by a few
    /// seconds.
    #[serde(with = "etappe_core::duration_text")]
    pub delivery_timeout: Duration,
    /// How many bytes of records may wait to be sent. Default: 128 MiB. Bounds memory. Too low
    /// refuses bursts.
    pub queue_bytes: usize,
    /// How many bytes of records a consumer fetches ahead. Default: 32 MiB. Bounds memory; the
    /// memory used is about half as much again.
    pub fetch_bytes: usize,
    /// How long the brokers wait for a heartbeat of a classifier before its partitions go to
    /// others, and so how long figures lag after a classifier died. Default: `6s`, the least that
    /// brokers accept unless their `group.min.session.timeout.ms` is changed. Too low makes
    /// partitions move because of a hiccup, which costs a second and no event.
    #[serde(with = "etappe_core::duration_text")]
    pub session_timeout: Duration,
    /// The security of the connections.
    pub security: KafkaSecurity,
    /// Further properties of librdkafka, passed on unchanged. Properties that the delivery
    /// guarantee depends on, or that have a setting of their own, are refused. Default: none.
    #[serde(serialize_with = "serialize_properties")]
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            topic: "etappe.events.v1".to_owned(),
            dead_letter_topic: "etappe.dead-letters.v1".to_owned(),
            sites_topic: "etappe.sites.v1".to_owned(),
            group: "etappe-classifier".to_owned(),
            instance: String::new(),
            partitions: 4,
            replication_factor: None,
            retention: Duration::from_secs(168 * 3600),
            max_record_bytes: 1 << 20,
            codec: KafkaCodec::Lz4,
            linger: Duration::from_millis(5),
            delivery_timeout: Duration::from_secs(10),
            queue_bytes: 128 << 20,
            fetch_bytes: 32 << 20,
            session_timeout: Duration::from_secs(6),
            security: KafkaSecurity::default(),
            properties: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("dead_letter_topic", &self.dead_letter_topic)
            .field("sites_topic", &self.sites_topic)
            .field("group", &self.group)
            .field("instance", &self.instance)
            .field("partitions", &self.partitions)
            .field("replication_factor", &self.replication_factor)
            .field("retention", &self.retention)
            .field("max_record_bytes", &self.max_record_bytes)
            .field("codec", &self.codec)
            .field("linger", &self.linger)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("queue_bytes", &self.queue_bytes)
            .field("fetch_bytes", &self.fetch_bytes)
            .field("session_timeout", &self.session_timeout)
            .field("security", &self.security)
            .field("properties", &shown(&self.properties))
            .finish()
    }
}

fn serialize_properties<S: Serializer>(
    properties: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    shown(properties).serialize(serializer)
}

/// Returns the properties with secret values masked.
fn shown(properties: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    properties
        .iter()
        .map(|(name, value)| {
            let is_secret = properties::is_secret(name);
            (name.as_str(), if is_secret { REDACTED } else { value })
        })
        .collect()
}

impl KafkaConfig {
    /// Returns whether Kafka is used.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        !self.brokers.is_empty()
    }

    /// Checks the configuration, including that librdkafka knows every property.
    ///
    /// # Errors
    /// Every problem found, one sentence each.
    pub fn validate(&self) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        self.check_names(&mut problems);
        self.check_bounds(&mut problems);
        self.security.check(&mut problems);
        problems.extend(
            self.properties
                .keys()
                .filter_map(|name| properties::refusal(name)),
        );
        if problems.is_empty()
            && let Err(error) = self.client("check").create_native_config()
        {
            let problem = self.without_secrets(&error);
            problems.push(format!("librdkafka rejects the properties: {problem}"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// Returns the texts that must be masked in anything the client reports.
    pub(super) fn secrets(&self) -> Secrets {
        let properties = self.properties.iter();
        let hidden = properties.filter(|(name, _)| properties::is_secret(name));
        // A shorter value is a choice such as `true`.
        let hidden = hidden.map(|(_, value)| value.as_str());
        let hidden = hidden.filter(|value| value.len() >= LEAST_SECRET);
        Secrets::of(hidden.chain(self.security.passwords()))
    }

    /// Returns the client's message about a property, without the value if it is or may be a
    /// secret. The value of an unknown name may be one: the name may be a misspelt secret.
    fn without_secrets(&self, error: &KafkaError) -> String {
        let told = match error {
            KafkaError::ClientConfig(_, reason, name, value)
                if properties::is_secret(name) || reason.starts_with("No such") =>
            {
                reason.replace(&format!("\"{value}\""), REDACTED)
            }
            other => other.to_string(),
        };
        self.secrets().mask(&told).into_owned()
    }

    fn check_names(&self, problems: &mut Vec<String>) {
        for broker in self.brokers.split(',').filter(|_| self.is_enabled()) {
            let port = broker.trim().rsplit_once(':').map(|(_, port)| port);
            if port.is_none_or(|port| port.parse::<u16>().is_err()) {
                problems.push(format!(
                    "`brokers` has `{broker}`, expected `host:port,host:port`"
                ));
            }
        }
        let topics = [
            ("topic", &self.topic),
            ("dead_letter_topic", &self.dead_letter_topic),
            ("sites_topic", &self.sites_topic),
        ];
        for (setting, name) in topics {
            if !is_topic_name(name) {
                problems.push(format!(
                    "`{setting}` is `{name}`, expected 1 to 249 letters, digits, `.`, `_` or `-`"
                ));
            }
        }
        if BTreeSet::from(topics.map(|(_, name)| name)).len() < topics.len() {
            problems.push("two of the topics have the same name".to_owned());
        }
        if self.group.is_empty() {
            problems.push("`group` is empty".to_owned());
        }
        if !self.instance.is_empty() && !is_topic_name(&self.instance) {
            problems.push(format!(
                "`instance` is `{}`, expected at most 249 letters, digits, `.`, `_` or `-`",
                self.instance
            ));
        }
    }

    fn check_bounds(&self, problems: &mut Vec<String>) {
        let mut check = |good: bool, problem: String| {
            if !good {
                problems.push(problem);
            }
        };
        check(
            (1..=64).contains(&self.partitions),
            format!("`partitions` is {}, expected 1 to 64", self.partitions),
        );
        check(
            self.replication_factor
                .is_none_or(|count| (1..=100).contains(&count)),
            "`replication_factor` is not within 1 to 100".to_owned(),
        );
        check(
            (1_024..=8 << 20).contains(&self.max_record_bytes),
            format!(
                "`max_record_bytes` is {}, expected 1024 to 8388608",
                self.max_record_bytes
            ),
        );
        for (setting, bytes) in [
            ("queue_bytes", self.queue_bytes),
            ("fetch_bytes", self.fetch_bytes),
        ] {
            let least = self.max_record_bytes.saturating_mul(4).max(1 << 20);
            check(
                (least..=2_000 << 20).contains(&bytes),
                format!(
                    "`{setting}` is {bytes}, expected four of the largest records, {least}, to \
                     2097152000"
                ),
            );
        }
        let durations = [
            ("retention", self.retention, 60_000, 3_650 * 86_400_000),
            ("linger", self.linger, 0, 1_000),
            ("delivery_timeout", self.delivery_timeout, 500, 300_000),
            ("session_timeout", self.session_timeout, 1_000, 300_000),
        ];
        for (setting, duration, least, most) in durations {
            check(
                (least..=most).contains(&duration.as_millis()),
                format!("`{setting}` is {duration:?}, expected {least}ms to {most}ms"),
            );
        }
    }
}

fn is_topic_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&name.len()) && name.bytes().all(is_allowed) && !matches!(name, "." | "..")
}

#[cfg(test)]
mod tests;
