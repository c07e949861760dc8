//! Looks again and again whether Kafka can be reached, for the report on readiness.
//!
//! A client of its own: what the others say is about their work, and one that has nothing to do notices
//! nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::blocking::run_blocking;
use super::cluster::KafkaCluster;
use super::plain::PlainContext;
use crate::error::LogError;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

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
        self.serve();
        let asked = self.client.fetch_metadata(Some(&self.topic), PATIENCE);
        self.serve();
        match asked {
            Ok(_) => {
                self.client.context().note_success();
                Ok(())
            }
            Err(error) => {
                let reason = self.client.context().last_error();
                Err(LogError::kafka("reach Kafka", reason, error))
            }
        }
    }

    /// Hears what the client has to say: without a group only errors of the client as a whole.
    fn serve(&self) {
        while self.client.poll(Duration::ZERO).is_some() {}
    }
}
