//! The engine's secrets: one for the writer, who may do everything, and one for readers.
//!
//! They are random, created at the first start and stored in the data folder in a file that only
//! its owner may read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use etappe_runtime::durable_file;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::EngineError;

/// The file's name in the data folder.
pub const SECRET_FILE: &str = "engine-secret.json";

/// A user name and its password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Both logins of an engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EngineSecrets {
    /// May do everything that the engine allows.
    pub writer: Login,
    /// May read, and may choose only a few settings.
    pub reader: Login,
}

/// What a client is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
}

impl EngineSecrets {
    /// Returns the path of the secrets in a data folder.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(SECRET_FILE)
    }

    /// Reads the secrets of a data folder.
    ///
    /// # Errors
    ///
    /// If there are none yet, or they cannot be read.
    pub fn load(data_dir: &Path) -> Result<Self, EngineError> {
        let path = Self::path(data_dir);
        let failed = |source| EngineError::io(format!("read `{}`", path.display()), source);
        let text = fs::read_to_string(&path).map_err(failed)?;
        serde_json::from_str(&text).map_err(|error| failed(error.into()))
    }

    /// Reads the secrets of a data folder, and creates them if there are none. If other users could
    /// read the file, its permissions are restricted.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or written.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, EngineError> {
        let path = Self::path(data_dir);
        if !path.exists() {
            let secrets = Self::generate();
            secrets.store(data_dir)?;
            return Ok(secrets);
        }
        let failed = |source| EngineError::io(format!("protect `{}`", path.display()), source);
        let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "the engine's secrets were readable by others");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        Self::load(data_dir)
    }

    fn generate() -> Self {
        let login = |user: &str| Login {
            user: user.to_owned(),
            password: random_password(),
        };
        Self {
            writer: login("etappe"),
            reader: login("reader"),
        }
    }

    fn store(&self, data_dir: &Path) -> Result<(), EngineError> {
        let path = Self::path(data_dir);
        let failed = |source| EngineError::io(format!("write `{}`", path.display()), source);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        durable_file::replace_private(&path, &text).map_err(failed)
    }

    /// Returns the role of a login; `None` if it is wrong. The time taken does not depend on where
    /// the password differs.
    pub(crate) fn role_of(&self, user: &str, password: &str) -> Option<Role> {
        let login = match user {
            _ if user == self.writer.user => &self.writer,
            _ if user == self.reader.user => &self.reader,
            _ => return None,
        };
        let is_right: bool = login.password.as_bytes().ct_eq(password.as_bytes()).into();
        let role = if user == self.writer.user {
            Role::Writer
        } else {
            Role::Reader
        };
        is_right.then_some(role)
    }
}

/// 256 random bits in hexadecimal: safe in URLs, headers and configuration files.
fn random_password() -> String {
    use std::fmt::Write as _;
    rand::random::<[u8; 32]>()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes everything");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_created_once_and_readable_only_by_their_owner() {
        let dir = tempfile::tempdir().unwrap();
        let first = EngineSecrets::load_or_create(dir.path()).unwrap();
        let second = EngineSecrets::load_or_create(dir.path()).unwrap();
        assert_eq!(first.writer.password, second.writer.password);
        assert_ne!(first.writer.password, first.reader.password);
        assert_eq!(first.writer.password.len(), 64);
        let mode = fs::metadata(EngineSecrets::path(dir.path()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_permissions_of_an_exposed_secret_file_are_narrowed() {
        let dir = tempfile::tempdir().unwrap();
        EngineSecrets::load_or_create(dir.path()).unwrap();
        let path = EngineSecrets::path(dir.path());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        EngineSecrets::load_or_create(dir.path()).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_correct_login_has_its_role_and_a_wrong_one_none() {
        let secrets = EngineSecrets::generate();
        let EngineSecrets { writer, reader } = &secrets;
        assert_eq!(
            secrets.role_of("etappe", &writer.password),
            Some(Role::Writer)
        );
        assert_eq!(
            secrets.role_of("reader", &reader.password),
            Some(Role::Reader)
        );
        assert_eq!(secrets.role_of("reader", &writer.password), None);
        assert_eq!(secrets.role_of("default", ""), None);
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        let secrets = EngineSecrets::generate();
        assert!(!format!("{secrets:?}").contains(&secrets.writer.password));
    }
}
