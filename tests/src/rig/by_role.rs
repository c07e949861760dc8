//! An installation by role, on Kafka: how each fault is injected.

use anyhow::{Context, bail};
use etappe_testkit::kafka::KafkaNode;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::time::sleep;

use super::checker::Database;
use super::fault::{Fault, Lengths};
use super::installation::Installation;
use super::proxy::{Proxy, Treatment};
use super::switches::{SpoolFigures, spool_figures};
use super::tail::{self, Damage};
use crate::fleet::{Fleet, Sizes};
use crate::role::RoleProcess;
use crate::site::TestSite;

/// The events topic and its number of partitions.
const TOPIC: (&str, u32) = ("etappe.events.v1", 4);
/// How often a classifier joins and leaves in one fault.
const COMINGS: usize = 3;

/// Collectors, classifiers, insights, an engine behind a proxy, and brokers.
#[derive(Debug)]
pub struct ByRole {
    fleet: Fleet,
    proxy: Proxy,
    lengths: Lengths,
    unreadable: u64,
}

impl ByRole {
    /// Starts everything.
    ///
    /// # Errors
    /// When a part does not become ready.
    pub async fn start(sizes: Sizes, lengths: Lengths) -> anyhow::Result<Self> {
        let (fleet, proxy) = Fleet::start_for_faults(sizes).await?;
        proxy.refuse_poison(true);
        Ok(Self {
            fleet,
            proxy,
            lengths,
            unreadable: 0,
        })
    }
}

impl Installation for ByRole {
    fn faults(&self) -> &'static [Fault] {
        Fault::BY_ROLE
    }

    fn collectors(&self) -> Vec<String> {
        let collectors = self.fleet.collectors.iter();
        collectors.map(|it| it.said("listen")).collect()
    }

    async fn create_site(&self, name: &str) -> anyhow::Result<TestSite> {
        self.fleet.create_site(name, 0).await
    }

    async fn suffer(&mut self, fault: Fault, random: &mut StdRng) -> anyhow::Result<()> {
        if let Some(treatment) = Treatment::of(fault, self.lengths.outage) {
            self.proxy.treat_for(treatment, self.lengths.outage).await;
            return Ok(());
        }
        match fault {
            Fault::KillCollector => kill(any(&mut self.fleet.collectors, random)).await,
            Fault::StopCollector => stop(any(&mut self.fleet.collectors, random)).await,
            Fault::KillClassifier => kill(any(&mut self.fleet.classifiers, random)).await,
            Fault::StopClassifier => stop(any(&mut self.fleet.classifiers, random)).await,
            Fault::KillInsights => kill(&mut self.fleet.insights).await,
            Fault::StopInsights => stop(&mut self.fleet.insights).await,
            Fault::KillEngine => kill(&mut self.fleet.engine).await,
            Fault::StopEngine => stop(&mut self.fleet.engine).await,
            Fault::FreezeCollector => {
                freeze(any(&mut self.fleet.collectors, random), self.lengths).await
            }
            Fault::FreezeClassifier => {
                freeze(any(&mut self.fleet.classifiers, random), self.lengths).await
            }
            Fault::Rebalance => self.rebalance().await,
            Fault::KillBroker | Fault::StopBroker | Fault::FreezeBroker => {
                self.lose_broker(fault, random).await
            }
            Fault::KafkaAway => {
                self.kill_kafka()?;
                sleep(self.lengths.long).await;
                self.restore_kafka().await
            }
            Fault::Poison => self.poison(random).await,
            Fault::FullSpool => self.fill_spool(random).await,
            Fault::TornSpool => self.damage_spool(Damage::Torn, random).await,
            Fault::CorruptSpool => self.damage_spool(Damage::Corrupt, random).await,
            Fault::ClockJump => self.jump(random).await,
            other => bail!("{other:?} is not a fault of an installation by role"),
        }
    }

    async fn spools(&self) -> anyhow::Result<Vec<SpoolFigures>> {
        let collectors = self.fleet.collectors.iter().map(spool_figures);
        futures_util::future::try_join_all(collectors).await
    }

    fn unreadable(&self) -> u64 {
        self.unreadable
    }

    async fn dead_letters(&self) -> anyhow::Result<Vec<Value>> {
        let letters = self.fleet.run(&["dead-letters", "list"]).await?;
        Ok(letters.as_array().context("a list of letters")?.clone())
    }

    async fn replay(&self, letters: &[String]) -> anyhow::Result<()> {
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let command = [&["dead-letters", "replay"], &letters[..]].concat();
        self.fleet.run(&command).await.map(drop)
    }

    fn take_poison(&self) {
        self.proxy.refuse_poison(false);
    }

    async fn audit(&self) -> anyhow::Result<()> {
        let audit = ["audit", "--clickhouse", self.fleet.clickhouse()];
        self.fleet.run(&audit).await.map(drop)
    }

    async fn database(&mut self) -> anyhow::Result<Database> {
        Database::of(self.fleet.clickhouse())
    }

    fn last_words(&self) -> String {
        self.fleet.last_words()
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.fleet.stop().await
    }
}

