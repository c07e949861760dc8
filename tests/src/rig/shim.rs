//! Failing writes and a shifted wall clock for one process, through a library preloaded before the
//! C library.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use tokio::process::Command;

/// The library's source.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/faults.c");

/// The shim of one process: its library, and the folder of its control files.
#[derive(Debug, Clone)]
pub struct Shim {
    library: PathBuf,
    control: PathBuf,
    disk: PathBuf,
}

impl Shim {
    /// Builds the library in `folder` with the C compiler and returns its path.
    ///
    /// # Errors
    /// When there is no compiler, or compiling fails.
    pub async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
        let library = folder.join("faults.so");
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .arg(&library)
            .args([SOURCE, "-ldl"])
            .output()
            .await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the shim is not built: {errors}");
        Ok(library)
    }

    /// Makes the shim of a process whose files are below `disk`; `control` is a separate folder.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn new(library: &Path, control: &Path, disk: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(control)?;
        Ok(Self {
            library: library.to_owned(),
            control: control.to_owned(),
            disk: disk.to_owned(),
        })
    }

    /// Preloads the shim into a program that is about to be started.
    pub fn load_into(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("ETAPPE_SHIM", &self.control)
            .env("ETAPPE_SHIM_DISK", &self.disk);
    }

    /// Simulates a full disk for the process.
    ///
    /// # Errors
    /// When the control file cannot be written.
    pub fn fill_disk(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.control.join("full"), "")?)
    }

    /// Ends the simulation of a full disk.
    ///
    /// # Errors
    /// When the control file cannot be removed.
    pub fn free_disk(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.control.join("full"))?)
    }

    /// Shifts the process's wall clock by `seconds`.
    ///
    /// # Errors
    /// When the control file cannot be written.
    pub fn move_clock(&self, seconds: i64) -> anyhow::Result<()> {
        Ok(std::fs::write(
            self.control.join("clock"),
            seconds.to_string(),
        )?)
    }
}
