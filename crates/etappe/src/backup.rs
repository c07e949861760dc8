//! A backup: a folder with copies of everything in a data folder, and a list of them.
//!
//! ```text
//! DIR/backup.json    what the backup is, and every file with its length and hash; written last
//! DIR/database/      the engine's own backup of its tables
//! DIR/log/           the event log          DIR/sites.json
//! DIR/imports/       how far imports came   DIR/dead-letters/
//! DIR/engine-secret.json  the engine's passwords, so that readers keep theirs
//! ```

pub(crate) mod files;
pub(crate) mod maker;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The list of a backup's files.
pub(crate) const MANIFEST: &str = "backup.json";
/// The engine's own backup of its tables.
pub(crate) const DATABASE: &str = "database";
/// The file of the engine's passwords, in its folder and in a backup.
pub(crate) const SECRETS: &str = "engine-secret.json";
/// Parts that are copied unchanged.
pub(crate) const FOLDERS: [&str; 2] = ["imports", "dead-letters"];
/// The format version of backups that this program writes and reads.
const FORMAT: u32 = 1;

/// The description of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The version of the program that made it.
    pub(crate) version: String,
    /// When the backup began: it contains everything acknowledged before.
    pub(crate) begun_at: Timestamp,
    /// When the event log had been copied: it contains nothing acknowledged later.
    pub(crate) ended_at: Timestamp,
    /// Every file except the manifest, ordered by path.
    files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its path in the backup.
    path: String,
    /// Its length in bytes.
    bytes: u64,
    /// Its BLAKE3 hash in hexadecimal digits.
    blake3: String,
}

impl Manifest {
    /// Lists the files in `folder`. Blocks.
    pub(crate) fn of(
        folder: &Path,
        (begun_at, ended_at): (Timestamp, Timestamp),
    ) -> anyhow::Result<Self> {
        let files = files::all(folder)?
            .into_iter()
            .map(|path| {
                let (bytes, blake3) = files::hash(&folder.join(&path))?;
                Ok(FileEntry {
                    path,
                    bytes,
                    blake3,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            begun_at,
            ended_at,
            files,
        })
    }

    /// Reads a backup's manifest and checks every file against it. Blocks.
    pub(crate) fn verify(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "{} is not a complete backup: {MANIFEST}, which is written last, cannot be read",
                folder.display()
            )
        })?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", path.display()))?;
        if manifest.format != FORMAT {
            bail!(
                "the backup has format {}, this program reads format {FORMAT}: use Etappe {}, which made it",
                manifest.format,
                manifest.version
            );
        }
        let present = files::all(folder)?;
        let listed: HashSet<&str> = manifest.files.iter().map(|it| it.path.as_str()).collect();
        let is_stray = |path: &&String| *path != MANIFEST && !listed.contains(path.as_str());
        if let Some(stray) = present.iter().find(is_stray) {
            bail!("the backup is damaged: {stray} is not one of its files");
        }
        for file in &manifest.files {
            let found = files::hash(&folder.join(&file.path));
            match found {
                Ok((bytes, blake3)) if bytes == file.bytes && blake3 == file.blake3 => {}
                Ok(_) => bail!(
                    "the backup is damaged: the content of {} has changed",
                    file.path
                ),
                Err(error) => {
                    return Err(error.context(format!("the backup is damaged: {}", file.path)));
                }
            }
        }
        Ok(manifest)
    }

    /// Returns the minimum retention of the log, so that a start on the restored folder can store
    /// again everything stored while the backup was made.
    pub(crate) fn least_retention(&self) -> Duration {
        let millis = self.ended_at.millis_since(self.begun_at);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0)) * 2
    }

    /// Returns the total size of the files in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verification_rejects_an_incomplete_or_changed_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let refused = || Manifest::verify(folder.path()).unwrap_err();
        std::fs::create_dir_all(path("log/partition-0")).unwrap();
        std::fs::write(path("log/partition-0/1.log"), "records").unwrap();
        std::fs::write(path("sites.json"), "{}").unwrap();
        assert!(refused().to_string().contains("is not a complete backup"));
        let times = (Timestamp::EPOCH, Timestamp::from_millis(5));
        let manifest = Manifest::of(folder.path(), times).unwrap();
        assert_eq!(manifest.bytes(), 9);
        let write = |manifest: &Manifest| {
            std::fs::write(path(MANIFEST), serde_json::to_vec(manifest).unwrap()).unwrap();
        };
        write(&manifest);
        assert_eq!(Manifest::verify(folder.path()).unwrap(), manifest);
        std::fs::write(path("log/partition-0/1.log"), "Records").unwrap();
        assert!(
            refused()
                .to_string()
                .contains("content of log/partition-0/1.log has changed")
        );
        std::fs::remove_file(path("log/partition-0/1.log")).unwrap();
        assert!(refused().to_string().contains("log/partition-0/1.log"));
        std::fs::write(path("log/partition-0/1.log"), "records").unwrap();
        std::fs::write(path("log/partition-0/2.log"), "of another").unwrap();
        assert!(
            refused()
                .to_string()
                .contains("2.log is not one of its files")
        );
        std::fs::remove_file(path("log/partition-0/2.log")).unwrap();
        write(&Manifest {
            format: 9,
            ..manifest
        });
        assert!(refused().to_string().contains("format 9"));
    }
}
