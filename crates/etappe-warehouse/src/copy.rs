//! Copies all data from one database to another: from the embedded engine to a server.
//!
//! Invariant: an interrupted copy can be run again at any time, and every row is copied once. The
//! copy goes table by table and partition by partition, in chunks that fit into memory. Each chunk
//! is one block with its own token. It is recorded in the target before and after its insert, and
//! its rows are counted there afterwards. Nothing else may write to either side meanwhile.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clickhouse::Row;
use etappe_core::ports::{RetryClass, Retryable};
use etappe_runtime::backoff::Backoff;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::metrics::to_u64;
use crate::warehouse::Warehouse;
use crate::write::writer::Payload;
use ledger::{Chunk, Ledger};
use table::{Span, TABLES, Table};

mod ledger;
mod table;

/// How many times a chunk is inserted before the copy gives up.
const MAX_ATTEMPTS: u64 = 5;

/// The source's identity. It is part of the data, so it stays the same if the files are moved.
const IDENTITY: &str = "
SELECT toString(uuid) AS identity FROM system.tables
WHERE database = currentDatabase() AND name = 'messages'";

const COLUMNS: &str = "
SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = {name:String} AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')
ORDER BY position";

const ROW_BYTES: &str = "
SELECT toUInt64(if(sum(rows) = 0, 0, intDiv(sum(data_uncompressed_bytes), greatest(sum(rows), 1)))) AS number FROM system.parts
WHERE database = currentDatabase() AND table = {name:String} AND active";

/// How a copy is divided into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyLimits {
    /// The approximate size of a chunk in bytes. Default 32 MiB. Larger chunks create fewer parts
    /// in the target; two of them are in memory at a time.
    pub chunk_bytes: usize,
    /// The most rows in a chunk. Default 500,000.
    pub chunk_rows: u64,
}

impl Default for CopyLimits {
    fn default() -> Self {
        Self {
            chunk_bytes: 32 << 20,
            chunk_rows: 500_000,
        }
    }
}

/// The progress of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// The table being copied.
    pub table: &'static str,
    /// Rows of all tables copied so far.
    pub rows: u64,
    /// Rows of all tables in total.
    pub of: u64,
}

/// The result of a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// The rows of each table, counted in the target.
    pub tables: Vec<(&'static str, u64)>,
    /// Whether an earlier run had started the copy.
    pub is_resumed: bool,
}

#[derive(Row, Deserialize)]
struct EndRow {
    number: u64,
    last: Vec<String>,
}

/// Copies all tables of `source` to `target`, after creating or migrating the target's schema;
/// calls `progress` after each chunk.
///
/// May be dropped at any time and run again. If the copy was finished before, it does nothing.
///
/// # Errors
/// [`WarehouseError::CopyRefused`] if the target has data that is not from this copy, or the source
/// has another schema; [`WarehouseError::CopyDiffers`] if the rows in the target are not those of
/// the source; otherwise the servers' errors, after a few tries.
pub async fn copy(
    source: &Warehouse,
    target: &Warehouse,
    limits: CopyLimits,
    mut progress: impl FnMut(CopyProgress) + Send,
) -> Result<CopyReport, WarehouseError> {
    source.expect_current_schema().await?;
    target.migrate().await?;
    let identity = source.query("identity", IDENTITY).row::<String>().await?;
    let (ledger, is_resumed) = Ledger::open(target, identity).await?;
    let mut copy = Copy {
        source,
        target,
        limits,
        ledger,
    };
    if !is_resumed {
        copy.expect_empty_target().await?;
        copy.ledger.note_copy(false).await?;
    }
    let mut of = 0;
    for table in TABLES {
        of += copy.count(source, table).await?;
    }
    let mut report = CopyReport {
        tables: Vec::new(),
        is_resumed,
    };
    let is_finished = copy.ledger.is_finished();
    for table in TABLES {
        if !is_finished {
            copy.table(table, of, &mut progress).await?;
        }
        report.tables.push((table.name, copy.ledger.rows(table)));
    }
    if !is_finished {
        copy.ledger.note_copy(true).await?;
    }
    Ok(report)
}

/// A copy in progress.
struct Copy<'a> {
    source: &'a Warehouse,
    target: &'a Warehouse,
    limits: CopyLimits,
    ledger: Ledger,
}

