//! The size and duration of the overload test.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use tempfile::TempDir;

/// Floods one site of an Etappe of its own, then lets it ask as hard as it can, and measures what
/// another site sees of it.
///
/// Programs are taken from the folder that this one is in; build them in release mode first.
#[derive(Debug, Clone, Parser)]
#[command(name = "etappe-overload", version)]
pub struct OverloadOptions {
    /// How long the flood lasts.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    pub seconds: u64,
    /// The flood: events a second, in gzip batches of 100. Left out: a little more than five times
    /// what the machine does, which is measured first.
    #[arg(long, value_name = "EVENTS")]
    pub rate: Option<f64>,
    /// How long what the machine can do is measured.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub measure_seconds: f64,
    /// Connections of the flood.
    #[arg(long, default_value_t = 512)]
    pub connections: u32,
    /// The other site: single events a second.
    #[arg(long, value_name = "EVENTS", default_value_t = 40.0)]
    pub quiet_rate: f64,
    /// How long one site asks as hard as it can.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub ask_seconds: u64,
    /// How many of its clients ask at a time.
    #[arg(long, value_name = "CLIENTS", default_value_t = 16)]
    pub askers: u32,
    /// The bound of the local log.
    #[arg(long, value_name = "BYTES", default_value_t = 128 << 20)]
    pub log_bytes: u64,
    /// Where data is kept meanwhile and figures are written.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
}

impl OverloadOptions {
    /// Creates a folder for the data; it is removed when the value is dropped.
    pub(super) fn make_folder(&self) -> anyhow::Result<TempDir> {
        let out: &Path = &self.out;
        std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        let mut folder = tempfile::Builder::new();
        // Absolute, because it is passed to other processes.
        Ok(folder.prefix("overload-").tempdir_in(out.canonicalize()?)?)
    }
}
