//! The faults: what each breaks, and when its cause is gone again.
//!
//! A full disk under ClickHouse is not among them: the shim's failing writes let it keep parts that are
//! incomplete (see docs/guarantee.md). What a disk that is really full does is tried by itself, on a
//! small file system.

use std::time::Duration;

use anyhow::Context;
use rand::RngExt;
use rand::rngs::StdRng;

use super::proxy::{Proxy, Treatment};
use crate::fleet::Fleet;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A collector is killed and started again.
    KillCollector,
    /// A collector is stopped cleanly and started again.
    StopCollector,
    /// A classifier is killed and started again.
    KillClassifier,
    /// A classifier is stopped cleanly and started again.
    StopClassifier,
    /// A classifier sleeps longer than its membership lasts, and wakes up.
    FreezeClassifier,
    /// Classifiers come and go.
    Rebalance,
    /// The process that answers questions is killed.
    KillInsights,
    /// ClickHouse is killed and started again.
    KillEngine,
    /// A broker is killed and started again.
    KillBroker,
    /// A broker is stopped cleanly and started again.
    StopBroker,
    /// A broker answers nothing for a while.
    FreezeBroker,
    /// Kafka is away for long.
    KafkaAway,
    /// ClickHouse closes connections without an answer.
    HangUp,
    /// ClickHouse says "too many parts".
    TooManyParts,
    /// ClickHouse says "memory limit exceeded".
    MemoryLimit,
    /// Something in between says 503.
    Unavailable,
    /// Inserts take long.
    Slow,
    /// Inserts are stored, and their answers never arrive.
    SwallowAnswer,
    /// Records that cannot be read stand between the others.
    Poison,
    /// A collector's disk is full while Kafka is away.
    FullSpool,
    /// A collector that spools is killed, and its spool's last write is torn.
    TornSpool,
    /// A process's time of day jumps.
    ClockJump,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::KillCollector,
        Self::StopCollector,
        Self::KillClassifier,
        Self::StopClassifier,
        Self::FreezeClassifier,
        Self::Rebalance,
        Self::KillInsights,
        Self::KillEngine,
        Self::KillBroker,
        Self::StopBroker,
        Self::FreezeBroker,
        Self::KafkaAway,
        Self::HangUp,
        Self::TooManyParts,
        Self::MemoryLimit,
        Self::Unavailable,
        Self::Slow,
        Self::SwallowAnswer,
        Self::Poison,
        Self::FullSpool,
        Self::TornSpool,
        Self::ClockJump,
    ];
}

/// How long causes last.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Of an outage.
    pub outage: Duration,
    /// Of a long one.
    pub long: Duration,
    /// Of a process that is frozen; longer than a group's membership lasts.
    pub frozen: Duration,
}

/// What faults are done to.
#[derive(Debug)]
pub struct Victim<'a> {
    /// The processes.
    pub fleet: &'a mut Fleet,
    /// What stands in front of ClickHouse.
    pub proxy: &'a Proxy,
    /// How long causes last.
    pub lengths: Lengths,
    /// How many records were written that cannot be read.
    pub poisoned: &'a mut u64,
}

