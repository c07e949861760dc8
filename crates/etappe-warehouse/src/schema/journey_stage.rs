//! The stages of the journey models, for SQL clients.
//!
//! Rows contain an event's stage, but only the rules contain the names and the order of the stages
//! and which of them are gates. The process that has the rules publishes this here, so that the
//! views can show funnels and stages that nobody reached.

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
    /// Whether everyone passes it on the way to later stages.
    pub gate: bool,
    /// Whether only an event of the stage itself passes it.
    pub own_hit: bool,
    /// Its English name.
    pub label_en: String,
    /// Its Dutch name.
    pub label_nl: String,
}

impl Warehouse {
    /// Makes `stages`, those of all models, the stages that the views show. Writes nothing if they
    /// are already. If processes have different rules, the last one to publish wins.
    ///
    /// # Errors
    /// The server's error.
    pub async fn publish_stages(&self, stages: &[JourneyStage]) -> Result<(), WarehouseError> {
        let mut wanted = stages.to_vec();
        wanted.sort_by(|a, b| (&a.model, a.ordinal).cmp(&(&b.model, b.ordinal)));
        let mut current = self
            .query(
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
