//! The event log on Apache Kafka. This is the only module that uses rdkafka.
//!
//! [`KafkaConfig`] holds the brokers and the names of the topics. [`KafkaCluster`] checks the
//! topics and creates publishers and sources with one configuration. Nothing here connects before
//! it is asked for something, and nothing fails for good because brokers are unavailable.
//!
//! The partition of a record is chosen here, `key mod N`, so that every log places a key alike.
//! Records have no Kafka key. There is no auto-commit anywhere.

mod brokers;
mod client;
mod cluster;
mod config;
mod dead_letters;
pub(crate) mod delivery;
mod lookout;
mod plain;
mod positions;
mod producer;
mod properties;
mod publisher;
mod quiet;
pub(crate) mod relay;
mod security;
mod source;
mod table;
mod topics;

pub use self::cluster::KafkaCluster;
pub use self::config::{KafkaCodec, KafkaConfig};
pub use self::dead_letters::KafkaDeadLetters;
pub use self::lookout::Lookout;
pub use self::publisher::KafkaPublisher;
pub use self::security::{KafkaSecurity, SaslMechanism, Secret, SecurityProtocol};
pub use self::source::{KafkaRewind, KafkaSource};
pub use self::table::{KafkaTable, TableRows};
