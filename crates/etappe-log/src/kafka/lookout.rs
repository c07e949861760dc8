//! Checks repeatedly whether Kafka is reachable, for the readiness report.
//!
//! It uses a client of its own. The other clients report only on their own work, and an idle client
//! notices nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

use super::cluster::KafkaCluster;
use super::plain::PlainContext;
use crate::error::LogError;
use etappe_runtime::blocking::run_blocking;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of the client's events are served at a time.
const SERVED: usize = 50;

/// Asks the brokers for an answer. Clones share one client.
#[derive(Clone)]
pub struct Lookout {
    topic: Arc<str>,
    client: Arc<BaseConsumer<PlainContext>>,
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

impl KafkaCluster {
    /// Creates a lookout. It connects on the first request.
    ///
    /// # Errors
    /// [`LogError`] if the client cannot be created.
    pub fn lookout(&self) -> Result<Lookout, LogError> {
        Ok(Lookout {
            topic: self.config.topic.as_str().into(),
            client: Arc::new(self.asking_client("lookout", PATIENCE)?),
        })
    }
}

impl Lookout {
    /// Asks the brokers about the events topic. Takes at most 5 s.
    ///
    /// # Errors
    /// [`LogError`] with the reason why no broker answers, as far as the client knows it.
    pub async fn look(&self) -> Result<(), LogError> {
        let lookout = self.clone();
        run_blocking(move || lookout.ask()).await
    }

    fn ask(&self) -> Result<(), LogError> {
        self.metadata("reach Kafka", Some(&self.topic)).map(|_| ())
    }

    /// Fetches the metadata of a topic, or of all topics. Blocks for at most 5 s. `action` names
    /// what fails if the brokers do not answer.
    pub(super) fn metadata(&self, action: &str, topic: Option<&str>) -> Result<Metadata, LogError> {
        self.serve();
        let asked = self.client.fetch_metadata(topic, PATIENCE);
        self.serve();
        match asked {
            Ok(metadata) => {
                self.client.context().note_success();
                Ok(metadata)
            }
            Err(error) => {
                let context = self.client.context();
                context.note_silence(self.client.client());
                let reason = context.last_error();
                Err(LogError::kafka(action, reason, error))
            }
        }
    }

    /// Serves the client's events; without a group these are only errors of the client as a whole.
    /// A poll that meets a log line returns nothing, so an empty poll need not be the last.
    fn serve(&self) {
        for _ in 0..SERVED {
            drop(self.client.poll(Duration::from_millis(1)));
        }
    }
}
