//! `etappe-bench`: measures Etappe beside its limits and compares the results with the targets.

use anyhow::{bail, ensure};
use clap::Parser;
use etappe_benches::driver::{self, Options};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let result = tokio::select! {
        result = driver::run(options) => result?,
        // Dropping the values that own them ends all started processes.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    print!("{}", result.table);
    ensure!(
        result.failed.is_empty(),
        "failed: {}",
        result.failed.join("; ")
    );
    Ok(())
}
