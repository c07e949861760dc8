//! Reads and writes the file and the shared table.

use std::path::Path;

use bytes::Bytes;
use etappe_core::site::stored::StoredSites;
use etappe_runtime::durable_file::replace_private;

use super::CHANGE_PATIENCE;
use crate::error::SiteError;
use crate::kafka::{KafkaTable, TableRows};

pub(super) fn of_table(rows: &TableRows) -> StoredSites {
    let (stored, unreadable) = StoredSites::of_rows(rows);
    if !unreadable.is_empty() {
        tracing::error!(rows = ?unreadable, "rows of the table of sites cannot be read");
    }
    stored
}

/// Writes a row and waits until it is visible here; other processes see it at about the same time.
pub(super) async fn put(
    table: &KafkaTable,
    key: &str,
    value: Option<Bytes>,
) -> Result<(), SiteError> {
    let mut rows = table.rows();
    table.put(key, value.clone()).await?;
    let seen = rows.wait_for(|rows| rows.get(key) == value.as_ref());
    match tokio::time::timeout(CHANGE_PATIENCE, seen).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(SiteError::NotVisible),
    }
}

pub(super) fn read_file(path: &Path) -> Result<Option<StoredSites>, SiteError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|source| {
            let path = path.to_owned();
            SiteError::Damaged { path, source }
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SiteError::File {
            action: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

pub(super) fn write_file(path: &Path, stored: &StoredSites) -> Result<(), SiteError> {
    let text = serde_json::to_vec_pretty(stored).expect("names and numbers are valid JSON");
    replace_private(path, &text).map_err(|source| SiteError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}
