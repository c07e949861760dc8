//! The cost behind the log: the real classifier between a real log and the real engine, with and
//! without each piece.
//!
//! Each side has its own database and gets the same number of its own events in each round. Each
//! round uses a new classifier in this process.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use etappe_classifier::{Classifier, ClassifierConfig, ClassifierParts};
use etappe_core::audit::PartitionPositions;
use etappe_core::ports::{Clock, EventPublisher, RecordSource};
use etappe_core::rules::RuleSet;
use etappe_core::time::Timestamp;
use etappe_core::watermark::Watermark;
use etappe_log::local::{LocalLog, LocalLogConfig, current_boot_id};
use etappe_runtime::clock::SystemClock;
use etappe_testkit::faults::Faults;
use etappe_testkit::memory_letters::MemoryLetters;
use etappe_tests::fleet::start_engine;
use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;
use reqwest::Url;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::embedded::EmbeddedEngine;
use super::super::report::{Figure, progress};
use super::Pace;
use super::feed::{Feed, Index, records};
use super::side::{Round, Side};
use crate::process::{Pid, Watch};

/// The share of a round's events that each side drains before the measurement.
const WARM_UP: u64 = 5;
/// The number of records published at a time.
const PUBLISHED: u64 = 5_000;
/// Records received this long after the classifier's start cannot have been stored by an earlier
/// one, so the tables are not checked for them.
const BEYOND_DOUBT_MILLIS: i64 = 600_000;

/// The pieces of a side.
#[derive(Debug, Clone, Copy)]
struct Pieces {
    name: &'static str,
    /// Ranges and progress are durable.
    persists: bool,
    /// Tables recognise a repeated insert.
    windows: bool,
    /// Repeated messages are recognised.
    duplicates: bool,
    /// Batches are compared with the tables, as in the first two minutes.
    checks: bool,
}

const FULL: Pieces = Pieces {
    name: "all of it",
    persists: true,
    windows: true,
    duplicates: true,
    checks: false,
};

/// The sides; the others are compared with the first.
const SIDES: [Pieces; 6] = [
    FULL,
    Pieces {
        name: "ranges not persisted",
        persists: false,
        ..FULL
    },
    Pieces {
        name: "no deduplication windows",
        windows: false,
        ..FULL
    },
    Pieces {
        name: "no duplicate filter, no look-ups",
        duplicates: false,
        ..FULL
    },
    Pieces {
        name: "none of it",
        persists: false,
        windows: false,
        duplicates: false,
        checks: false,
    },
    Pieces {
        name: "all of it, batches compared with the tables",
        checks: true,
        ..FULL
    },
];

/// One side: its pieces, its database, its rounds.
struct Lane {
    /// Its index in [`SIDES`].
    number: usize,
    pieces: Pieces,
    warehouse: Warehouse,
    side: Side,
}

/// The log, the engine, and the number of events made so far.
struct Site {
    log: LocalLog,
    engine: Pid,
    next: u64,
    nonce: u32,
    rules: Arc<RuleSet>,
}

/// Measures all sides, alternating.
pub(super) async fn run(folder: &Path, pace: Pace) -> anyhow::Result<Vec<Figure>> {
    let (mut engine, address) = start_engine(folder).await?;
    let pid = engine.id().context("the engine has ended")?;
    let mut lanes = Vec::new();
    for (number, pieces) in SIDES.iter().enumerate() {
        lanes.push(lane(*pieces, pid, &address, number).await?);
    }
    let mut site = Site::open(folder, pid).await?;
    progress("warm up");
    for lane in &lanes {
        let events = pace.events / WARM_UP;
        site.round(lane.pieces, &lane.warehouse, events).await?;
    }
    for round in 1..=pace.rounds {
        for lane in &mut lanes {
            progress(&format!("round {round}: {}", lane.pieces.name));
            let done = site.round(lane.pieces, &lane.warehouse, pace.events);
            lane.side.add(done.await?);
        }
        // A later side runs beside the merges of the earlier ones, so the order alternates.
        lanes.reverse();
    }
    lanes.sort_by_key(|lane| lane.number);
    site.log.close().await?;
    engine.stop().await?;
    Ok(figures(&lanes))
}

fn figures(lanes: &[Lane]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for lane in lanes {
        figures.extend(
            lane.side
                .figures(&format!("log to insert, {}", lane.pieces.name)),
        );
    }
    let side = |number: usize| &lanes[number].side;
    for (with, without, piece) in [
        (0, 1, "persisted ranges"),
        (0, 2, "deduplication windows"),
        (0, 3, "duplicate filter and look-ups"),
        (0, 4, "all of these"),
        (5, 0, "comparing batches with the tables"),
    ] {
        figures.extend(side(with).compared(side(without), piece));
    }
    figures
}

