//! The manifest: which segments are the index, and up to which positions it holds the log.

use std::io;
use std::path::{Path, PathBuf};

use etappe_core::ledger::LedgerPositions;
use etappe_runtime::durable_file;
use serde::{Deserialize, Serialize};

use crate::error::IndexError;

/// The format of the manifest and of the segments. Files of another version are built anew.
const VERSION: u32 = 2;

/// The content of the file `manifest.json`. It is replaced as a whole, after the segments that it
/// names are durable. So after a crash it describes a whole index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    version: u32,
    /// The index holds every event before these positions and no other.
    pub(crate) positions: LedgerPositions,
    /// The number of these events.
    pub(crate) events: u64,
    /// The segments' names, from the oldest to the newest.
    pub(crate) segments: Vec<String>,
}

impl Manifest {
    pub(crate) const fn new(
        positions: LedgerPositions,
        events: u64,
        segments: Vec<String>,
    ) -> Self {
        Self {
            version: VERSION,
            positions,
            events,
            segments,
        }
    }

    /// Reads the manifest of a folder; `None` if there is none, or one of another version. Blocks.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, IndexError> {
        let path = path(folder);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(IndexError::while_trying("read", path)(error)),
        };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| IndexError::Damaged {
                path,
                problem: error.to_string(),
            })?;
        Ok((manifest.version == VERSION).then_some(manifest))
    }

    /// Replaces the manifest of a folder durably. Blocks.
    pub(crate) fn replace(&self, folder: &Path) -> Result<(), IndexError> {
        let path = path(folder);
        let text = serde_json::to_vec(self).map_err(io::Error::from);
        text.and_then(|text| durable_file::replace(&path, &text))
            .map_err(IndexError::while_trying("replace", path))
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("manifest.json")
}
