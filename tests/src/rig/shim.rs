//! Failing writes and another time of day for one process, by a library in front of the C library.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use tokio::process::Command;

/// The library's source.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/faults.c");

/// The shim of one process: its library, and the folder of files that control it.
#[derive(Debug, Clone)]
pub struct Shim {
    library: PathBuf,
    control: PathBuf,
    disk: PathBuf,
}

impl Shim {
    /// Builds the library in `folder` with the C compiler and returns where it is.
    ///
    /// # Errors
    /// When there is no compiler, or it refuses.
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

    /// Makes the shim of a process whose files stand below `disk`; `control` is a folder of its own.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(library: &Path, control: &Path, disk: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(control)?;
        Ok(Self {
            library: library.to_owned(),
            control: control.to_owned(),
            disk: disk.to_owned(),
        })
    }

    /// Puts the shim in front of the C library of a program that is to be started.
    pub fn load_into(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("ETAPPE_SHIM", &self.control)
            .env("ETAPPE_SHIM_DISK", &self.disk);
    }

    /// Makes the process's disk full.
    ///
    /// # Errors
    /// When the control file cannot be written.
    pub fn fill_disk(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.control.join("full"), "")?)
    }

    /// Gives the process its disk back.
    ///
    /// # Errors
    /// When the control file cannot be taken away.
    pub fn free_disk(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.control.join("full"))?)
    }

    /// Moves the process's time of day by so many seconds.
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
