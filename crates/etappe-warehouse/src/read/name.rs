//! Names of a site's events and properties, for suggestions about misspelt ones.
//!
//! Both queries are bounded, because an incomplete answer is good enough. Names of events come from
//! a narrow table within a second. Paths of properties come from the first few thousand events that
//! the server finds, which are those of people picked by the hashes of their ids.

use std::collections::HashMap;

use clickhouse::Row;
use etappe_core::id::SiteId;
use etappe_core::json::{JsonObject, JsonValue};
use etappe_core::query::NameKind;
use serde::Deserialize;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// The most names returned.
const MAX_NAMES: usize = 5_000;
/// How many levels of nested objects are read.
const MAX_DEPTH: usize = 3;
/// Texts longer than this are not parsed.
const MAX_TEXT_BYTES: usize = 64 * 1024;

const EVENTS: &str = "
SELECT CAST(event, 'String') AS name FROM stage_events
WHERE site = {site:String} AND event != ''
GROUP BY event ORDER BY count() DESC, event LIMIT 5000";

const DOCUMENTS: &str = "
SELECT
    substringUTF8(properties, 1, 65537) AS properties,
    substringUTF8(context, 1, 65537) AS context,
    substringUTF8(traits, 1, 65537) AS traits
FROM events WHERE site = {site:String} LIMIT 4000";

#[derive(Row, Deserialize)]
struct DocumentRow {
    properties: String,
    context: String,
    traits: String,
}

impl Warehouse {
    pub(crate) async fn read_known_names(
        &self,
        site: &SiteId,
        kind: NameKind,
    ) -> Result<Vec<String>, WarehouseError> {
        let sql = match kind {
            NameKind::Event => EVENTS,
            NameKind::Property => DOCUMENTS,
        };
        let query = self
            .site_query(site, "known_names", sql)
            .setting("max_execution_time", "1")
            .setting("timeout_overflow_mode", "break")
            .setting("max_rows_to_group_by", "100000")
            .setting("group_by_overflow_mode", "any");
        match kind {
            NameKind::Event => query.rows().await,
            NameKind::Property => {
                let mut paths = Paths::default();
                for row in query.rows::<DocumentRow>().await? {
                    paths.count_paths("", &row.properties, MAX_DEPTH);
                    paths.count_paths("context.", &row.context, MAX_DEPTH);
                    paths.count_paths("traits.", &row.traits, MAX_DEPTH);
                }
                Ok(paths.into_names())
            }
        }
    }
}

/// Paths of values, and how often each was seen.
#[derive(Debug, Default)]
struct Paths(HashMap<String, u64>);

impl Paths {
    /// Adds the members of the object in `text`, and those of its nested objects.
    fn count_paths(&mut self, prefix: &str, text: &str, levels: usize) {
        if text.len() > MAX_TEXT_BYTES {
            return;
        }
        let Ok(object) = JsonObject::parse(text) else {
            return;
        };
        for (name, value) in object.iter() {
            let path = format!("{prefix}{name}");
            match JsonValue::of(value) {
                JsonValue::Object(inner) if levels > 1 => {
                    self.count_paths(&format!("{path}."), inner, levels - 1);
                }
                _ => self.count(path),
            }
        }
    }

    fn count(&mut self, path: String) {
        if let Some(count) = self.0.get_mut(&path) {
            *count += 1;
        } else if self.0.len() < MAX_NAMES {
            self.0.insert(path, 1);
        }
    }

    fn into_names(self) -> Vec<String> {
        let mut paths: Vec<(String, u64)> = self.0.into_iter().collect();
        paths.sort_by(|(one, one_count), (other, other_count)| {
            other_count.cmp(one_count).then_with(|| one.cmp(other))
        });
        paths.into_iter().map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_descend_into_objects_and_the_most_frequent_come_first() {
        let mut paths = Paths::default();
        paths.count_paths(
            "",
            r#"{"seats":1,"a":{"b":{"c":{"d":1}},"l":[{"x":1}]}}"#,
            3,
        );
        paths.count_paths("", r#"{"seats":null,"seats":2}"#, 3);
        paths.count_paths("context.", r#"{"page":{"url":"x"}}"#, 3);
        paths.count_paths("traits.", "no object", 3);
        assert_eq!(
            paths.into_names(),
            ["seats", "a.b.c", "a.l", "context.page.url"]
        );
    }

    #[test]
    fn the_number_of_kept_names_is_limited() {
        let mut paths = Paths::default();
        for number in 0..2 * MAX_NAMES {
            paths.count_paths("", &format!("{{\"p{number}\":1}}"), 3);
        }
        assert_eq!(paths.into_names().len(), MAX_NAMES);
    }
}
