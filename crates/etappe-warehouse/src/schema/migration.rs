//! Migrates the database to this program's schema.
//!
//! Invariants: the next run completes an interrupted migration; several processes may migrate at
//! once; a database that this program cannot use is not changed.
//!
//! The server has no transactions for schema changes, so every statement can be repeated (`IF NOT
//! EXISTS`). Migrations run in order and are recorded with a checksum of their text: once released,
//! a migration never changes. A recorded migration with another checksum was made by an unreleased
//! version, and nothing converts its tables. The parameterized views hold no data, so they are
//! recreated whenever their text changes.

use std::time::Duration;

use clickhouse::Row;
use etappe_core::ports::{RetryClass, Retryable};
use etappe_runtime::backoff::Backoff;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ddl::render;
use super::inline::inline_views;
use super::view::VIEWS;
use crate::config::WarehouseConfig;
use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// A step of the schema.
struct Migration {
    version: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "schema",
        sql: include_str!("../../migrations/0001_schema.sql"),
    },
    Migration {
        version: 2,
        name: "settled",
        sql: include_str!("../../migrations/0002_settled.sql"),
    },
    Migration {
        version: 3,
        name: "ledger",
        sql: include_str!("../../migrations/0003_ledger.sql"),
    },
];

/// How often a statement is tried if it collides with the same statement in another process.
const MAX_ATTEMPTS: u32 = 5;
/// The pauses before the next attempt.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

const HAS_LEDGERS: &str = "
SELECT count() FROM system.tables
WHERE database = {database:String} AND name = 'schema_migrations'";

const APPLIED: &str = "SELECT version, name, checksum FROM schema_migrations";

const LEDGERS: &str = "
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
CREATE TABLE IF NOT EXISTS schema_views
(
    name String,
    checksum String,
    created_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (name, created_at);
";

/// The result of a migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The schema's current version.
    pub version: u32,
    /// The names of the migrations that were applied.
    pub applied: Vec<String>,
    /// The names of the views that were recreated.
    pub views: Vec<String>,
}

#[derive(Row, Deserialize)]
struct AppliedMigration {
    version: u32,
    name: String,
    checksum: String,
}

#[derive(Row, Deserialize)]
struct CreatedView {
    name: String,
    checksum: String,
}

impl Warehouse {
    /// Creates the database and migrates it to this program's schema. Does nothing if it is up to
    /// date; several processes may run it at once.
    ///
    /// # Errors
    /// [`WarehouseError::NewerSchema`] and [`WarehouseError::UnreleasedSchema`] if this program
    /// cannot use the database; nothing was changed then. Otherwise the server's error.
    pub async fn migrate(&self) -> Result<MigrationReport, WarehouseError> {
        self.check_server().await?;
        let applied = if self.has_ledgers().await? {
            self.applied_migrations().await?
        } else {
            Vec::new()
        };
        let pending = pending_migrations(&applied)?;
        self.create_database().await?;
        self.run_statements(LEDGERS).await?;
        let mut report = MigrationReport {
            version: MIGRATIONS.last().map_or(0, |migration| migration.version),
            ..MigrationReport::default()
        };
        for migration in pending {
            self.run_statements(migration.sql).await?;
            self.record_migration(migration).await?;
            tracing::info!(
                version = migration.version,
                name = migration.name,
                "migration applied"
            );
            report.applied.push(migration.name.to_owned());
        }
        report.views = self.create_views().await?;
        Ok(report)
    }

    /// Checks that the database has exactly this program's schema.
    pub(crate) async fn expect_current_schema(&self) -> Result<(), WarehouseError> {
        match pending_migrations(&self.applied_migrations().await?)?.next() {
            None => Ok(()),
            Some(pending) => Err(WarehouseError::CopyRefused(format!(
                "the source lacks migration {} (`{}`): migrate it first",
                pending.version, pending.name
            ))),
        }
    }

