//! Sends queries to the server, with parameters, settings, turns, timeouts and metrics.
//!
//! A query about a site waits for its turn, one site after the other, and has a cost limit. The
//! program's own queries have neither.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clickhouse::query::{BytesCursor, Query as ClientQuery};
use clickhouse::{RowOwned, RowRead};
use etappe_core::id::SiteId;
use etappe_core::ports::Retryable;
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;
use etappe_runtime::fair_queue::{Request, Share};
use serde::Serialize;
use tokio::time::Instant;

use crate::error::WarehouseError;
use crate::native::{self, Block};
use crate::schema::inline_views;
use crate::warehouse::Warehouse;

/// The most rows of an answer that are kept in memory. An answer with more is an error; it is never
/// truncated.
pub(crate) const MAX_ANSWER_ROWS: usize = 1_000_000;

/// A query that is ready to send.
pub(crate) struct Query {
    warehouse: Warehouse,
    name: &'static str,
    query: ClientQuery,
    /// The site of the query, if it is a reader's query.
    site: Option<SiteId>,
    /// How long it may take.
    limit: Duration,
}

impl Warehouse {
    /// Starts a query; `name` is its label in the metrics. The statements of the views that it reads
    /// are sent in place of their names.
    pub(crate) fn query(&self, name: &'static str, sql: &str) -> Query {
        let seconds = self.config().query_timeout.as_secs().max(1);
        let query = self
            .client()
            .query_raw(&inline_views(sql))
            .with_setting("max_execution_time", seconds.to_string())
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        Query {
            warehouse: self.clone(),
            name,
            query,
            site: None,
            limit: self.config().query_timeout,
        }
    }

    /// Starts a reader's query about `site`, which becomes its parameter `site`.
    pub(crate) fn site_query(&self, site: &SiteId, name: &'static str, sql: &str) -> Query {
        let config = self.config();
        let limits = [
            ("max_rows_to_read", config.question_rows),
            ("max_bytes_to_read", config.question_bytes),
            ("max_memory_usage", config.question_memory_bytes),
        ];
        let mut query = self.query(name, sql).text("site", site.as_str());
        for (setting, limit) in limits {
            if limit > 0 {
                query = query.setting(setting, &limit.to_string());
            }
        }
        query.site = Some(site.clone());
        query
    }
}

impl Query {
    /// Sets a text query parameter.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.param(name, value);
        self
    }

    /// Sets a boolean query parameter.
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.text(name, if value { "true" } else { "false" })
    }

    /// Sets a numeric query parameter.
    pub(crate) fn number(mut self, name: &str, value: u64) -> Self {
        self.query = self.query.param(name, value);
        self
    }

    /// Sets a query parameter that is a list of numbers.
    pub(crate) fn numbers<N: Serialize>(mut self, name: &str, values: &[N]) -> Self {
        self.query = self.query.param(name, values);
        self
    }

    /// Sets a query parameter that is an instant.
    pub(crate) fn instant(mut self, name: &str, value: Timestamp) -> Self {
        self.query = self.query.param(name, date_time_text(value));
        self
    }

    /// Sets the parameters `from` and `to`.
    pub(crate) fn range(self, range: TimeRange) -> Self {
        self.instant("from", range.from).instant("to", range.to)
    }

    /// Sets the parameter `bots`.
    pub(crate) fn bots(self, bots: Bots) -> Self {
        self.text("bots", bots_text(bots))
    }

    /// Changes a server setting for this query.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.with_setting(name, value);
        self
    }

    /// Lets the query take so long, in place of the configured timeout.
    pub(crate) fn taking(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self.setting("max_execution_time", &limit.as_secs().to_string())
    }

    /// Requests a turn; `None` for queries that are not a reader's and need none.
    fn request_turn(&self) -> Option<Request<SiteId>> {
        let site = self.site.as_ref()?;
        Some(self.warehouse.turns().request(site, 1))
    }

    /// Returns all rows of the answer.
    pub(crate) async fn rows<T: RowOwned + RowRead>(self) -> Result<Vec<T>, WarehouseError> {
        let (rows, _) = self.rows_while(|_| true).await?;
        Ok(rows)
    }

    /// Returns the rows before the first one that is not `wanted`, and whether there is such a row.
    ///
    /// The rest of the answer is not read, so memory is bounded by the wanted rows.
    pub(crate) async fn rows_while<T: RowOwned + RowRead>(
        self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<(Vec<T>, bool), WarehouseError> {
        let _turn = match self.request_turn() {
            Some(request) => Some(request.await),
            None => None,
        };
        let started = Instant::now();
        let limit = self.limit;
        let answer = async {
            let mut cursor = self.query.fetch::<T>()?;
            let mut rows = Vec::new();
            while let Some(row) = cursor.next().await? {
                if !wanted(&row) {
                    return Ok(Ok((rows, true)));
                }
                if rows.len() == MAX_ANSWER_ROWS {
                    return Ok(Err(WarehouseError::UnexpectedAnswer(format!(
                        "`{}` has more than {MAX_ANSWER_ROWS} rows",
                        self.name
                    ))));
                }
                rows.push(row);
            }
            Ok(Ok((rows, false)))
        };
        let rows = self.warehouse.within(limit, self.name, answer).await?;
        record_duration(&self.warehouse, self.name, started);
        rows
    }

    /// Returns the only row of the answer.
    pub(crate) async fn row<T: RowOwned + RowRead>(self) -> Result<T, WarehouseError> {
        let name = self.name;
        let mut rows = self.rows::<T>().await?;
        rows.pop()
            .filter(|_| rows.is_empty())
            .ok_or_else(|| WarehouseError::UnexpectedAnswer(format!("`{name}` is not one row")))
    }

    /// Streams the answer and passes it to `visit` block by block.
    pub(crate) async fn blocks(
        self,
        mut visit: impl FnMut(Block) -> Result<(), WarehouseError> + Send,
    ) -> Result<(), WarehouseError> {
        let mut stream = self.stream()?;
        let mut pending = BytesMut::new();
        while let Some(piece) = stream.next().await? {
            pending.extend_from_slice(&piece);
            while let Some(block) = native::take_block(&mut pending)? {
                visit(block)?;
            }
        }
        native::expect_end(&pending)
    }

    /// Starts streaming the answer in ClickHouse's column format.
    pub(crate) fn stream(self) -> Result<Stream, WarehouseError> {
        self.stream_as("Native")
    }

    /// Starts streaming the answer in any of the server's formats.
    pub(crate) fn stream_as(self, format: &str) -> Result<Stream, WarehouseError> {
        let limit = self.limit;
        let turn = match self.request_turn() {
            Some(request) => Turn::Awaited(request),
            None => Turn::NotNeeded,
        };
        let cursor = self
            .query
            .fetch_bytes(format)
            .map_err(|source| self.warehouse.refused(self.name, source))?;
        Ok(Stream {
            deadline: Instant::now() + limit,
            started: Instant::now(),
            limit,
            name: self.name,
            warehouse: self.warehouse,
            cursor,
            turn,
        })
    }
}

