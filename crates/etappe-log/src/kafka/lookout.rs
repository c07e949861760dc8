//! Looks again and again whether Kafka can be reached, for the report on readiness.
//!
//! A client of its own: what the others say is about their work, and one that has nothing to do notices
//! nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

use super::blocking::run_blocking;
use super::cluster::KafkaCluster;
use super::plain::PlainContext;
use crate::error::LogError;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many lines of the client are heard at a time.
const SERVED: usize = 50;

/// Asks the brokers for a sign of life; clones share one client.
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
    /// Makes a lookout, which connects when it first looks.
    ///
    /// # Errors
    /// [`LogError`] when the client cannot be made.
    pub fn lookout(&self) -> Result<Lookout, LogError> {
        let client = self
            .config
            .client("lookout")
            .set("statistics.interval.ms", "0")
            .set("socket.timeout.ms", PATIENCE.as_millis().to_string())
            .create_with_context(PlainContext::new(self, "lookout"))
            .map_err(|error| LogError::kafka("make a client of Kafka", None, error))?;
        Ok(Lookout {
            topic: self.config.topic.as_str().into(),
            client: Arc::new(client),
        })
    }
}

impl Lookout {
    /// Asks the brokers about the events topic; takes 5 s at most.
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

    /// Asks for what the brokers say of a topic, or of all; blocks for 5 s at most. `action` is what
    /// cannot be done if they do not answer.
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
                let reason = self.client.context().last_error();
                Err(LogError::kafka(action, reason, error))
            }
        }
    }

    /// Hears what the client has to say: without a group only errors of the client as a whole. A poll
    /// that meets a log line returns nothing, so that one that returns nothing is not the last.
    fn serve(&self) {
        for _ in 0..SERVED {
            drop(self.client.poll(Duration::from_millis(1)));
        }
    }
}
