//! `etappe-cost`: measures the cost of the guarantee, with and without each piece in one run.

use anyhow::{bail, ensure};
use clap::Parser;
use etappe_benches::driver::cost::{self, CostOptions};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
async fn main() -> anyhow::Result<()> {
    let options = CostOptions::parse();
    let result = tokio::select! {
        result = cost::run(options) => result?,
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
