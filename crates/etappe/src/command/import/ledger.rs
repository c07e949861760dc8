//! How far each file's import came, per site; finished files stay on record for good.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context;
use etappe_core::id::SiteId;
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The record of one file's import into one site.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// The file's name when it was imported, for people.
    pub(crate) name: String,
    /// Every line up to this number was acknowledged or rejected.
    pub(crate) lines_done: u64,
    /// The bytes of these lines.
    pub(crate) bytes_done: u64,
    /// Events acknowledged.
    pub(crate) accepted: u64,
    /// Lines rejected.
    pub(crate) rejected: u64,
    /// Values of acknowledged events that do not count.
    #[serde(default)]
    pub(crate) warnings: u64,
    /// When the end of the file was reached.
    pub(crate) finished_at: Option<Timestamp>,
}

/// The imports of one site.
#[derive(Debug)]
pub(crate) struct ImportLedger {
    folder: PathBuf,
}

impl ImportLedger {
    /// Opens the records of `site` under `root`.
    pub(crate) fn open(root: &Path, site: &SiteId) -> anyhow::Result<Self> {
        let folder = root.join("imports").join(site.as_str());
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Returns the record of a content, or a fresh one.
    pub(crate) fn record(&self, hash: &str) -> anyhow::Result<FileRecord> {
        let path = self.path(hash);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "{} is damaged: put it back from a backup, or remove it to import the file \
                         from its beginning (its events count again unless they were stored within \
                         the last day)",
                    path.display()
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(FileRecord::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Remembers how far a content came.
    ///
    /// A record that an outage of the machine takes back only makes lines be sent again, under
    /// the same ids.
    pub(crate) fn remember(&self, hash: &str, record: &FileRecord) -> anyhow::Result<()> {
        crate::data_dir::write_private(&self.path(hash), &serde_json::to_vec(record)?)
    }

    /// Forgets how far a content came, so that it can be imported again from its first line.
    pub(crate) fn forget(&self, hash: &str) -> anyhow::Result<()> {
        remove(&self.path(hash))
    }

    /// Begins the list of a content's rejected lines anew.
    pub(crate) fn clear_rejected(&self, hash: &str) -> anyhow::Result<()> {
        remove(&self.rejected_path(hash))
    }

    /// Returns the first lines of the list of a content's rejected lines.
    pub(crate) fn first_rejected(&self, hash: &str, most: usize) -> anyhow::Result<Vec<Value>> {
        let path = self.rejected_path(hash);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let lines = std::io::BufReader::new(file).lines().take(most);
        let lines = lines.map(|line| Ok(serde_json::from_str(&line?)?));
        lines.collect()
    }

    /// Returns where the rejected lines of a content are kept.
    pub(crate) fn rejected_path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.rejected.ndjson"))
    }

    fn path(&self, hash: &str) -> PathBuf {
        self.folder.join(format!("{hash}.json"))
    }
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", path.display())),
    }
}
