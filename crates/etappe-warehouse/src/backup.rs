//! Backups of the whole database by the embedded engine, into its own folder.

use std::time::Duration;

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// How long a backup may take. A backup of 100 GB takes about ten minutes on an ordinary disk.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(6 * 3600);

impl Warehouse {
    /// Makes the engine write a backup of the database into the folder `name` among its backups.
    ///
    /// Each table is backed up as of some moment during the call; different tables may be from
    /// different moments.
    ///
    /// # Errors
    /// The server's error.
    pub async fn back_up(&self, name: &str) -> Result<(), WarehouseError> {
        let database = &self.config().database;
        let statement = format!("BACKUP DATABASE {database} TO File('{name}')");
        self.run_long(&statement, "make a backup").await
    }

    /// Makes the engine recreate the database from the folder `name` among its backups.
    ///
    /// # Errors
    /// The server's error; the database may then be partly restored.
    pub async fn restore(&self, name: &str) -> Result<(), WarehouseError> {
        let database = &self.config().database;
        let statement = format!("RESTORE DATABASE {database} FROM File('{name}')");
        self.run_long(&statement, "restore a backup").await
    }

    async fn run_long(&self, statement: &str, action: &'static str) -> Result<(), WarehouseError> {
        let client = self.client().clone().with_database("system");
        let run = client.query_raw(statement).execute();
        self.within(BACKUP_TIMEOUT, action, run).await
    }
}
