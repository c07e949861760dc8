//! Puts the journey index in front of the database.

use std::path::PathBuf;

use etappe_core::watermark::Watermark;
use etappe_journeys::metrics::JourneysMetrics;
use etappe_journeys::{Follower, FollowerParts, IndexedStore};
use etappe_warehouse::Warehouse;

use super::Service;
use crate::data_dir::DataDir;

/// Where the journey index is kept, and which log it follows.
pub(crate) struct JourneysPlace {
    /// Its folder.
    folder: PathBuf,
    /// The log's name.
    topic: String,
}

impl JourneysPlace {
    /// Returns the place within a data folder, for a log of this name.
    pub(crate) fn new(data: &DataDir, topic: &str) -> Self {
        Self {
            folder: data.path("journeys"),
            topic: topic.to_owned(),
        }
    }
}

/// Returns the store of the API. With a place for it, and unless it is turned off, the index answers
/// what it can and follows the database until the shutdown.
pub(crate) fn indexed(
    service: &Service,
    warehouse: Warehouse,
    watermark: &Watermark,
    place: Option<JourneysPlace>,
) -> anyhow::Result<IndexedStore<Warehouse>> {
    let config = service.config.journeys.clone();
    let Some(place) = place.filter(|_| config.enabled) else {
        return Ok(IndexedStore::without_index(warehouse));
    };
    let follower = Follower::new(FollowerParts {
        ledger: warehouse.clone(),
        watermark: watermark.clone(),
        topic: place.topic,
        folder: place.folder,
        config,
        metrics: JourneysMetrics::register(&service.registry)?,
        report: service.health.register("journeys"),
    });
    let store = IndexedStore::new(warehouse, &follower);
    let following = follower.run(service.shutdown.token());
    // On the threads of the questions, which may be blocked and have a lower priority than intake.
    let threads = service.questions.handle();
    service.tasks.spawn(threads.spawn(following));
    Ok(store)
}
