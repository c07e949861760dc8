//! The limit of everything after the log: blocks of rows encoded beforehand, inserted as Native.
//!
//! The rows have the columns and the width that the classifier writes; nothing is read, classified
//! or encoded during the measurement. They go either into `arrivals`, so that the views behind it
//! work too, or into a plain table with the same columns.

mod encoded;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use etappe_wire::row::{COLUMNS, TABLE};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::latency::{LatencyHistogram, LatencySummary};
use crate::load::report::per_second;
use crate::process::{Pid, ProcessUsage, Watch};
pub use encoded::{EncodedRows, with_event};

/// The plain table's name.
pub const BARE_TABLE: &str = "bare_rows";

/// Where rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RowTarget {
    /// A plain table, made for this.
    Bare,
    /// The table that Etappe inserts into, with the views behind it.
    Arrivals,
}

/// How to reach ClickHouse's HTTP interface.
#[derive(Debug, Clone)]
pub struct Database {
    client: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

/// What to insert, and for how long.
#[derive(Debug, Clone)]
pub struct RowPlan {
    /// The target table.
    pub target: RowTarget,
    /// Concurrent inserts; Etappe has one per partition.
    pub inserters: u32,
    /// The duration.
    pub duration: Duration,
    /// The engine's process, whose CPU time and memory are reported.
    pub watch: Option<Pid>,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowReport {
    /// The table.
    pub table: String,
    /// Rows inserted.
    pub rows: u64,
    /// Rows per second.
    pub rows_per_second: f64,
    /// Rows per insert.
    pub rows_per_insert: u64,
    /// Mean bytes per row.
    pub bytes_per_row: u64,
    /// Seconds from the first insert to the last answer.
    pub elapsed_seconds: f64,
    /// The latencies of inserts.
    pub insert: LatencySummary,
    /// Resources used by the inserter and the engine.
    pub processes: Vec<ProcessUsage>,
}

impl Database {
    /// Refers to a database by the URL of its HTTP interface and the login.
    #[must_use]
    pub fn new(url: &str, user: &str, password: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: url.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// Runs a statement; `parameters` are added to the URL.
    ///
    /// # Errors
    ///
    /// The database's own error when it refuses.
    pub async fn run(
        &self,
        statement: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
    ) -> anyhow::Result<String> {
        let response = self
            .client
            .post(&self.url)
            .query(&[("query", statement)])
            .query(parameters)
            .header("X-ClickHouse-User", &self.user)
            .header("X-ClickHouse-Key", &self.password)
            .body(body)
            .timeout(Duration::from_secs(120))
            .send()
            .await
            .context("the database does not answer")?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(
            status.is_success(),
            "the database answered {status}: {}",
            text.trim()
        );
        Ok(text)
    }
}

/// Creates the table if it is a plain one.
///
/// # Errors
///
/// When there is no table whose columns it could copy.
pub async fn prepare(database: &Database, target: RowTarget) -> anyhow::Result<()> {
    if target == RowTarget::Arrivals {
        return Ok(());
    }
    let statement = format!(
        "CREATE TABLE IF NOT EXISTS {BARE_TABLE} AS {TABLE} ENGINE = MergeTree \
         PARTITION BY toYYYYMM(received_at) ORDER BY (site, actor_hash, occurred_at)"
    );
    database.run(&statement, &[], Bytes::new()).await?;
    Ok(())
}

/// Empties the plain table, so that its merges do not slow down what follows.
///
/// # Errors
///
/// When there is no such table.
pub async fn clear(database: &Database) -> anyhow::Result<()> {
    let statement = format!("TRUNCATE TABLE IF EXISTS {BARE_TABLE}");
    database.run(&statement, &[], Bytes::new()).await?;
    Ok(())
}

/// Inserts until the time is over.
///
/// # Errors
///
/// When an insert fails.
pub async fn run(
    database: &Database,
    plan: &RowPlan,
    rows: Arc<EncodedRows>,
) -> anyhow::Result<RowReport> {
    let mut watched = vec![("rows".to_owned(), std::process::id())];
    watched.extend(plan.watch.map(|pid| ("engine".to_owned(), pid)));
    let watch = Watch::start(watched)?;
    let started = Instant::now();
    let mut inserters = JoinSet::new();
    for inserter in 0..plan.inserters.max(1) {
        let (database, plan, rows) = (database.clone(), plan.clone(), Arc::clone(&rows));
        inserters.spawn(async move { insert_until_end(&database, &plan, &rows, inserter).await });
    }
    let mut latencies = LatencyHistogram::default();
    while let Some(inserter) = inserters.join_next().await {
        latencies.merge(&inserter.context("an inserter failed")??);
    }
    let elapsed_seconds = started.elapsed().as_secs_f64();
    let insert = latencies.summary();
    let inserted = insert.count * rows.rows_per_block();
    Ok(RowReport {
        table: plan.target.table().to_owned(),
        rows: inserted,
        rows_per_second: per_second(inserted, elapsed_seconds),
        rows_per_insert: rows.rows_per_block(),
        bytes_per_row: rows.bytes_per_row(),
        elapsed_seconds,
        insert,
        processes: watch.finish()?,
    })
}

async fn insert_until_end(
    database: &Database,
    plan: &RowPlan,
    rows: &EncodedRows,
    inserter: u32,
) -> anyhow::Result<LatencyHistogram> {
    let statement = format!(
        "INSERT INTO {} ({}) FORMAT Native",
        plan.target.table(),
        *COLUMNS
    );
    let end = Instant::now() + plan.duration;
    let mut latencies = LatencyHistogram::default();
    for number in 0_u64.. {
        let started = Instant::now();
        if started >= end {
            break;
        }
        let token = format!("limit:{}:{inserter}-{number}", rows.nonce());
        let parameters = [
            ("insert_deduplication_token", token.as_str()),
            ("async_insert", "0"),
            ("deduplicate_blocks_in_dependent_materialized_views", "1"),
            ("max_insert_block_size", "1000000"),
            ("min_insert_block_size_rows", "1000000"),
            ("min_insert_block_size_bytes", "1073741824"),
        ];
        let block = rows.block(number + u64::from(inserter));
        database.run(&statement, &parameters, block).await?;
        latencies.record(started.elapsed());
    }
    Ok(latencies)
}

impl RowTarget {
    /// Returns the table's name.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Bare => BARE_TABLE,
            Self::Arrivals => TABLE,
        }
    }
}