    async fn has_ledgers(&self) -> Result<bool, WarehouseError> {
        // The database itself may be missing.
        let client = self.client().clone().with_database("system");
        let count = client
            .query_raw(HAS_LEDGERS)
            .param("database", &self.config().database)
            .fetch_one::<u64>();
        let limit = self.config().query_timeout;
        let count = self.within(limit, "look for the tables", count).await?;
        Ok(count > 0)
    }

    async fn applied_migrations(&self) -> Result<Vec<AppliedMigration>, WarehouseError> {
        self.query("read applied migrations", APPLIED).rows().await
    }

    async fn create_database(&self) -> Result<(), WarehouseError> {
        let client = self.client().clone().with_database("system");
        let statement = create_database_statement(self.config());
        let create = client.query_raw(&statement).execute();
        let limit = self.config().migration_timeout;
        self.within(limit, "create the database", create).await
    }

    async fn run_statements(&self, sql: &str) -> Result<(), WarehouseError> {
        for statement in statements(sql) {
            self.run_statement(&render(&statement, self.config()))
                .await?;
        }
        Ok(())
    }

    /// Returns the statements that [`Self::migrate`] runs on an empty server.
    #[must_use]
    pub fn schema_statements(&self) -> Vec<String> {
        let migrations = MIGRATIONS.iter().map(|migration| migration.sql);
        let views: Vec<String> = VIEWS.iter().map(|(_, sql)| inline_views(sql)).collect();
        std::iter::once(LEDGERS)
            .chain(migrations)
            .chain(views.iter().map(String::as_str))
            .flat_map(statements)
            .map(|statement| render(&statement, self.config()))
            .chain(std::iter::once(create_database_statement(self.config())))
            .collect()
    }

    /// Runs a schema statement; collisions with other processes are retried.
    pub(crate) async fn run_statement(&self, statement: &str) -> Result<(), WarehouseError> {
        let limit = self.config().migration_timeout;
        let mut attempt = 1;
        let mut backoff = BACKOFF;
        loop {
            let run = self.client().query_raw(statement).execute();
            match self.within(limit, "change the schema", run).await {
                Err(error) if attempt < MAX_ATTEMPTS && is_collision(&error) => {
                    tracing::debug!(%error, attempt, "schema statement collided");
                    attempt += 1;
                    backoff.pause().await;
                }
                result => return result,
            }
        }
    }

    async fn record_migration(&self, migration: &Migration) -> Result<(), WarehouseError> {
        let insert = self
            .client()
            .query_raw(
                "INSERT INTO schema_migrations (version, name, checksum) \
                 SELECT {version:UInt32}, {name:String}, {checksum:String}",
            )
            .param("version", migration.version)
            .param("name", migration.name)
            .param("checksum", checksum(migration.sql))
            .with_setting("async_insert", "0")
            .execute();
        let limit = self.config().migration_timeout;
        self.within(limit, "record a migration", insert).await
    }

    async fn create_views(&self) -> Result<Vec<String>, WarehouseError> {
        let current = self
            .query(
                "read created views",
                "SELECT name, argMax(checksum, created_at) AS checksum FROM schema_views GROUP BY name",
            )
            .rows::<CreatedView>()
            .await?;
        let mut created = Vec::new();
        for (name, sql) in VIEWS {
            let sql = inline_views(sql);
            let wanted = checksum(&sql);
            if current
                .iter()
                .any(|view| view.name == *name && view.checksum == wanted)
            {
                continue;
            }
            self.run_statements(&sql).await?;
            self.record_view(name, &wanted).await?;
            created.push((*name).to_owned());
        }
        Ok(created)
    }

    async fn record_view(&self, name: &str, checksum: &str) -> Result<(), WarehouseError> {
        let insert = self
            .client()
            .query_raw(
                "INSERT INTO schema_views (name, checksum) SELECT {name:String}, {checksum:String}",
            )
            .param("name", name)
            .param("checksum", checksum)
            .with_setting("async_insert", "0")
            .execute();
        self.within(self.config().migration_timeout, "record a view", insert)
            .await
    }
}

