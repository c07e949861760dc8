//! Tracks how much of a Kafka topic the engine in the data folder holds durably, even after a power
//! loss.
//!
//! The engine does not sync each insert, while the brokers keep the group's offsets. So the file
//! system under the engine is synced every minute, and a file records how far the group had come
//! before the sync. After an unclean shutdown everything since is stored again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use etappe_core::id::{Offset, PartitionId};
use etappe_log::kafka::{KafkaCluster, KafkaRewind};
use etappe_log::local::current_boot_id;
use etappe_runtime::blocking::run_blocking;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::data_dir::{DataDir, write_private};

/// How often the file system is synced.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often to check whether syncing can begin.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The file's name in the data folder.
const FILE: &str = "engine-synced.json";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Synced {
    /// The machine's boot in which the engine was last used.
    boot_id: String,
    /// Whether the engine was then stopped and synced.
    clean: bool,
    topic: String,
    /// For each partition the first offset that may be lost.
    reached: BTreeMap<u32, u64>,
}

/// Maintains the file of a data folder.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    file: PathBuf,
    engine: PathBuf,
    state: Synced,
    /// For each partition, the offset from which to store again.
    rewind: BTreeMap<PartitionId, Offset>,
}

impl Checkpoint {
    /// Reads the file of the last run and records that the engine is in use again. An engine that
    /// `begins_anew` holds nothing, whatever the file says.
    pub(crate) fn open(
        data: &DataDir,
        (topic, partitions): (&str, u32),
        begins_anew: bool,
    ) -> anyhow::Result<Self> {
        let file = data.path(FILE);
        let boot_id = current_boot_id()?;
        let left = if begins_anew {
            Left::Damaged
        } else {
            read(&file)?
        };
        // Nothing is certain for a topic that was never read here.
        let reached = (0..partitions).map(|partition| (partition, 0)).collect();
        let nothing = |boot_id: &str| Synced {
            boot_id: boot_id.to_owned(),
            clean: false,
            topic: topic.to_owned(),
            reached,
        };
        let mut state = match left {
            Left::Known(last) if last.topic == topic => last,
            Left::Known(_) | Left::Nothing => nothing(&boot_id),
            // As after an unclean shutdown in an unknown boot.
            Left::Damaged => nothing(""),
        };
        let rewind = rewind(&state, &boot_id);
        state.boot_id = boot_id;
        state.clean = false;
        let checkpoint = Self {
            file,
            engine: data.path("engine"),
            state,
            rewind,
        };
        if checkpoint.rewind.is_empty() {
            checkpoint.write()?;
        } else {
            tracing::warn!(
                "the engine was not shut down cleanly; storing again the records that it may have lost"
            );
        }
        Ok(checkpoint)
    }

    /// Returns the offset from which to store again, for each partition.
    pub(crate) fn rewind(&self) -> BTreeMap<PartitionId, Offset> {
        self.rewind.clone()
    }

    /// Syncs and records the progress until `stop`.
    pub(crate) async fn keep(
        mut self,
        cluster: KafkaCluster,
        rewind: KafkaRewind,
        stop: CancellationToken,
    ) -> Self {
        loop {
            let mut pause = LOOK_EVERY;
            // The file stays unchanged until everything is stored again.
            if rewind.is_over() {
                match self.advance(&cluster).await {
                    Ok(()) => pause = INTERVAL,
                    Err(error) => tracing::warn!(
                        error = format!("{error:#}"),
                        "the durable position in the topic cannot be stored, retrying"
                    ),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return self,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Records how far the group had come before the file system was synced.
    async fn advance(&mut self, cluster: &KafkaCluster) -> anyhow::Result<()> {
        let positions = cluster.positions().await?;
        sync_file_system(&self.engine).await?;
        self.rewind.clear();
        let committed = positions.iter().map(|it| (it.partition.0, it.committed.0));
        self.state.reached = committed.collect();
        self.write()
    }

    /// Records that nothing can be lost any more, once the engine has stopped.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        if !self.rewind.is_empty() {
            // Not everything that had to be stored again is known to be stored.
            return Ok(());
        }
        sync_file_system(&self.engine).await?;
        self.state.clean = true;
        self.write()
    }

    fn write(&self) -> anyhow::Result<()> {
        write_private(&self.file, &serde_json::to_vec(&self.state)?)
    }
}

/// The state left by the last run.
enum Left {
    /// There is no file.
    Nothing,
    /// A readable file.
    Known(Synced),
    /// An unreadable file: nothing is certain.
    Damaged,
}

fn read(file: &Path) -> anyhow::Result<Left> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(match serde_json::from_slice(&bytes) {
            Ok(synced) => Left::Known(synced),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "the file is damaged and is replaced");
                Left::Damaged
            }
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Left::Nothing),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Returns what an engine in the state `last` may have lost by the current boot.
fn rewind(last: &Synced, boot_id: &str) -> BTreeMap<PartitionId, Offset> {
    if last.clean || last.boot_id == boot_id {
        return BTreeMap::new();
    }
    let from = |(partition, offset): (&u32, &u64)| (PartitionId(*partition), Offset(*offset));
    last.reached.iter().map(from).collect()
}

async fn sync_file_system(folder: &Path) -> anyhow::Result<()> {
    let folder = folder.to_owned();
    let sync = move || -> std::io::Result<()> { Ok(rustix::fs::syncfs(File::open(folder)?)?) };
    run_blocking(sync)
        .await
        .context("the file system cannot be synced")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(boot_id: &str, clean: bool) -> Synced {
        Synced {
            boot_id: boot_id.to_owned(),
            clean,
            topic: "events".to_owned(),
            reached: BTreeMap::from([(0, 7), (1, 0)]),
        }
    }

    #[test]
    fn only_an_unclean_stop_before_another_boot_causes_a_rewind() {
        let all = BTreeMap::from([(PartitionId(0), Offset(7)), (PartitionId(1), Offset(0))]);
        assert_eq!(rewind(&left("a", false), "b"), all);
        assert!(rewind(&left("a", true), "b").is_empty());
        assert!(rewind(&left("b", false), "b").is_empty());
    }

    #[test]
    fn an_interrupted_rewind_is_repeated_at_the_next_start() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let data = DataDir::open(folder.path())?;
        std::fs::write(data.path(FILE), serde_json::to_vec(&left("other", false))?)?;
        for _ in 0..2 {
            let checkpoint = Checkpoint::open(&data, ("events", 2), false)?;
            assert_eq!(checkpoint.rewind().len(), 2);
        }
        let other_topic = Checkpoint::open(&data, ("others", 2), false)?;
        assert!(other_topic.rewind().is_empty());
        assert_eq!(other_topic.state.reached, BTreeMap::from([(0, 0), (1, 0)]));
        Ok(())
    }

    #[test]
    fn a_damaged_file_or_a_new_engine_rewinds_to_the_start() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let data = DataDir::open(folder.path())?;
        let all = BTreeMap::from([(PartitionId(0), Offset(0)), (PartitionId(1), Offset(0))]);
        std::fs::write(data.path(FILE), "{\"boot_id\":\"a")?;
        assert_eq!(Checkpoint::open(&data, ("events", 2), false)?.rewind(), all);
        std::fs::write(data.path(FILE), serde_json::to_vec(&left("other", true))?)?;
        assert!(
            Checkpoint::open(&data, ("events", 2), false)?
                .rewind()
                .is_empty()
        );
        assert_eq!(Checkpoint::open(&data, ("events", 2), true)?.rewind(), all);
        Ok(())
    }
}
