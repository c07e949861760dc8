//! Inserts batches: first the outcomes, then the rows as one block under the batch's token. A batch
//! keeps its rows one after the other; while it is sent, they are in memory a second time, as columns.
//!
//! Invariant: inserting a batch again under its token changes nothing in any table. Every table
//! that the insert reaches has its own deduplication window, and the views pass the token on. A
//! batch must be a single block, because a failed insert of several blocks could have stored some
//! of them. A batch that may have been stored before goes to [`super::redo`].

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clickhouse::Row;
use etappe_core::ports::{RetryClass, Retryable, RowBatch, RowSink, RowSummary};
use etappe_core::rules::{Outcome, StageDecision, StageHit};
use etappe_wire::row;
use serde::Serialize;
use tokio::time::Instant;

use crate::error::WarehouseError;
use crate::metrics::to_u64;
use crate::warehouse::Warehouse;

/// The most bytes passed to the connection at a time.
const PIECE_BYTES: usize = 1 << 20;

/// What an insert sends: its format and its bytes, in pieces.
pub(crate) struct Payload {
    format: &'static str,
    pieces: Vec<Bytes>,
}

impl Payload {
    /// Rows in the format `RowBinary`.
    pub(crate) fn rows(bytes: Bytes) -> Self {
        Self {
            format: "RowBinary",
            pieces: vec![bytes],
        }
    }

    /// One block in the format `Native`.
    fn block(block: row::Block) -> Self {
        Self {
            format: "Native",
            pieces: block.into_pieces(),
        }
    }
}

/// Settings of every insert of rows. The sizes exceed any batch, so that the server neither splits
/// it nor waits for more.
const INSERT_SETTINGS: &[(&str, &str)] = &[
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("max_insert_block_size", "1000000000"),
    ("min_insert_block_size_rows", "1000000000"),
    ("min_insert_block_size_bytes", "1000000000000"),
    ("input_format_parallel_parsing", "0"),
];

impl RowSink for Warehouse {
    type Error = WarehouseError;

    async fn insert(&self, batch: &RowBatch) -> Result<(), WarehouseError> {
        let started = Instant::now();
        let result = self.insert_batch(batch).await;
        let label = if result.is_ok() { "ok" } else { "error" };
        let metrics = self.metrics();
        metrics
            .insert_duration
            .with_label_values(&[label])
            .observe(started.elapsed().as_secs_f64());
        match &result {
            Ok(()) => {
                metrics.inserted_rows.inc_by(to_u64(batch.rows.len()));
                metrics.inserted_bytes.inc_by(to_u64(batch.bytes.len()));
            }
            Err(error) => metrics.record_error("insert", error.retry_class()),
        }
        result
    }
}

impl Warehouse {
    async fn insert_batch(&self, batch: &RowBatch) -> Result<(), WarehouseError> {
        self.store_outcomes(&batch.outcomes).await?;
        if batch.rows.is_empty() {
            return Ok(());
        }
        let started = self.started().await?;
        let is_fresh = self.history().is_fresh(batch, started);
        // If this future is dropped half-way, the batch may be stored or not.
        let before = self.history().begin(batch);
        let inserted = if is_fresh {
            self.insert_fresh(batch).await
        } else {
            self.redo(batch).await
        };
        match &inserted {
            Ok(()) => self.history().record_stored(batch, before),
            Err(error) if error.retry_class() == RetryClass::Permanent => {
                // The batch will be retried in parts, which are fresh if it left no rows.
                if self.left_no_rows(batch, error, is_fresh).await? {
                    self.history().record_refused(batch, before);
                } else {
                    self.history().record_partial(batch);
                }
            }
            Err(_) => {}
        }
        inserted
    }

    /// Returns whether no table has any row of a refused batch.
    async fn left_no_rows(
        &self,
        batch: &RowBatch,
        error: &WarehouseError,
        is_fresh: bool,
    ) -> Result<bool, WarehouseError> {
        let refusal = error.refusal();
        if is_fresh && refusal.is_some_and(|text| self.history().is_clean_refusal(text)) {
            return Ok(true);
        }
        let is_untouched = self.is_untouched(batch).await?;
        if let (true, Some(text)) = (is_untouched, refusal) {
            self.history().remember_clean_refusal(text);
        }
        Ok(is_untouched)
    }

    /// Inserts a batch under its token.
    pub(crate) async fn insert_fresh(&self, batch: &RowBatch) -> Result<(), WarehouseError> {
        let sent = self.insert_under(batch, &batch.token, (&batch.bytes, batch.rows.len()));
        sent.await.map_err(|error| error.naming_record(batch))
    }

    /// Inserts rows of a batch, given as bytes and their number, under a token. They always go
    /// through the batch's landing table, because the server recognises a token only if it comes
    /// through the same view again.
    pub(super) async fn insert_under(
        &self,
        batch: &RowBatch,
        token: &str,
        (bytes, count): (&[u8], usize),
    ) -> Result<(), WarehouseError> {
        let block = row::Block::of(bytes, count).ok_or_else(|| WarehouseError::BrokenRows {
            token: token.to_owned(),
        })?;
        let payload = Payload::block(block);
        self.send_to(landing_table(batch), &row::COLUMNS, token, payload)
            .await
    }