impl Copy<'_> {
    /// Refuses a target that already has rows, because they could not be told from copied ones.
    async fn expect_empty_target(&self) -> Result<(), WarehouseError> {
        for table in TABLES {
            let rows = self.count(self.target, table).await?;
            if rows > 0 {
                let name = table.name;
                return Err(WarehouseError::CopyRefused(format!(
                    "table `{name}` of the target has {rows} rows of another origin; \
                     name an empty database"
                )));
            }
        }
        Ok(())
    }

    /// Returns the number of a table's rows, each counted once.
    async fn count(&self, warehouse: &Warehouse, table: &Table) -> Result<u64, WarehouseError> {
        let mut rows = 0;
        for part in parts(warehouse, table).await? {
            let span = Span {
                part,
                ..Span::default()
            };
            rows += count(warehouse, table, &span).await?;
        }
        Ok(rows)
    }

    async fn table(
        &mut self,
        table: &'static Table,
        of: u64,
        progress: &mut (impl FnMut(CopyProgress) + Send),
    ) -> Result<(), WarehouseError> {
        let columns = self.columns(table).await?;
        let mut rows = self.chunk_rows(table).await?;
        for part in parts(self.source, table).await? {
            while let Some((chunk, bytes)) =
                self.next_chunk(table, &part, &columns, &mut rows).await?
            {
                self.store(table, chunk, &columns, bytes).await?;
                let done = TABLES.iter().map(|table| self.ledger.rows(table)).sum();
                progress(CopyProgress {
                    table: table.name,
                    rows: done,
                    of,
                });
            }
        }
        let (expected, found) = (
            self.count(self.source, table).await?,
            self.count(self.target, table).await?,
        );
        if expected == found {
            return Ok(());
        }
        Err(WarehouseError::CopyDiffers {
            table: table.name,
            expected,
            found,
        })
    }

    /// Returns the data columns, which must be the same on both sides.
    async fn columns(&self, table: &Table) -> Result<String, WarehouseError> {
        let mut lists = Vec::new();
        for warehouse in [self.source, self.target] {
            let query = warehouse.query("columns", COLUMNS).text("name", table.name);
            lists.push(query.rows::<String>().await?.join(", "));
        }
        match &lists[..] {
            [source, target] if source == target => Ok(source.clone()),
            _ => Err(WarehouseError::CopyRefused(format!(
                "table `{}` has other columns in the target",
                table.name
            ))),
        }
    }

    /// Returns how many rows have about the size of a chunk.
    async fn chunk_rows(&self, table: &Table) -> Result<u64, WarehouseError> {
        let query = self.source.query("row_bytes", ROW_BYTES);
        let row_bytes = query.text("name", table.name).row::<u64>().await?;
        let rows = to_u64(self.limits.chunk_bytes) / row_bytes.max(1);
        Ok(rows.clamp(1, self.limits.chunk_rows.max(1)))
    }

    /// Returns the next chunk of a partition and its rows, or `None` at the end. A chunk that was
    /// begun before comes next, unchanged.
    async fn next_chunk(
        &self,
        table: &Table,
        part: &str,
        columns: &str,
        rows: &mut u64,
    ) -> Result<Option<(Chunk, Bytes)>, WarehouseError> {
        let progress = self.ledger.progress(table, part);
        if let Some(open) = progress.open {
            let bytes = self.read(table, &open.span, columns, usize::MAX).await?;
            return Ok(bytes.map(|bytes| (open, bytes)));
        }
        let mut span = Span {
            part: part.to_owned(),
            after: progress.after,
            last: Vec::new(),
        };
        loop {
            span.last.clear();
            let sql = table.end_statement(&span, *rows);
            let query = span.bind(self.source.query("chunk_end", &sql));
            let end = query.row::<EndRow>().await?;
            if end.number == 0 {
                return Ok(None);
            }
            span.last = end.last;
            // Row sizes vary widely, so a chunk may be much larger than the mean suggests.
            let limit = self.limits.chunk_bytes.saturating_mul(4);
            let limit = if *rows == 1 { usize::MAX } else { limit };
            if let Some(bytes) = self.read(table, &span, columns, limit).await? {
                let chunk = Chunk {
                    number: progress.next,
                    span,
                    rows: end.number,
                    tries: 0,
                };
                return Ok(Some((chunk, bytes)));
            }
            *rows = (*rows / 2).max(1);
        }
    }

    /// Reads the rows of a span; `None` if they exceed `limit` bytes.
    async fn read(
        &self,
        table: &Table,
        span: &Span,
        columns: &str,
        limit: usize,
    ) -> Result<Option<Bytes>, WarehouseError> {
        let sql = table.read_statement(span, columns);
        let query = span.bind(self.source.query("chunk", &sql));
        let mut stream = query.stream_as("RowBinary")?;
        let mut bytes = BytesMut::new();
        while let Some(piece) = stream.next().await? {
            if bytes.len() + piece.len() > limit {
                return Ok(None);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some(bytes.freeze()))
    }

    /// Inserts a chunk unless it is already there, and verifies that all of it is.
    async fn store(
        &mut self,
        table: &Table,
        mut chunk: Chunk,
        columns: &str,
        bytes: Bytes,
    ) -> Result<(), WarehouseError> {
        let given = chunk.tries;
        let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
        loop {
            let found = if chunk.tries == 0 {
                0
            } else {
                self.count_copied(table, &chunk).await?
            };
            if found == chunk.rows {
                return self.ledger.finish(table, &chunk).await;
            }
            if found > 0 && table.repeats_by.is_none() {
                return Err(WarehouseError::CopyDiffers {
                    table: table.name,
                    expected: chunk.rows,
                    found,
                });
            }
            self.ledger.begin(table, &chunk).await?;
            chunk.tries += 1;
            let token = format!(
                "copy:{}:{}:{}:{}",
                table.name, chunk.span.part, chunk.number, chunk.tries
            );
            let inserted = self
                .target
                .send_to(table.name, columns, &token, Payload::rows(bytes.clone()))
                .await;
            if let Err(error) = inserted {
                let tries = chunk.tries - given;
                if error.retry_class() != RetryClass::Transient || tries >= MAX_ATTEMPTS {
                    return Err(error);
                }
                tracing::warn!(%error, table = table.name, "chunk not copied, trying again");
                backoff.pause().await;
            }
        }
    }

    async fn count_copied(&self, table: &Table, chunk: &Chunk) -> Result<u64, WarehouseError> {
        self.target.sync_replica(table.name).await?;
        count(self.target, table, &chunk.span).await
    }
}

async fn parts(warehouse: &Warehouse, table: &Table) -> Result<Vec<String>, WarehouseError> {
    let query = warehouse.query("table_parts", &table.parts_statement());
    query.rows().await
}

async fn count(warehouse: &Warehouse, table: &Table, span: &Span) -> Result<u64, WarehouseError> {
    let query = warehouse.query("copied_count", &table.count_statement(span));
    span.bind(query).row().await
}
