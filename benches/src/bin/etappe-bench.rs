//! `etappe-bench`: measures Etappe beside its limits and prints where its targets stand.

use anyhow::bail;
use clap::Parser;
use etappe_benches::driver::{self, Options};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let table = tokio::select! {
        table = driver::run(options) => table?,
        // Everything that was started ends with the values that stand for it.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    print!("{table}");
    Ok(())
}
