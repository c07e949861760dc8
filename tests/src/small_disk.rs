//! An in-memory disk of a given size that can be filled to the last byte.
//!
//! It is mounted in a separate mount namespace, which requires no privileges; programs that use it
//! run in that namespace too.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The write size for filling it.
const PIECE: usize = 1 << 20;

/// A mounted disk; it is unmounted on drop.
#[derive(Debug)]
pub struct SmallDisk {
    keeper: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `bytes` bytes on an existing folder.
    ///
    /// # Errors
    /// When the machine does not allow it.
    pub async fn mount(folder: &Path, bytes: u64) -> anyhow::Result<Self> {
        // The shell keeps running to keep the namespace alive.
        let script = "mount -t tmpfs -o size=\"$2\" tmpfs \"$1\" && echo mounted && read -r end";
        let mut keeper = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .arg(folder)
            .arg(bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = keeper.stdout.take().context("a pipe")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        ensure!(
            line.as_deref() == Some("mounted"),
            "cannot mount a disk in a mount namespace"
        );
        Ok(Self {
            keeper,
            folder: folder.to_owned(),
        })
    }

    /// Returns a command that runs `program` in the disk's namespace.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--preserve-credentials", "--user", "--mount", "--target"])
            .arg(self.keeper.id().unwrap_or_default().to_string())
            .arg("--")
            .arg(program);
        command
    }

    /// Returns the path outside the namespace of a path on the disk.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        let keeper = self.keeper.id().unwrap_or_default();
        let root = PathBuf::from(format!("/proc/{keeper}/root"));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Fills it to the last byte.
    ///
    /// # Errors
    /// When writing fails for another reason than a full disk.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut file = std::fs::File::create(self.ballast())?;
        let piece = vec![1_u8; PIECE];
        loop {
            match file.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Frees the space that [`SmallDisk::fill`] took.
    ///
    /// # Errors
    /// When it took none.
    pub fn give_back(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.outside(&self.folder.join("ballast"))
    }
}
