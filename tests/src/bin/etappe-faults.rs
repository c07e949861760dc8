//! `etappe-faults`: the long trial of the guarantee, on each kind of installation.
//!
//! Prints each fault as it comes and a table at the end; succeeds only when nothing was lost,
//! doubled or altered.

use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use etappe_tests::fleet::Sizes;
use etappe_tests::rig::by_role::ByRole;
use etappe_tests::rig::fault::{Fault, Lengths};
use etappe_tests::rig::on_one_machine::OnOneMachine;
use etappe_tests::rig::sender::SendPlan;
use etappe_tests::rig::trial::{self, Plan};
use etappe_tests::rig::trial_result::TrialResult;
use tokio::signal::unix::{SignalKind, signal};

/// How long the causes of faults last.
const LENGTHS: Lengths = Lengths {
    outage: Duration::from_secs(4),
    long: Duration::from_secs(60),
    frozen: Duration::from_secs(25),
    stay: Duration::from_secs(5),
};
/// The size of the small disk, in memory.
const DISK: u64 = 3 << 30;

/// An installation to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Roles as processes of their own, on Kafka: a million events, a hundred faults.
    ByRole,
    /// `etappe up` on its local log, with ClickHouse beside it: a quarter of that.
    OneMachine,
    /// `etappe up` with everything inside, on a disk of its own: a quarter of that.
    SmallDisk,
}

/// Breaks running installations in every way it knows and compares what they promised with what
/// they count.
#[derive(Debug, Parser)]
#[command(name = "etappe-faults", version)]
struct Arguments {
    /// Only these installations; all without any.
    #[arg(long = "installation", value_name = "KIND")]
    installations: Vec<Kind>,
    /// How many events are acknowledged at least, in place of the installation's own number.
    #[arg(long)]
    events: Option<u64>,
    /// How many faults there are at least, in place of the installation's own number.
    #[arg(long)]
    faults: Option<usize>,
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
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
}

impl Arguments {
    fn plan(&self, kind: Kind, seed: u64) -> anyhow::Result<Plan> {
        let (events, faults) = match kind {
            Kind::ByRole => (1_000_000, 100),
            Kind::OneMachine | Kind::SmallDisk => (250_000, 40),
        };
        Ok(Plan {
            seed,
            faults: self.faults.unwrap_or(faults),
            kinds: self.kinds()?,
            clients: 4,
            send: SendPlan {
                seed,
                batch: 50,
                messages: self.events.unwrap_or(events),
                rate: self.rate,
                repeats: 0.05,
            },
        })
    }

    /// Returns the faults that are named.
    fn kinds(&self) -> anyhow::Result<Vec<Fault>> {
        let all = Fault::all();
        let kind = |name: &String| {
            let found = all.iter().find(|fault| format!("{fault:?}") == *name);
            let found = found.copied();
            found.with_context(|| format!("`{name}` is not a fault: use one of {all:?}"))
        };
        self.kinds.iter().map(kind).collect()
    }

    async fn run(&self, kind: Kind, seed: u64) -> anyhow::Result<TrialResult> {
        let plan = self.plan(kind, seed)?;
        match kind {
            Kind::ByRole => {
                let sizes = Sizes {
                    brokers: self.brokers,
                    collectors: 2,
                    classifiers: 2,
                };
                trial::run(plan, ByRole::start(sizes, LENGTHS).await?, tell).await
            }
            Kind::OneMachine => {
                let up = OnOneMachine::beside_clickhouse(LENGTHS).await?;
                trial::run(plan, up, tell).await
            }
            Kind::SmallDisk => {
                let up = OnOneMachine::on_a_small_disk(DISK, LENGTHS).await?;
                trial::run(plan, up, tell).await
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "what happens is the program's answer")]
fn tell(line: &str) {
    println!("{line}");
}

/// Returns an error once the user stops the program.
async fn stopped() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        signal = tokio::signal::ctrl_c() => signal?,
        _ = terminated.recv() => {}
    }
    anyhow::bail!("stopped before the end")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    tell(&format!("seed {seed}"));
    let mut installations = arguments.installations.clone();
    if installations.is_empty() {
        installations = Kind::value_variants().to_vec();
    }
    let mut is_clean = true;
    for kind in installations {
        tell(&format!("{kind:?}"));
        // A trial that is dropped stops its processes.
        let result = tokio::select! {
            result = arguments.run(kind, seed) => result?,
            stopped = stopped() => return stopped,
        };
        tell(&result.to_string());
        is_clean &= result.verdict.is_clean();
    }
    anyhow::ensure!(is_clean, "the guarantee did not hold");
    Ok(())
}