/// The turn of a stream: not needed, awaited or taken. A taken turn is held until it is dropped.
enum Turn {
    NotNeeded,
    Awaited(Request<SiteId>),
    Taken(#[expect(dead_code, reason = "it is given back when dropped")] Share<SiteId>),
}

/// An answer that arrives in pieces.
pub(crate) struct Stream {
    warehouse: Warehouse,
    name: &'static str,
    cursor: BytesCursor,
    started: Instant,
    deadline: Instant,
    limit: Duration,
    turn: Turn,
}

impl Stream {
    /// Returns the next piece, or `None` at the end. Cancellation-safe.
    ///
    /// Nothing is sent to the server before the first call, and then only when it is the query's
    /// turn.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, WarehouseError> {
        if let Turn::Awaited(request) = &mut self.turn {
            self.turn = Turn::Taken(request.await);
            self.started = Instant::now();
            self.deadline = self.started + self.limit;
        }
        let error = match tokio::time::timeout_at(self.deadline, self.cursor.next()).await {
            Ok(Ok(Some(piece))) => return Ok(Some(piece)),
            Ok(Ok(None)) => {
                record_duration(&self.warehouse, self.name, self.started);
                return Ok(None);
            }
            Ok(Err(source)) => self.warehouse.refused(self.name, source),
            Err(_) => WarehouseError::TimedOut {
                action: self.name,
                host: self.warehouse.config().host(),
                after: self.limit,
            },
        };
        self.warehouse
            .metrics()
            .record_error("query", error.retry_class());
        Err(error)
    }
}

fn record_duration(warehouse: &Warehouse, name: &str, started: Instant) {
    warehouse
        .metrics()
        .query_duration
        .with_label_values(&[name])
        .observe(started.elapsed().as_secs_f64());
}

/// Returns the views' name for a choice of bots.
pub(crate) const fn bots_text(bots: Bots) -> &'static str {
    match bots {
        Bots::Exclude => "exclude",
        Bots::Include => "include",
        Bots::Only => "only",
    }
}

/// Returns an instant in ClickHouse's format, clamped to the years that its type supports.
pub(crate) fn date_time_text(at: Timestamp) -> String {
    const EARLIEST: i64 = -2_208_988_800_000; // 1900-01-01
    const LATEST: i64 = 10_413_791_999_999; // 2299-12-31T23:59:59.999
    let held = Timestamp::from_millis(at.as_millis().clamp(EARLIEST, LATEST));
    held.to_utc()
        .expect("years 1900 to 2299 are within chrono's range")
        .format("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_clamped_to_the_years_of_the_server() {
        let text = |millis| date_time_text(Timestamp::from_millis(millis));
        assert_eq!(text(0), "1970-01-01 00:00:00.000");
        assert_eq!(text(1_709_294_400_123), "2024-03-01 12:00:00.123");
        assert_eq!(text(i64::MIN), "1900-01-01 00:00:00.000");
        assert_eq!(text(i64::MAX), "2299-12-31 23:59:59.999");
    }
}
