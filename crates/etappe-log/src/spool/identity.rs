//! The collector's id: the name in its marks, stored in `collector.json` beside the spool.
//!
//! The id belongs to the spool, not to the process or the machine. Only the owner of the spool's
//! records can state when all of them are in the log.

use std::fs;
use std::io;
use std::path::Path;

use etappe_runtime::durable_file;
use serde::{Deserialize, Serialize};

use crate::error::LogError;

const FILE_NAME: &str = "collector.json";
const FORMAT: u32 = 1;
const RANDOM_PATH: &str = "/proc/sys/kernel/random/uuid";
const HOST_PATH: &str = "/proc/sys/kernel/hostname";
/// The number of characters used of the host name, and of the random part.
const HOST_LENGTH: usize = 40;
const RANDOM_LENGTH: usize = 12;

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    format: u32,
    collector: String,
}

/// Returns the id of the collector whose spool is in `directory`. Creates one if there is none.
pub(crate) fn of(directory: &Path) -> Result<String, LogError> {
    let path = directory.join(FILE_NAME);
    match fs::read(&path) {
        Ok(bytes) => {
            let identity: Identity = serde_json::from_slice(&bytes)
                .map_err(|error| LogError::unusable("read", &path)(error.into()))?;
            if identity.format != FORMAT {
                return Err(LogError::NewerFormat {
                    path,
                    version: identity.format,
                    supported: FORMAT,
                });
            }
            Ok(identity.collector)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let collector = new_id()?;
            store(directory, &collector).map_err(LogError::unusable("write", &path))?;
            Ok(collector)
        }
        Err(error) => Err(LogError::unusable("read", path)(error)),
    }
}

fn new_id() -> Result<String, LogError> {
    let read = |path| fs::read_to_string(path).map_err(LogError::unusable("read", path));
    let random = read(RANDOM_PATH)?;
    let random: String = random
        .chars()
        .rev()
        .filter(char::is_ascii_hexdigit)
        .take(RANDOM_LENGTH)
        .collect();
    let host: String = read(HOST_PATH)?
        .trim()
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it } else { '-' })
        .take(HOST_LENGTH)
        .collect();
    Ok(format!("{host}-{random}"))
}

/// Writes the file atomically and durably: after a crash of the machine it is complete or absent.
fn store(directory: &Path, collector: &str) -> io::Result<()> {
    let identity = Identity {
        format: FORMAT,
        collector: collector.to_owned(),
    };
    durable_file::replace(&directory.join(FILE_NAME), &serde_json::to_vec(&identity)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_keeps_its_id_and_no_two_have_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let id = of(one.path()).unwrap();
        assert!(id.len() > RANDOM_LENGTH, "{id}");
        assert_eq!(of(one.path()).unwrap(), id);
        assert_ne!(of(other.path()).unwrap(), id);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_new_id() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE_NAME), "{").unwrap();
        assert!(matches!(
            of(directory.path()),
            Err(LogError::Unusable { .. })
        ));
    }
}
