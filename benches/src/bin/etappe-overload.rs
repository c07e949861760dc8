//! `etappe-overload`: floods one site and reports the effect on another one.

use clap::Parser;
use etappe_benches::driver::overload::{self, OverloadOptions};
use etappe_benches::driver::show;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    show(Box::pin(overload::run(OverloadOptions::parse()))).await
}
