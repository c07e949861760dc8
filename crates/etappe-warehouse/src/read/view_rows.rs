//! Reads the rows of any view, for questions whose figures are a view's rows.

use bytes::BytesMut;
use etappe_core::query::{ViewParameter, ViewQuery};
use serde::de::DeserializeOwned;

use crate::error::WarehouseError;
use crate::query::{MAX_ANSWER_ROWS, Query};
use crate::warehouse::Warehouse;

impl Warehouse {
    /// Returns the rows of a view, which the server writes as one JSON object a line.
    pub(crate) async fn read_view_rows<R: DeserializeOwned>(
        &self,
        query: &ViewQuery,
    ) -> Result<Vec<R>, WarehouseError> {
        let mut asked = self.site_query(&query.site, query.view, &statement(query));
        for (name, value) in &query.parameters {
            asked = with_parameter(asked, name, value);
        }
        let mut stream = asked
            .setting("output_format_json_quote_64bit_integers", "0")
            .stream_as("JSONEachRow")?;
        let mut rows = Vec::new();
        let mut pending = BytesMut::new();
        while let Some(piece) = stream.next().await? {
            pending.extend_from_slice(&piece);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                if rows.len() == MAX_ANSWER_ROWS {
                    return Err(WarehouseError::UnexpectedAnswer(format!(
                        "`{}` has more than {MAX_ANSWER_ROWS} rows",
                        query.view
                    )));
                }
                let line = pending.split_to(end + 1);
                let row = serde_json::from_slice(&line).map_err(|error| {
                    WarehouseError::UnexpectedAnswer(format!("a row of `{}`: {error}", query.view))
                })?;
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

/// Returns the statement that selects everything from the view, with a placeholder for each value.
fn statement(query: &ViewQuery) -> String {
    let mut sql = format!("SELECT * FROM {}(site = {{site:String}}", query.view);
    for (name, value) in &query.parameters {
        let kind = match value {
            ViewParameter::Bots(_) | ViewParameter::Text(_) => "String",
            ViewParameter::Instant(_) => "DateTime64(3, 'UTC')",
            ViewParameter::Instants(_) => "Array(Int64)",
            ViewParameter::Actors(_) => "Array(UInt64)",
        };
        sql.push_str(&format!(", {name} = {{{name}:{kind}}}"));
    }
    sql.push(')');
    sql
}

fn with_parameter(asked: Query, name: &str, value: &ViewParameter) -> Query {
    match value {
        ViewParameter::Bots(bots) => asked.bots(*bots),
        ViewParameter::Text(text) => asked.text(name, text),
        ViewParameter::Instant(at) => asked.instant(name, *at),
        ViewParameter::Instants(instants) => {
            let millis: Vec<i64> = instants.iter().map(|at| at.as_millis()).collect();
            asked.numbers(name, &millis)
        }
        ViewParameter::Actors(actors) => asked.numbers(name, actors),
    }
}