impl Victim<'_> {
    /// Does `fault` and undoes its cause; returns once the cause is gone.
    ///
    /// # Errors
    /// When a process does not come back.
    pub async fn suffer(&mut self, fault: Fault, random: &mut StdRng) -> anyhow::Result<()> {
        let Lengths { outage, long, .. } = self.lengths;
        match fault {
            Fault::KillCollector | Fault::StopCollector => {
                self.restart_collector(fault, random).await
            }
            Fault::KillClassifier | Fault::StopClassifier => {
                self.restart_classifier(fault, random).await
            }
            Fault::FreezeClassifier => self.freeze_classifier(random).await,
            Fault::Rebalance => self.rebalance().await,
            Fault::KillInsights => {
                self.fleet.insights.kill().await?;
                self.fleet.insights.restart().await
            }
            Fault::KillEngine => {
                self.fleet.engine.kill().await?;
                self.fleet.engine.restart().await
            }
            Fault::KillBroker => self.lose_broker(outage, true, random).await,
            Fault::StopBroker => self.lose_broker(outage, false, random).await,
            Fault::FreezeBroker => {
                let nodes = self.fleet.kafka.nodes();
                let node = &nodes[random.random_range(0..nodes.len())];
                node.pause();
                tokio::time::sleep(outage).await;
                node.resume();
                Ok(())
            }
            Fault::KafkaAway => self.lose_kafka(long).await,
            Fault::HangUp => self.treat(Treatment::HangUp, outage).await,
            Fault::TooManyParts => self.treat(Treatment::TooManyParts, outage).await,
            Fault::MemoryLimit => self.treat(Treatment::MemoryLimit, outage).await,
            Fault::Unavailable => self.treat(Treatment::Unavailable, outage).await,
            Fault::Slow => self.treat(Treatment::Delay(outage / 2), outage).await,
            Fault::SwallowAnswer => self.treat(Treatment::SwallowAnswer, outage).await,
            Fault::Poison => self.poison(random).await,
            Fault::FullSpool => self.fill_spool(random).await,
            Fault::TornSpool => self.tear_spool(random).await,
            Fault::ClockJump => self.jump(random).await,
        }
    }

    async fn restart_collector(&mut self, fault: Fault, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.collectors.len());
        let collector = &mut self.fleet.collectors[chosen];
        if fault == Fault::KillCollector {
            collector.kill().await?;
        } else {
            collector.stop().await?;
        }
        collector.restart().await
    }

    async fn restart_classifier(
        &mut self,
        fault: Fault,
        random: &mut StdRng,
    ) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.classifiers.len());
        let classifier = &mut self.fleet.classifiers[chosen];
        if fault == Fault::KillClassifier {
            classifier.kill().await?;
        } else {
            classifier.stop().await?;
        }
        classifier.restart().await
    }

    async fn freeze_classifier(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.classifiers.len());
        self.fleet.classifiers[chosen].freeze();
        tokio::time::sleep(self.lengths.frozen).await;
        self.fleet.classifiers[chosen].thaw();
        Ok(())
    }

    /// A classifier joins and leaves again, and once more.
    async fn rebalance(&mut self) -> anyhow::Result<()> {
        for _ in 0..2 {
            self.fleet.add_classifier().await?;
            tokio::time::sleep(Duration::from_secs(2)).await;
            let mut last = self.fleet.classifiers.pop().context("one was added")?;
            last.stop().await?;
        }
        Ok(())
    }

    async fn lose_broker(
        &mut self,
        outage: Duration,
        at_once: bool,
        random: &mut StdRng,
    ) -> anyhow::Result<()> {
        let nodes = self.fleet.kafka.nodes();
        let node = &nodes[random.random_range(0..nodes.len())];
        if at_once {
            node.kill()?;
        } else {
            node.stop().await?;
        }
        tokio::time::sleep(outage).await;
        Ok(node.start_again().await?)
    }

    async fn lose_kafka(&mut self, outage: Duration) -> anyhow::Result<()> {
        for node in self.fleet.kafka.nodes() {
            node.kill()?;
        }
        tokio::time::sleep(outage).await;
        self.restore_kafka().await
    }

    /// Starts all brokers again, side by side: a majority is needed before any of them answers.
    async fn restore_kafka(&mut self) -> anyhow::Result<()> {
        let starts = self
            .fleet
            .kafka
            .nodes()
            .iter()
            .map(|node| node.start_again());
        futures_util::future::try_join_all(starts).await?;
        Ok(())
    }

    async fn treat(&mut self, treatment: Treatment, outage: Duration) -> anyhow::Result<()> {
        self.proxy.treat(treatment);
        tokio::time::sleep(outage).await;
        self.proxy.treat(Treatment::Pass);
        Ok(())
    }

    async fn poison(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let nodes = self.fleet.kafka.nodes();
        for partition in 0..4 {
            let garbage = format!("{{\"v\":1,\"no record\":{}", random.random::<u64>());
            let garbage = [garbage.as_bytes()];
            nodes[0]
                .produce("etappe.events.v1", partition, &garbage)
                .await?;
            *self.poisoned += 1;
        }
        Ok(())
    }

    async fn fill_spool(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.collectors.len());
        for node in self.fleet.kafka.nodes() {
            node.kill()?;
        }
        tokio::time::sleep(self.lengths.outage / 2).await;
        let shim = |fleet: &Fleet| fleet.collectors[chosen].shim().cloned();
        let shim = shim(self.fleet).context("collectors have a shim")?;
        shim.fill_disk()?;
        tokio::time::sleep(self.lengths.outage).await;
        shim.free_disk()?;
        self.restore_kafka().await
    }

    async fn tear_spool(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let chosen = random.random_range(0..self.fleet.collectors.len());
        for node in self.fleet.kafka.nodes() {
            node.kill()?;
        }
        tokio::time::sleep(self.lengths.outage).await;
        self.fleet.collectors[chosen].kill().await?;
        let torn: Vec<u8> = (0..random.random_range(1..200))
            .map(|_| random.random())
            .collect();
        self.fleet.tear_spool(chosen, &torn)?;
        self.fleet.collectors[chosen].restart().await?;
        self.restore_kafka().await
    }

    async fn jump(&mut self, random: &mut StdRng) -> anyhow::Result<()> {
        let seconds = random.random_range(-7_200..7_200);
        let roles = self.fleet.collectors.iter().chain(&self.fleet.classifiers);
        let shims: Vec<_> = roles.filter_map(|role| role.shim().cloned()).collect();
        let shim = &shims[random.random_range(0..shims.len())];
        shim.move_clock(seconds)?;
        tokio::time::sleep(self.lengths.outage).await;
        shim.move_clock(0)
    }
}
