//! Asking the server: parameters, settings, turns, timeouts and metrics of every question.
//!
//! A question about a site waits for its turn, one site after the other, and may cost only so much;
//! questions of this program's own do neither.

use std::time::Duration;

use clickhouse::query::{BytesCursor, Query};
use clickhouse::{RowOwned, RowRead};
use etappe_core::id::SiteId;
use etappe_core::ports::Classified;
use etappe_core::query::{Bots, TimeRange};
use etappe_core::time::Timestamp;
use etappe_runtime::fair_queue::{Request, Share};
use tokio::time::Instant;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// How many rows an answer kept in memory may have; more is an error, not a shorter answer.
const MAX_ANSWER_ROWS: usize = 1_000_000;

/// A question on its way to the server.
pub(crate) struct Question {
    warehouse: Warehouse,
    name: &'static str,
    query: Query,
    /// The site that it is about, if it is a reader's question.
    site: Option<SiteId>,
}

impl Warehouse {
    /// Starts a question; `name` is its label in the metrics.
    pub(crate) fn ask(&self, name: &'static str, sql: &str) -> Question {
        let seconds = self.config().query_timeout.as_secs().max(1);
        let query = self
            .client()
            .query_raw(sql)
            .with_setting("max_execution_time", seconds.to_string())
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        Question {
            warehouse: self.clone(),
            name,
            query,
            site: None,
        }
    }

    /// Starts a reader's question about `site`, which is its parameter `site`.
    pub(crate) fn ask_about(&self, site: &SiteId, name: &'static str, sql: &str) -> Question {
        let config = self.config();
        let limits = [
            ("max_rows_to_read", config.question_rows),
            ("max_bytes_to_read", config.question_bytes),
            ("max_memory_usage", config.question_memory_bytes),
        ];
        let mut question = self.ask(name, sql).text("site", site.as_str());
        for (setting, most) in limits {
            if most > 0 {
                question = question.setting(setting, &most.to_string());
            }
        }
        question.site = Some(site.clone());
        question
    }
}

impl Question {
    /// Sets a query parameter.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.param(name, value);
        self
    }

    /// Sets a query parameter that is true or false.
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.text(name, if value { "true" } else { "false" })
    }

    /// Sets a numeric query parameter.
    pub(crate) fn number(mut self, name: &str, value: u64) -> Self {
        self.query = self.query.param(name, value);
        self
    }

    /// Sets a query parameter that is a list of numbers.
    pub(crate) fn numbers(mut self, name: &str, values: &[u64]) -> Self {
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

    /// Changes a setting of the server for this question.
    pub(crate) fn setting(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.with_setting(name, value);
        self
    }

    /// Asks for a turn; none is needed for questions that are not a reader's.
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
    /// What follows it is not read, so memory is bounded by what is wanted.
    pub(crate) async fn rows_while<T: RowOwned + RowRead>(
        self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<(Vec<T>, bool), WarehouseError> {
        let _turn = match self.request_turn() {
            Some(request) => Some(request.await),
            None => None,
        };
        let started = Instant::now();
        let limit = self.warehouse.config().query_timeout;
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

    /// Starts to stream the answer in ClickHouse's own column format.
    pub(crate) fn stream(self) -> Result<Stream, WarehouseError> {
        self.stream_as("Native")
    }

    /// Starts to stream the answer in any of the server's formats.
    pub(crate) fn stream_as(self, format: &str) -> Result<Stream, WarehouseError> {
        let limit = self.warehouse.config().query_timeout;
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

/// Whether it is a stream's turn. It holds its turn until it is dropped.
enum Turn {
    NotNeeded,
    Awaited(Request<SiteId>),
    Taken(#[expect(dead_code, reason = "it is given back when dropped")] Share<SiteId>),
}

/// An answer that arrives piece by piece.
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
    /// Nothing is sent to the server before the first piece is asked for, and it is the turn.
    pub(crate) async fn next(&mut self) -> Result<Option<bytes::Bytes>, WarehouseError> {
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

/// Returns the name that the views know a choice of bots by.
pub(crate) const fn bots_text(bots: Bots) -> &'static str {
    match bots {
        Bots::Exclude => "exclude",
        Bots::Include => "include",
        Bots::Only => "only",
    }
}

/// Returns an instant as ClickHouse reads it, held within the years its type can tell apart.
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
    fn instants_are_held_within_the_server_s_years() {
        let text = |millis| date_time_text(Timestamp::from_millis(millis));
        assert_eq!(text(0), "1970-01-01 00:00:00.000");
        assert_eq!(text(1_709_294_400_123), "2024-03-01 12:00:00.123");
        assert_eq!(text(i64::MIN), "1900-01-01 00:00:00.000");
        assert_eq!(text(i64::MAX), "2299-12-31 23:59:59.999");
    }
}
