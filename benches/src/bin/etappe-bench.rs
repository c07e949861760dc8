//! `etappe-bench`: measures Etappe beside its limits and compares the results with the targets.

use clap::Parser;
use etappe_benches::driver::{self, Options};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    driver::show(driver::run(Options::parse())).await
}
