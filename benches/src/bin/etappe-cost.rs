//! `etappe-cost`: measures the cost of the guarantee, with and without each piece in one run.

use clap::Parser;
use etappe_benches::driver::cost::{self, CostOptions};
use etappe_benches::driver::show;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    show(cost::run(CostOptions::parse())).await
}