impl ByRole {
    /// A classifier joins and leaves repeatedly.
    async fn rebalance(&mut self) -> anyhow::Result<()> {
        for _ in 0..COMINGS {
            self.fleet.add_classifier().await?;
            sleep(self.lengths.stay).await;
            let mut last = self.fleet.classifiers.pop().context("one was added")?;
            last.stop().await?;
            sleep(self.lengths.stay).await;
        }
        Ok(())
    }

    async fn lose_broker(&mut self, fault: Fault, random: &mut StdRng) -> anyhow::Result<()> {
        let nodes = self.fleet.kafka.nodes();
        let node = &nodes[random.random_range(0..nodes.len())];
        match fault {
            Fault::FreezeBroker => node.pause(),
            Fault::KillBroker => node.kill()?,
            _ => node.stop().await?,
        }
        sleep(self.lengths.outage).await;
        if fault == Fault::FreezeBroker {
            node.resume();
            return Ok(());
        }
        Ok(node.start_again().await?)
    }

    fn kill_kafka(&self) -> anyhow::Result<()> {
        for node in self.fleet.kafka.nodes() {
            node.kill()?;
        }
        Ok(())
    }

    /// Starts all brokers again in parallel: a majority is needed before any of them answers.
    async fn restore_kafka(&self) -> anyhow::Result<()> {
        let nodes = self.fleet.kafka.nodes().iter();
        futures_util::future::try_join_all(nodes.map(KafkaNode::start_again)).await?;
        Ok(())
    }

    async fn poison(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let (topic, partitions) = TOPIC;
        for partition in 0..partitions {
            let garbage = format!("{{\"v\":1,\"no record\":{}", random.random::<u64>());
            let node = &self.fleet.kafka.nodes()[0];
            node.produce(topic, partition, &[garbage.as_bytes()])
                .await?;
            self.unreadable += 1;
        }
        Ok(())
    }

    async fn fill_spool(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.collectors.len());
        self.kill_kafka()?;
        sleep(self.lengths.outage / 2).await;
        let shim = self.fleet.collectors[chosen].shim();
        let shim = shim.context("collectors have a shim")?;
        shim.fill_disk()?;
        sleep(self.lengths.outage).await;
        shim.free_disk()?;
        self.restore_kafka().await
    }

    async fn damage_spool(&mut self, damage: Damage, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.collectors.len());
        self.kill_kafka()?;
        sleep(self.lengths.outage).await;
        self.fleet.collectors[chosen].kill().await?;
        tail::damage(&self.fleet.spool(chosen), damage, random)?;
        self.fleet.collectors[chosen].restart().await?;
        self.restore_kafka().await
    }

    async fn jump(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let roles = self.fleet.collectors.iter().chain(&self.fleet.classifiers);
        let shims: Vec<_> = roles.filter_map(RoleProcess::shim).collect();
        let shim = shims[random.random_range(0..shims.len())];
        shim.move_clock(random.random_range(-7_200..7_200))?;
        sleep(self.lengths.outage).await;
        shim.move_clock(0)
    }
}

fn any<'a>(roles: &'a mut [RoleProcess], random: &mut StdRng) -> &'a mut RoleProcess {
    let chosen = random.random_range(0..roles.len());
    &mut roles[chosen]
}

/// Freezes a process for a while.
async fn freeze(role: &RoleProcess, lengths: Lengths) -> anyhow::Result<()> {
    role.freeze();
    sleep(lengths.frozen).await;
    role.thaw();
    Ok(())
}

/// Kills a process and starts it again.
async fn kill(role: &mut RoleProcess) -> anyhow::Result<()> {
    role.kill().await?;
    role.restart().await
}

/// Stops a process cleanly and starts it again.
async fn stop(role: &mut RoleProcess) -> anyhow::Result<()> {
    role.stop().await?;
    role.restart().await
}
