//! Expands a panel's SQL as Grafana and its ClickHouse plugin do.
//!
//! Grafana replaces the dashboard's variables (`${site:sqlstring}`) before the query leaves the
//! browser; the plugin replaces macros (`$__fromTime_ms`) on the server, using the query's range
//! and interval. See "Macros" in the plugin's documentation.

use std::collections::BTreeMap;

use etappe_core::query::TimeRange;

/// The range, interval and variables of a dashboard.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) variables: BTreeMap<&'static str, String>,
    pub(crate) range: TimeRange,
    /// The interval of a point, in seconds.
    pub(crate) interval: u64,
}

impl View {
    /// Returns `sql` as the server gets it.
    pub(crate) fn fill_in(&self, sql: &str) -> String {
        let sql = self.expand_macros(&self.replace_variables(sql));
        assert!(!sql.contains('$'), "something is left to fill in: {sql}");
        sql
    }

    fn replace_variables(&self, sql: &str) -> String {
        let mut filled = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once("${") {
            let (reference, after) = after.split_once('}').expect("a brace is closed");
            let (name, format) = reference.split_once(':').unwrap_or((reference, ""));
            let value = self
                .variables
                .get(name)
                .unwrap_or_else(|| panic!("no variable is called {name}"));
            filled.push_str(before);
            match format {
                "sqlstring" => filled.push_str(&format!("'{}'", value.replace('\'', "''"))),
                "" => filled.push_str(value),
                other => panic!("a format that is not known here: {other}"),
            }
            rest = after;
        }
        filled + rest
    }

    fn expand_macros(&self, sql: &str) -> String {
        let mut expanded = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once("$__") {
            expanded.push_str(before);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            let (argument, after) = match after.strip_prefix('(') {
                Some(inside) => inside.split_once(')').expect("a parenthesis is closed"),
                None => ("", after),
            };
            expanded.push_str(&self.expand(name, argument));
            rest = after;
        }
        expanded + rest
    }

    fn expand(&self, name: &str, column: &str) -> String {
        let TimeRange { from, to } = self.range;
        let instant = |millis: i64| format!("fromUnixTimestamp64Milli({millis})");
        let (from, to) = (instant(from.as_millis()), instant(to.as_millis()));
        match name {
            "fromTime_ms" => from,
            "toTime_ms" => to,
            "timeFilter_ms" => format!("{column} >= {from} AND {column} <= {to}"),
            "timeInterval" => {
                let seconds = self.interval;
                format!("toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)")
            }
            "interval_s" => self.interval.to_string(),
            other => panic!("a macro that is not known here: {other}"),
        }
    }
}
