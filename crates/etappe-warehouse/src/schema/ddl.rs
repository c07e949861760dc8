//! Adapts the schema's statements to the configured server: with or without replication.
//!
//! Migrations are written for a single server. A replicated table differs in its engine and in the
//! name of the deduplication window's setting; `ON CLUSTER` follows the name of the object.

use crate::config::WarehouseConfig;

/// How long a replica remembers tokens, regardless of their number: a week, in seconds.
const WINDOW_SECONDS: u32 = 604_800;

/// The objects of the schema's statements.
const SUBJECTS: &[&str] = &[
    "CREATE DATABASE IF NOT EXISTS ",
    "CREATE TABLE IF NOT EXISTS ",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS ",
    "CREATE OR REPLACE VIEW ",
    "ALTER TABLE ",
];

/// Returns `statement` in the form that the configured server needs.
pub(crate) fn render(statement: &str, config: &WarehouseConfig) -> String {
    let mut rendered = statement.to_owned();
    if config.replicated {
        rendered = rendered
            .replace("ENGINE = MergeTree", "ENGINE = ReplicatedMergeTree")
            .replace(
                "ENGINE = ReplacingMergeTree",
                "ENGINE = ReplicatedReplacingMergeTree",
            )
            .replace(
                "non_replicated_deduplication_window =",
                &format!(
                    "replicated_deduplication_window_seconds = {WINDOW_SECONDS}, \
                     replicated_deduplication_window ="
                ),
            );
    }
    if config.cluster.is_empty() {
        rendered
    } else {
        on_cluster(&rendered, &config.cluster)
    }
}

fn on_cluster(statement: &str, cluster: &str) -> String {
    for subject in SUBJECTS {
        if let Some(rest) = statement.strip_prefix(subject) {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            return format!("{subject}{name} ON CLUSTER `{cluster}`{rest}");
        }
    }
    statement.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS t\n(\n    x UInt8\n)\n\
        ENGINE = ReplacingMergeTree(x)\nORDER BY x\n\
        SETTINGS non_replicated_deduplication_window = 9";

    fn config(replicated: bool, cluster: &str) -> WarehouseConfig {
        WarehouseConfig {
            replicated,
            cluster: cluster.to_owned(),
            ..WarehouseConfig::default()
        }
    }

    #[test]
    fn a_single_server_gets_statements_unchanged() {
        assert_eq!(render(TABLE, &config(false, "")), TABLE);
    }

    #[test]
    fn replicas_get_their_engines_and_windows() {
        let rendered = render(TABLE, &config(true, "main"));
        assert_eq!(
            rendered,
            "CREATE TABLE IF NOT EXISTS t ON CLUSTER `main`\n(\n    x UInt8\n)\n\
             ENGINE = ReplicatedReplacingMergeTree(x)\nORDER BY x\n\
             SETTINGS replicated_deduplication_window_seconds = 604800, \
             replicated_deduplication_window = 9"
        );
        for (statement, expected) in [
            (
                "ALTER TABLE t ADD COLUMN",
                "ALTER TABLE t ON CLUSTER `main` ADD COLUMN",
            ),
            (
                "CREATE OR REPLACE VIEW v AS SELECT 1",
                "CREATE OR REPLACE VIEW v ON CLUSTER `main` AS SELECT 1",
            ),
            (
                "CREATE DATABASE IF NOT EXISTS d",
                "CREATE DATABASE IF NOT EXISTS d ON CLUSTER `main`",
            ),
        ] {
            assert_eq!(render(statement, &config(true, "main")), expected);
        }
    }
}
