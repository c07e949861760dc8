//! The stages of the journey models, for those who read with SQL.
//!
//! Rows say which stage an event is in; what the stages are called, in which order they come and
//! which of them everybody passes is only in the rules. Who has the rules publishes it here, so that
//! the views can show a stage that nobody reached, and a funnel.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// A stage of a journey model.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct JourneyStage {
    /// The model's id.
    pub model: String,
    /// Its place in the model, counted from 1.
    pub ordinal: u8,
    /// The stage's id.
    pub stage: String,
    /// Whether everybody passes it on the way to later stages.
    pub gate: bool,
    /// Whether it is passed by an event of its own only.
    pub own_hit: bool,
    /// What it is called in English.
    pub label_en: String,
    /// What it is called in Dutch.
    pub label_nl: String,
}

impl Warehouse {
    /// Makes `stages`, those of all models, the ones that the views show. Writes nothing when they
    /// are already; of processes with different rules the last one to publish is believed.
    ///
    /// # Errors
    /// The server's error.
    pub async fn publish_stages(&self, stages: &[JourneyStage]) -> Result<(), WarehouseError> {
        let mut wanted = stages.to_vec();
        wanted.sort_by(|a, b| (&a.model, a.ordinal).cmp(&(&b.model, b.ordinal)));
        let mut current = self
            .ask(
                "read journey stages",
                "SELECT toString(model) AS model, ordinal, toString(stage) AS stage, gate, own_hit, label_en, label_nl \
                 FROM journey_stages",
            )
            .rows::<JourneyStage>()
            .await?;
        current.sort_by(|a, b| (&a.model, a.ordinal).cmp(&(&b.model, b.ordinal)));
        if current == wanted {
            return Ok(());
        }
        let client = self.client().clone().with_setting("async_insert", "0");
        let insert = async {
            let mut rows = client.insert::<JourneyStage>("published_stages").await?;
            for stage in &wanted {
                rows.write(stage).await?;
            }
            rows.end().await
        };
        let limit = self.config().insert_timeout;
        self.within(limit, "publish journey stages", insert).await
    }
}