fn create_database_statement(config: &WarehouseConfig) -> String {
    let statement = format!("CREATE DATABASE IF NOT EXISTS {}", config.database);
    render(&statement, config)
}

/// Returns the migrations to apply, or an error if this program cannot use the database.
fn pending_migrations(
    applied: &[AppliedMigration],
) -> Result<impl Iterator<Item = &'static Migration>, WarehouseError> {
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    // Oldest first: a database of an unreleased version may also have migrations that are unknown
    // here, and "newer" would be the wrong advice.
    let mut by_version: Vec<&AppliedMigration> = applied.iter().collect();
    by_version.sort_by_key(|row| row.version);
    for row in by_version {
        let Some(migration) = MIGRATIONS.iter().find(|known| known.version == row.version) else {
            return Err(WarehouseError::NewerSchema {
                found: row.version,
                known,
            });
        };
        if checksum(migration.sql) != row.checksum {
            return Err(WarehouseError::UnreleasedSchema {
                version: row.version,
                name: row.name.clone(),
            });
        }
    }
    let done: Vec<u32> = applied.iter().map(|row| row.version).collect();
    Ok(MIGRATIONS
        .iter()
        .filter(move |migration| !done.contains(&migration.version)))
}

/// Returns whether another process may have run the same statement at the same time.
fn is_collision(error: &WarehouseError) -> bool {
    /// Table exists, database exists, unknown table: these occur while another process creates or
    /// swaps it.
    const COLLISIONS: &[u32] = &[57, 82, 60];
    error.code().is_some_and(|code| COLLISIONS.contains(&code))
        || error.retry_class() == RetryClass::Transient
}

/// Splits a file into statements; comments are lines that start with `--`.
fn statements(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    code.join("\n")
        .split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(version: u32, checksum: String) -> AppliedMigration {
        AppliedMigration {
            version,
            name: "tables".to_owned(),
            checksum,
        }
    }

    #[test]
    fn every_statement_of_a_migration_can_be_repeated() {
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                // An index holds nothing that its table does not.
                let statement = statement.replace("DROP INDEX IF EXISTS", "");
                let changes: Vec<&str> = statement.matches("ADD COLUMN").collect();
                let repeatable = statement.matches("ADD COLUMN IF NOT EXISTS").count();
                let alters = statement.starts_with("ALTER TABLE ")
                    && changes.len() == repeatable
                    && ["DROP", "RENAME", "UPDATE"]
                        .iter()
                        .all(|change| !statement.contains(change));
                let creates =
                    statement.starts_with("CREATE ") && statement.contains("IF NOT EXISTS");
                assert!(alters || creates, "{statement}");
            }
        }
        for (name, sql) in VIEWS {
            let all = statements(sql);
            assert_eq!(all.len(), 1, "{name}");
            assert!(
                all[0].starts_with(&format!("CREATE OR REPLACE VIEW {name} AS")),
                "{name}"
            );
        }
    }

    #[test]
    fn versions_ascend_without_gaps() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version), Ok(index + 1));
        }
    }

    #[test]
    fn a_newer_schema_and_one_of_an_unreleased_version_are_refused() {
        let good = checksum(MIGRATIONS[0].sql);
        let pending = |rows: &[AppliedMigration]| {
            pending_migrations(rows).map(|pending| pending.map(|m| m.version).collect::<Vec<_>>())
        };
        assert_eq!(pending(&[]).unwrap(), [1, 2, 3]);
        let twice = [applied(1, good.clone()), applied(1, good.clone())];
        assert_eq!(pending(&twice).unwrap(), [2, 3]);
        assert!(matches!(
            pending(&[applied(1, good), applied(99, String::new())]),
            Err(WarehouseError::NewerSchema {
                found: 99,
                known: 3
            })
        ));
        let unreleased = [applied(4, "1".to_owned()), applied(1, "0".to_owned())];
        assert!(matches!(
            pending(&unreleased),
            Err(WarehouseError::UnreleasedSchema { version: 1, .. })
        ));
    }
}
