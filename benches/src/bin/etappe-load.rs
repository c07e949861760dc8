//! `etappe-load`: sends events at fixed times and measures latency from those times.

use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use etappe_benches::load::{self, LoadPlan, Target};
use etappe_benches::process::{Pid, with_children};
use etappe_benches::request_pool::{RequestPool, Shape};
use etappe_benches::schedule::Arrival;
use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;

/// Sends events to an Etappe (or to a limit harness) and reports rates and latencies.
///
/// With --rate the loop is open: requests are due at fixed times, whatever the server does, and
/// latencies count from those times. Without it the loop is closed: as fast as the answers come.
#[derive(Debug, Parser)]
#[command(name = "etappe-load", version)]
struct Arguments {
    /// Host and port of the public address.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7070")]
    address: String,
    /// The write key.
    #[arg(long, value_name = "KEY", default_value = "")]
    write_key: String,
    /// Who answers.
    #[arg(long, value_enum, default_value = "etappe")]
    target: Target,
    /// Events in a request, sent as a gzip batch; 0 sends one event a request, not compressed.
    #[arg(long, value_name = "EVENTS", default_value_t = 100)]
    batch: u32,
    /// Events a second; left out: as fast as possible.
    #[arg(long, value_name = "EVENTS")]
    rate: Option<f64>,
    /// Connections, each kept alive.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// For how long.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    duration: f64,
    /// Report the CPU time and memory of a process too: of `ROLE=PID` by that name, of `PID` as
    /// `server` and with its children.
    #[arg(long, value_name = "[ROLE=]PID")]
    watch: Vec<Watched>,
    /// Threads that send.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Name the requests that were accepted in the JSON.
    #[arg(long)]
    ledger: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A process to watch.
#[derive(Debug, Clone)]
enum Watched {
    Family(Pid),
    Role(String, Pid),
}

impl FromStr for Watched {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text.split_once('=') {
            Some((role, pid)) => Ok(Self::Role(role.to_owned(), pid.parse()?)),
            None => Ok(Self::Family(text.parse()?)),
        }
    }
}

impl Arguments {
    fn watched(&self) -> anyhow::Result<Vec<(String, Pid)>> {
        let mut watched = Vec::new();
        for process in &self.watch {
            match process {
                Watched::Family(pid) => watched.extend(with_children(*pid, "server")?),
                Watched::Role(role, pid) => watched.push((role.clone(), *pid)),
            }
        }
        Ok(watched)
    }

    fn plan(&self, nonce: u32) -> anyhow::Result<LoadPlan> {
        let shape = if self.batch == 0 {
            Shape::Single
        } else {
            Shape::Batch(self.batch)
        };
        let arrival = match self.rate {
            Some(rate) if rate > 0.0 => Arrival::Open {
                per_second: rate / f64::from(self.batch.max(1)),
            },
            Some(rate) => anyhow::bail!("a rate of {rate} sends nothing"),
            None => Arrival::Closed,
        };
        Ok(LoadPlan {
            address: self.address.clone(),
            write_key: self.write_key.clone(),
            target: self.target,
            shape,
            arrival,
            connections: self.connections,
            duration: Duration::try_from_secs_f64(self.duration)?,
            watch: self.watched()?,
            nonce,
            ledger: self.ledger,
        })
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]
fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let now = SystemClock.now();
    let nonce = etappe_benches::nonce(now);
    let plan = arguments.plan(nonce)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads.max(1))
        .enable_all()
        .build()?;
    let pool = Arc::new(RequestPool::new(plan.shape, now, nonce)?);
    // On a thread of the runtime, so that requests do not have to switch threads.
    let report = runtime.block_on(async move { load::run(&plan, pool).await })?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