    /// Inserts rows into a table as one block under a token.
    pub(crate) async fn send_to(
        &self,
        table: &str,
        columns: &str,
        token: &str,
        payload: Payload,
    ) -> Result<(), WarehouseError> {
        let format = payload.format;
        let statement = format!("INSERT INTO {table} ({columns}) FORMAT {format}");
        let mut insert = self
            .client()
            .insert_formatted_with(statement)
            .with_setting("insert_deduplication_token", token);
        for (name, value) in INSERT_SETTINGS {
            insert = insert.with_setting(*name, *value);
        }
        let quorum = &self.config().insert_quorum;
        if !quorum.is_empty() {
            insert = insert.with_setting("insert_quorum", quorum);
        }
        self.within_insert("insert rows", async {
            // Each piece that is passed on is compressed for itself, so short ones are joined.
            let mut joined = BytesMut::new();
            for mut bytes in payload.pieces {
                while !bytes.is_empty() {
                    let room = PIECE_BYTES - joined.len();
                    joined.extend_from_slice(&bytes.split_to(bytes.len().min(room)));
                    if joined.len() == PIECE_BYTES {
                        insert.send(joined.split().freeze()).await?;
                    }
                }
            }
            if !joined.is_empty() {
                insert.send(joined.freeze()).await?;
            }
            insert.end().await
        })
        .await
    }

    /// Waits for the server as long as an insert may take.
    async fn within_insert(
        &self,
        action: &'static str,
        insert: impl Future<Output = Result<(), clickhouse::error::Error>>,
    ) -> Result<(), WarehouseError> {
        let limit = self.config().insert_timeout;
        match tokio::time::timeout(limit, insert).await {
            Ok(result) => result.map_err(|source| self.refused(action, source)),
            Err(_) => Err(WarehouseError::TimedOut {
                action,
                host: self.config().host(),
                after: limit,
            }),
        }
    }

    /// Stores outcomes. Storing one again is harmless, because readers do not count these rows.
    async fn store_outcomes(&self, outcomes: &[Arc<Outcome>]) -> Result<(), WarehouseError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let client = self.client().clone().with_setting("async_insert", "0");
        self.within_insert("store outcomes", async {
            let mut stages = client
                .insert::<OutcomeStageRow<'_>>("outcome_stages")
                .await?;
            for outcome in outcomes {
                for row in stage_rows(outcome) {
                    stages.write(&row).await?;
                }
            }
            stages.end().await?;
            let mut rows = client.insert::<OutcomeRow<'_>>("outcomes").await?;
            for outcome in outcomes {
                rows.write(&OutcomeRow::of(outcome)).await?;
            }
            rows.end().await
        })
        .await
    }
}

fn landing_table(batch: &RowBatch) -> &'static str {
    if batch.rows.iter().all(RowSummary::is_mark) {
        row::MARK_TABLE
    } else {
        row::TABLE
    }
}

#[derive(Row, Serialize)]
struct OutcomeRow<'a> {
    id: u64,
    milestone: &'a str,
    vocabulary: &'a str,
    vocabulary_version: &'a str,
    vocabulary_rule: &'a str,
}

impl<'a> OutcomeRow<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let decision = outcome.vocabulary.as_ref();
        Self {
            id: outcome.id.0,
            milestone: outcome.milestone.map_or("", |milestone| milestone.as_str()),
            vocabulary: decision.map_or("", |decision| &decision.vocabulary),
            vocabulary_version: decision.map_or("", |decision| &decision.version),
            vocabulary_rule: decision.map_or("", |decision| &decision.rule),
        }
    }
}

#[derive(Row, Serialize)]
struct OutcomeStageRow<'a> {
    id: u64,
    model: &'a str,
    version: &'a str,
    stage: &'a str,
    ordinal: u8,
    rule: &'a str,
    is_main: bool,
}

impl<'a> OutcomeStageRow<'a> {
    /// Makes the row of a secondary hit; without a hit, the row that says that the model has no
    /// stage.
    fn of(outcome: &Outcome, decision: &'a StageDecision, hit: Option<&'a StageHit>) -> Self {
        Self {
            id: outcome.id.0,
            model: &decision.model,
            version: &decision.version,
            stage: hit.map_or("", |hit| &hit.stage),
            ordinal: hit.map_or(0, |hit| hit.ordinal),
            rule: hit.map_or("", |hit| &hit.rule),
            is_main: false,
        }
    }
}

fn stage_rows(outcome: &Outcome) -> impl Iterator<Item = OutcomeStageRow<'_>> {
    outcome.stages.iter().flat_map(move |decision| {
        let main = OutcomeStageRow {
            is_main: true,
            ..OutcomeStageRow::of(outcome, decision, decision.main.as_ref())
        };
        let secondary = decision
            .secondary
            .iter()
            .map(move |hit| OutcomeStageRow::of(outcome, decision, Some(hit)));
        std::iter::once(main).chain(secondary)
    })
}
