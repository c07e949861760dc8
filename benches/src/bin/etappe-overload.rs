//! `etappe-overload`: floods one site and reports the effect on another one.

use anyhow::{bail, ensure};
use clap::Parser;
use etappe_benches::driver::overload::{self, OverloadOptions};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
async fn main() -> anyhow::Result<()> {
    let options = OverloadOptions::parse();
    let result = tokio::select! {
        result = overload::run(options) => result?,
        // Dropping the values that own them ends all started processes.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    };
    print!("{}", result.table);
    ensure!(
        result.failed.is_empty(),
        "below the floor: {}",
        result.failed.join("; ")
    );
    Ok(())
}
