//! The record of a copy, kept in the target database: which chunks were begun and which are done.
//!
//! A chunk's bounds are recorded before it is inserted, so that an interrupted copy continues with
//! exactly the same chunk.

use std::collections::HashMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::table::{Span, Table};
use crate::error::WarehouseError;
use crate::schema::render;
use crate::warehouse::Warehouse;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS copied_chunks
(
    copy String,
    table_name LowCardinality(String),
    part String,
    number UInt32,
    after Array(String),
    last Array(String),
    rows UInt64,
    is_done Bool,
    noted_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (copy, table_name, part, number)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

const READ: &str = "
SELECT
    toString(table_name) AS name,
    part,
    number,
    any(copied_chunks.after) AS behind,
    any(copied_chunks.last) AS until,
    any(copied_chunks.rows) AS chunk_rows,
    max(is_done) AS done,
    countIf(NOT is_done) AS tries
FROM copied_chunks
WHERE copy = {copy:String}
GROUP BY name, part, number
ORDER BY name, part, number";

const OTHERS: &str = "SELECT count() AS number FROM copied_chunks WHERE copy != {copy:String}";

/// The name that marks the end of the whole copy.
const END: &str = "";

#[derive(Row, Deserialize)]
struct ChunkRow {
    name: String,
    part: String,
    number: u32,
    behind: Vec<String>,
    until: Vec<String>,
    chunk_rows: u64,
    done: bool,
    tries: u64,
}

#[derive(Row, Serialize)]
struct NoteRow<'a> {
    copy: &'a str,
    table_name: &'a str,
    part: &'a str,
    number: u32,
    after: &'a [String],
    last: &'a [String],
    rows: u64,
    is_done: bool,
}

/// A recorded chunk.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) number: u32,
    pub(super) span: Span,
    pub(super) rows: u64,
    /// How often it was begun.
    pub(super) tries: u64,
}

/// The progress of a copy in one partition of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct PartProgress {
    /// The rows of the finished chunks.
    pub(super) rows: u64,
    /// The number of the next chunk.
    pub(super) next: u32,
    /// The key of the last copied row.
    pub(super) after: Vec<String>,
    /// The chunk that was begun but not finished.
    pub(super) open: Option<Chunk>,
}

/// The record of a copy.
#[derive(Debug)]
pub(super) struct Ledger {
    target: Warehouse,
    copy: String,
    parts: HashMap<(String, String), PartProgress>,
    is_finished: bool,
}

impl Ledger {
    /// Reads the record of the copy; `None` if there is none.
    pub(super) async fn open(
        target: &Warehouse,
        copy: String,
    ) -> Result<(Self, bool), WarehouseError> {
        target
            .run_statement(&render(TABLE, target.config()))
            .await?;
        let chunks = target
            .query("copied_chunks", READ)
            .text("copy", &copy)
            .rows::<ChunkRow>()
            .await?;
        let others = target
            .query("other_copies", OTHERS)
            .text("copy", &copy)
            .row::<u64>()
            .await?;
        let is_known = !chunks.is_empty() && others == 0;
        let mut ledger = Self {
            target: target.clone(),
            copy,
            parts: HashMap::new(),
            is_finished: false,
        };
        for chunk in chunks {
            ledger.take(chunk);
        }
        Ok((ledger, is_known))
    }

    fn take(&mut self, chunk: ChunkRow) {
        if chunk.name == END {
            self.is_finished |= chunk.done;
            return;
        }
        let place = (chunk.name, chunk.part.clone());
        let progress = self.parts.entry(place).or_default();
        if chunk.done {
            progress.rows += chunk.chunk_rows;
            progress.next = chunk.number + 1;
            progress.after = chunk.until;
            return;
        }
        progress.open = Some(Chunk {
            number: chunk.number,
            span: Span {
                part: chunk.part,
                after: chunk.behind,
                last: chunk.until,
            },
            rows: chunk.chunk_rows,
            tries: chunk.tries,
        });
    }

    /// Returns whether the whole copy was finished before.
    pub(super) const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Returns the progress of the copy in a partition of a table.
    pub(super) fn progress(&self, table: &Table, part: &str) -> PartProgress {
        let place = (table.name.to_owned(), part.to_owned());
        self.parts.get(&place).cloned().unwrap_or_default()
    }

    /// Returns how many rows of a table are copied.
    pub(super) fn rows(&self, table: &Table) -> u64 {
        let of_table = |((name, _), progress): (&(String, String), &PartProgress)| {
            (name == table.name).then_some(progress.rows)
        };
        self.parts.iter().filter_map(of_table).sum()
    }

    /// Records that a chunk is about to be inserted.
    pub(super) async fn begin(&self, table: &Table, chunk: &Chunk) -> Result<(), WarehouseError> {
        self.note(table.name, chunk, false).await
    }

    /// Records that a chunk is stored.
    pub(super) async fn finish(
        &mut self,
        table: &Table,
        chunk: &Chunk,
    ) -> Result<(), WarehouseError> {
        self.note(table.name, chunk, true).await?;
        let place = (table.name.to_owned(), chunk.span.part.clone());
        let progress = self.parts.entry(place).or_default();
        progress.rows += chunk.rows;
        progress.next = chunk.number + 1;
        progress.after.clone_from(&chunk.span.last);
        progress.open = None;
        Ok(())
    }

    /// Records that the copy has begun or is finished.
    pub(super) async fn note_copy(&mut self, is_done: bool) -> Result<(), WarehouseError> {
        let whole = Chunk {
            number: 0,
            span: Span::default(),
            rows: 0,
            tries: 0,
        };
        self.note(END, &whole, is_done).await?;
        self.is_finished = is_done;
        Ok(())
    }

    async fn note(&self, table: &str, chunk: &Chunk, is_done: bool) -> Result<(), WarehouseError> {
        let client = self
            .target
            .client()
            .clone()
            .with_setting("async_insert", "0")
            .with_setting("insert_deduplicate", "0");
        let insert = async {
            let mut rows = client.insert::<NoteRow<'_>>("copied_chunks").await?;
            rows.write(&NoteRow {
                copy: &self.copy,
                table_name: table,
                part: &chunk.span.part,
                number: chunk.number,
                after: &chunk.span.after,
                last: &chunk.span.last,
                rows: chunk.rows,
                is_done,
            })
            .await?;
            rows.end().await
        };
        let limit = self.target.config().insert_timeout;
        self.target
            .within(limit, "note how far the copy is", insert)
            .await
    }
}
