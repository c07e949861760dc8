//! The topics: created if missing, otherwise compared with the configuration.
//!
//! A difference is reported, never corrected: the number of partitions cannot be reduced, and other
//! programs may use the topic. The message states what was found and how to change it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::client::{Reachability, SharedContext};
use super::cluster::KafkaCluster;
use super::config::KafkaConfig;
use super::lookout::Lookout;
use crate::error::LogError;
use etappe_runtime::blocking::run_blocking;

/// How long one answer of the brokers may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most replicas to create, unless configured.
const REPLICAS: usize = 3;

type Admin = AdminClient<SharedContext>;

/// A topic as it should be.
#[derive(Debug)]
struct Wanted {
    name: String,
    partitions: u32,
    /// The setting for the number of partitions, if there is one.
    partitions_setting: Option<&'static str>,
    /// The topic's properties, each with its setting if there is one.
    properties: Vec<(&'static str, String, Option<&'static str>)>,
}

/// A topic as it is.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    partitions: usize,
    replicas: usize,
}

impl KafkaConfig {
    fn wanted_topics(&self) -> [Wanted; 3] {
        let bytes = self.max_message_bytes().to_string();
        let size = ("max.message.bytes", bytes, Some("kafka.max_record_bytes"));
        let retention = |text: String, setting| ("retention.ms", text, setting);
        let policy = |text: &str| ("cleanup.policy", text.to_owned(), None);
        let kept = self.retention.as_millis().to_string();
        [
            Wanted {
                name: self.topic.clone(),
                partitions: self.partitions,
                partitions_setting: Some("kafka.partitions"),
                properties: vec![
                    policy("delete"),
                    retention(kept, Some("kafka.retention")),
                    size.clone(),
                ],
            },
            Wanted {
                name: self.dead_letter_topic.clone(),
                partitions: 1,
                partitions_setting: None,
                properties: vec![
                    policy("delete"),
                    retention("-1".to_owned(), None),
                    size.clone(),
                ],
            },
            Wanted {
                name: self.sites_topic.clone(),
                partitions: 1,
                partitions_setting: None,
                properties: vec![policy("compact"), size],
            },
        ]
    }
}

impl KafkaCluster {
    /// Creates the missing topics and checks the existing ones: number of partitions, replication,
    /// retention, largest message, cleanup policy.
    ///
    /// # Errors
    /// - [`LogError::TopicMismatch`] if a topic is not as configured
    /// - [`LogError::KafkaUnavailable`] if the brokers cannot be reached now
    /// - [`LogError::KafkaRefused`] if they deny us access
    pub async fn ensure_topics(&self) -> Result<(), LogError> {
        self.visit(async |visit| visit.ensure().await).await
    }

    /// Checks the topics as [`Self::ensure_topics`] does, and returns the names of those it would
    /// create.
    ///
    /// # Errors
    /// As [`Self::ensure_topics`].
    pub async fn check_topics(&self) -> Result<Vec<String>, LogError> {
        self.visit(async |visit| {
            let (wanted, metadata) = visit.look().await?;
            let missing = missing(&wanted, &metadata);
            Ok(missing.iter().map(|topic| topic.name.clone()).collect())
        })
        .await
    }

    async fn visit<T>(
        &self,
        work: impl AsyncFnOnce(&Visit<'_>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let context = SharedContext::new("admin", self, || {});
        let reachability = Arc::clone(context.reachability());
        let admin: Admin = self
            .config
            .client("admin")
            // The client is gone before it has any statistics.
            .set("statistics.interval.ms", "0")
            .create_with_context(context)
            .map_err(|error| LogError::kafka("make an admin client", None, error))?;
        let visit = Visit {
            config: &self.config,
            admin: Arc::new(admin),
            lookout: self.lookout()?,
            reachability,
        };
        let done = work(&visit).await;
        // Dropping the clients waits for their threads.
        let clients = (visit.admin, visit.lookout);
        tokio::task::spawn_blocking(move || drop(clients))
            .await
            .ok();
        done
    }
}

/// Returns the topics that do not exist.
fn missing<'w>(wanted: &'w [Wanted], metadata: &Metadata) -> Vec<&'w Wanted> {
    let is_missing = |topic: &&Wanted| found(metadata, &topic.name).is_none();
    wanted.iter().filter(is_missing).collect()
}

