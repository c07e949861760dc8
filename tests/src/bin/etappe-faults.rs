//! `etappe-faults`: the long trial of the guarantee: a million events, a hundred faults, three brokers.
//!
//! Prints each fault as it comes and the table at the end; succeeds only when nothing was lost,
//! doubled or altered.

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use etappe_tests::fleet::Sizes;
use etappe_tests::rig::fault::{Fault, Lengths};
use etappe_tests::rig::sender::SendPlan;
use etappe_tests::rig::trial::{self, Plan};

/// Breaks a running installation in every way it knows and compares what it promised with what it
/// counts.
#[derive(Debug, Parser)]
#[command(name = "etappe-faults", version)]
struct Arguments {
    /// How many events are acknowledged at least.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How many faults there are at least.
    #[arg(long, default_value_t = 100)]
    faults: usize,
    /// How many brokers Kafka has.
    #[arg(long, default_value_t = 3)]
    brokers: usize,
    /// Decides everything that is random; the same seed gives the same faults.
    #[arg(long)]
    seed: Option<u64>,
    /// Only these kinds of faults, such as `KillBroker`; all without any.
    #[arg(long = "fault", value_name = "KIND")]
    kinds: Vec<String>,
    /// Events a second that each of the four clients sends at most.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
}

/// Returns the faults of these names, all if there are none.
fn kinds(names: &[String]) -> anyhow::Result<Vec<Fault>> {
    if names.is_empty() {
        return Ok(Fault::ALL.to_vec());
    }
    let kind = |name: &String| {
        let mut all = Fault::ALL.into_iter();
        let found = all.find(|fault| format!("{fault:?}") == *name);
        found.with_context(|| format!("`{name}` is no fault; they are {:?}", Fault::ALL))
    };
    names.iter().map(kind).collect()
}

#[expect(clippy::print_stdout, reason = "the table is the program's answer")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let plan = Plan {
        seed,
        sizes: Sizes {
            brokers: arguments.brokers,
            collectors: 2,
            classifiers: 2,
        },
        faults: arguments.faults,
        kinds: kinds(&arguments.kinds)?,
        lengths: Lengths {
            outage: Duration::from_secs(4),
            long: Duration::from_secs(60),
            frozen: Duration::from_secs(25),
        },
        clients: 4,
        send: SendPlan {
            seed,
            batch: 100,
            messages: arguments.events,
            rate: arguments.rate,
            repeats: 0.05,
        },
    };
    let outcome = trial::run(plan, |line| println!("{line}")).await?;
    println!("{outcome}");
    anyhow::ensure!(outcome.verdict.is_clean(), "the guarantee did not hold");
    Ok(())
}