/// Creates a side's database.
async fn lane(pieces: Pieces, engine: Pid, address: &str, number: usize) -> anyhow::Result<Lane> {
    let mut url = Url::parse(address)?;
    url.set_path(&format!("cost_{number}"));
    let config = WarehouseConfig {
        url: url.to_string(),
        ..WarehouseConfig::default()
    };
    let warehouse = Warehouse::connect(config, &Registry::new())?;
    warehouse.migrate().await?;
    if !pieces.windows {
        take_windows_away(&EmbeddedEngine::at(engine, url.as_str())?).await?;
    }
    Ok(Lane {
        number,
        pieces,
        warehouse,
        side: Side::default(),
    })
}

async fn take_windows_away(engine: &EmbeddedEngine) -> anyhow::Result<()> {
    let with_window = "SELECT name FROM system.tables WHERE database = currentDatabase() AND \
                       engine_full LIKE '%non_replicated_deduplication_window%' FORMAT TSVRaw";
    let tables = engine.database.run(with_window, &[], Bytes::new()).await?;
    ensure!(!tables.trim().is_empty(), "no table has a window");
    for table in tables.split_whitespace() {
        let alter =
            format!("ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 0");
        engine.database.run(&alter, &[], Bytes::new()).await?;
    }
    Ok(())
}

impl Site {
    async fn open(folder: &Path, engine: Pid) -> anyhow::Result<Self> {
        let config = LocalLogConfig {
            directory: folder.join("log"),
            ..LocalLogConfig::default()
        };
        let boot = current_boot_id()?;
        let open = move || LocalLog::open(config, Arc::new(SystemClock), &boot, &Registry::new());
        let log = tokio::task::spawn_blocking(open).await??;
        // The source gives each partition once; the feeds decide what is read of it.
        let source = log.source();
        for _ in log.reader().positions() {
            source.changed().await?;
        }
        Ok(Self {
            log,
            engine,
            next: 0,
            nonce: crate::nonce(SystemClock.now()),
            rules: Arc::new(RuleSet::shipped()),
        })
    }

    /// Drains new events with a new classifier.
    async fn round(
        &mut self,
        pieces: Pieces,
        warehouse: &Warehouse,
        events: u64,
    ) -> anyhow::Result<Round> {
        let before = self.log.reader().positions();
        self.fill(events, pieces.checks).await?;
        let part = |position: PartitionPositions| {
            let from = before
                .iter()
                .find(|it| it.partition == position.partition)
                .map_or(position.start, |it| it.end);
            (position.partition, from..position.end)
        };
        let parts: Vec<_> = self
            .log
            .reader()
            .positions()
            .into_iter()
            .map(part)
            .collect();
        let events = parts
            .iter()
            .map(|(_, part)| part.end.0 - part.start.0)
            .sum();
        let feed = Feed::new(&self.log, parts, pieces.persists);
        let classifier = self.classifier(pieces, warehouse, feed.clone())?;
        let watch = Watch::start(vec![
            ("ours".to_owned(), std::process::id()),
            ("engine".to_owned(), self.engine),
        ])?;
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let mut run = std::pin::pin!(classifier.run(stop.clone()));
        tokio::select! {
            ended = &mut run => bail!("the classifier ended by itself: {ended:?}"),
            () = feed.done() => {}
        }
        let seconds = begun.elapsed().as_secs_f64();
        let used = watch.finish()?;
        stop.cancel();
        run.await?;
        feed.settle().await?;
        Ok(Round {
            events,
            seconds,
            cpu_seconds: used[0].cpu_seconds,
            their_cpu_seconds: Some(used[1].cpu_seconds),
        })
    }

    fn classifier(
        &self,
        pieces: Pieces,
        warehouse: &Warehouse,
        feed: Feed,
    ) -> anyhow::Result<Classifier<Feed, Warehouse, MemoryLetters, Index, SystemClock>> {
        let mut config = ClassifierConfig::default();
        let index = if pieces.duplicates {
            Index::Stored(warehouse.clone())
        } else {
            // The smallest possible filter: it forgets at once.
            config.filter_bytes = 0;
            config.filter_messages = 1;
            Index::Nothing
        };
        let partitions = self.log.reader().positions().len();
        let parts = ClassifierParts {
            source: feed,
            sink: warehouse.clone(),
            letters: MemoryLetters::with_faults(Faults::default()),
            index,
            clock: SystemClock,
            rules: Arc::clone(&self.rules),
            sites: watch::channel(Arc::default()).1,
            config,
            partitions: u32::try_from(partitions)?,
            watermark: Watermark::new(partitions),
        };
        Ok(Classifier::new(parts, &Registry::new())?)
    }

    async fn fill(&mut self, events: u64, are_doubtful: bool) -> anyhow::Result<()> {
        let publisher = self.log.publisher();
        let end = self.next + events;
        while self.next < end {
            let until = (self.next + PUBLISHED).min(end);
            let received_at = if are_doubtful {
                SystemClock.now()
            } else {
                Timestamp::from_millis(SystemClock.now().as_millis() + BEYOND_DOUBT_MILLIS)
            };
            let records = records(self.next..until, received_at, self.nonce)?;
            for outcome in publisher.publish(records).await {
                outcome.context("a record was refused")?;
            }
            self.next = until;
        }
        Ok(())
    }
}