/// One examination of the topics.
struct Visit<'a> {
    config: &'a KafkaConfig,
    admin: Arc<Admin>,
    lookout: Lookout,
    reachability: Arc<Reachability>,
}

impl Visit<'_> {
    async fn ensure(&self) -> Result<(), LogError> {
        let (wanted, metadata) = self.look().await?;
        let missing = missing(&wanted, &metadata);
        if missing.is_empty() {
            return Ok(());
        }
        self.create(&missing, metadata.brokers().len()).await
    }

    /// Checks the existing topics, and returns all wanted topics and the metadata found.
    async fn look(&self) -> Result<([Wanted; 3], Metadata), LogError> {
        let wanted = self.config.wanted_topics();
        let metadata = self.metadata().await?;
        let there: Vec<&Wanted> = wanted
            .iter()
            .filter(|topic| found(&metadata, &topic.name).is_some())
            .collect();
        if !there.is_empty() {
            self.check(&there, &metadata).await?;
        }
        Ok((wanted, metadata))
    }

    async fn metadata(&self) -> Result<Metadata, LogError> {
        // Do not use the admin client: it is not told why a broker cannot be reached.
        let lookout = self.lookout.clone();
        let fetching = move || lookout.metadata("ask the Kafka brokers for their topics", None);
        run_blocking(fetching).await
    }

    fn error(&self, action: &str, error: KafkaError) -> LogError {
        LogError::kafka(action, self.reachability.last_error(), error)
    }

    async fn create(&self, topics: &[&Wanted], brokers: usize) -> Result<(), LogError> {
        let replicas = match self.config.replication_factor {
            Some(replicas) => usize::from(replicas),
            None => brokers.clamp(1, REPLICAS),
        };
        // One of three brokers may be down, and an acknowledged record is still on two.
        let in_sync = if replicas >= REPLICAS { "2" } else { "1" };
        let replication = i32::try_from(replicas).expect("it is at most 100");
        let topics: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| {
                let partitions = i32::try_from(topic.partitions).expect("it is at most 64");
                let replication = TopicReplication::Fixed(replication);
                let new = NewTopic::new(&topic.name, partitions, replication)
                    .set("min.insync.replicas", in_sync);
                topic
                    .properties
                    .iter()
                    .fold(new, |new, (name, value, _)| new.set(name, value))
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(PATIENCE))
            .operation_timeout(Some(PATIENCE));
        let results = self
            .admin
            .create_topics(&topics, &options)
            .await
            .map_err(|error| self.error("create topics", error))?;
        for result in results {
            match result {
                Ok(topic) => tracing::info!(%topic, replicas, "made a topic"),
                // Another of our processes was faster, with the same configuration or its own.
                Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => {
                    tracing::debug!(%topic, "the topic was made meanwhile");
                }
                Err((topic, code)) => {
                    let action = format!("create topic `{topic}`");
                    return Err(self.error(&action, KafkaError::AdminOp(code)));
                }
            }
        }
        Ok(())
    }

    async fn check(&self, topics: &[&Wanted], metadata: &Metadata) -> Result<(), LogError> {
        let specifiers: Vec<ResourceSpecifier<'_>> = topics
            .iter()
            .map(|topic| ResourceSpecifier::Topic(&topic.name))
            .collect();
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        let described = self
            .admin
            .describe_configs(&specifiers, &options)
            .await
            .map_err(|error| self.error("read the configuration of the topics", error))?;
        for resource in described {
            let resource = resource.map_err(|code| {
                let error = KafkaError::AdminOp(code);
                self.error("read the configuration of a topic", error)
            })?;
            let OwnedResourceSpecifier::Topic(name) = &resource.specifier else {
                continue;
            };
            let wanted = topics.iter().find(|topic| topic.name == *name);
            if let (Some(wanted), Some(found)) = (wanted, found(metadata, name)) {
                self.compare(wanted, &found, &resource)?;
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        wanted: &Wanted,
        found: &Found,
        resource: &ConfigResource,
    ) -> Result<(), LogError> {
        let value = |name: &str| resource.get(name).and_then(|entry| entry.value.as_deref());
        let mut problems = Vec::new();
        problems.extend(self.compare_partitions(wanted, found));
        problems.extend(self.compare_replicas(wanted, found));
        for (name, value_wanted, setting) in &wanted.properties {
            let value_found = value(name).unwrap_or_default();
            if !is_satisfied(name, value_found, value_wanted) {
                problems.push(self.property_problem(
                    wanted,
                    (name, value_found, value_wanted),
                    *setting,
                ));
            }
        }
        let in_sync = value("min.insync.replicas").unwrap_or_default();
        if found.replicas >= REPLICAS && in_sync == "1" {
            tracing::warn!(
                topic = wanted.name,
                "`min.insync.replicas` is 1: an acknowledged event may be on one broker only"
            );
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(LogError::TopicMismatch {
                topic: wanted.name.clone(),
                problems,
            })
        }
    }

    fn compare_partitions(&self, wanted: &Wanted, found: &Found) -> Option<String> {
        if found.partitions == wanted.partitions as usize {
            return None;
        }
        let (is, should) = (found.partitions, wanted.partitions);
        Some(match wanted.partitions_setting {
            Some(setting) => format!(
                "it has {is} partitions, expected {should}: set `{setting}` to {is}, or, on a \
                 drained topic, choose another `kafka.topic` and let it be made with {should}"
            ),
            None => format!(
                "it has {is} partitions, expected {should}: choose another name for it and let it \
                 be made"
            ),
        })
    }

    fn compare_replicas(&self, wanted: &Wanted, found: &Found) -> Option<String> {
        let should = usize::from(self.config.replication_factor?);
        (found.replicas != should).then(|| {
            format!(
                "it is kept by {} brokers, expected {should}: set `kafka.replication_factor` to \
                 {}, or run kafka-reassign-partitions.sh for topic {}",
                found.replicas, found.replicas, wanted.name
            )
        })
    }

    fn property_problem(
        &self,
        wanted: &Wanted,
        (name, is, should): (&str, &str, &str),
        setting: Option<&str>,
    ) -> String {
        let (brokers, topic) = (&self.config.brokers, &wanted.name);
        let change = setting.map_or(String::new(), |setting| format!("change `{setting}`, or "));
        format!(
            "`{name}` is {is}, expected {should}: {change}run kafka-configs.sh \
             --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} \
             --add-config {name}={should}"
        )
    }
}

/// Returns whether a topic's property is sufficient.
fn is_satisfied(name: &str, found: &str, wanted: &str) -> bool {
    if name == "max.message.bytes" {
        // A larger value does no harm.
        return match (found.parse::<u64>(), wanted.parse::<u64>()) {
            (Ok(found), Ok(wanted)) => found >= wanted,
            _ => false,
        };
    }
    found == wanted
}

/// Returns what `metadata` contains about a topic, or `None` if there is no such topic.
fn found(metadata: &Metadata, name: &str) -> Option<Found> {
    let topic = metadata.topics().iter().find(|it| it.name() == name)?;
    if topic.partitions().is_empty() {
        return None;
    }
    Some(Found {
        partitions: topic.partitions().len(),
        replicas: topic
            .partitions()
            .iter()
            .map(|partition| partition.replicas().len())
            .min()
            .unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_may_take_larger_messages_but_not_have_another_retention() {
        assert!(is_satisfied("max.message.bytes", "2000000", "1114112"));
        assert!(!is_satisfied("max.message.bytes", "1048588", "1114112"));
        assert!(!is_satisfied("max.message.bytes", "", "1"));
        assert!(!is_satisfied("retention.ms", "-1", "604800000"));
        assert!(is_satisfied("cleanup.policy", "compact", "compact"));
    }
}
