//! The available faults, and how long their causes last.
//!
//! One fault is missing on purpose: a disk that refuses ClickHouse's writes while it reports free
//! space. ClickHouse then keeps incomplete parts (see docs/guarantee.md).

use std::time::Duration;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A collector is killed and started again.
    KillCollector,
    /// A collector is stopped cleanly and started again.
    StopCollector,
    /// A collector is frozen for longer than a record's delivery timeout, and resumes.
    FreezeCollector,
    /// A classifier is killed and started again.
    KillClassifier,
    /// A classifier is stopped cleanly and started again.
    StopClassifier,
    /// A classifier is frozen for longer than its group session, and resumes.
    FreezeClassifier,
    /// Classifiers join and leave, one after the other.
    Rebalance,
    /// The process that answers queries is killed.
    KillInsights,
    /// The process that answers queries is stopped cleanly and started again.
    StopInsights,
    /// ClickHouse is killed and started again.
    KillEngine,
    /// ClickHouse is stopped cleanly and started again.
    StopEngine,
    /// A broker is killed and started again.
    KillBroker,
    /// A broker is stopped cleanly and started again.
    StopBroker,
    /// A broker is frozen for a while.
    FreezeBroker,
    /// Kafka is down for a long time.
    KafkaAway,
    /// `etappe up` and everything it started is killed and started again.
    KillUp,
    /// `etappe up` is stopped cleanly and started again.
    StopUp,
    /// `etappe up` and everything it started is frozen for a while.
    FreezeUp,
    /// The machine loses power: what ClickHouse had not synced is gone.
    PowerLoss,
    /// ClickHouse closes connections without an answer.
    HangUp,
    /// ClickHouse answers "too many parts".
    TooManyParts,
    /// ClickHouse answers "memory limit exceeded".
    MemoryLimit,
    /// A server in between answers 503.
    Unavailable,
    /// Inserts take long.
    Slow,
    /// Inserts are stored, but their answers never arrive.
    SwallowAnswer,
    /// Unreadable records are appended between the others.
    Poison,
    /// A collector's disk is full during a Kafka outage.
    FullSpool,
    /// A spooling collector is killed, and its spool's last write is torn.
    TornSpool,
    /// A spooling collector is killed, and its spool's last write is corrupted.
    CorruptSpool,
    /// The disk under the local log is full.
    FullLog,
    /// The disk under the local log and ClickHouse is full.
    FullDisk,
    /// Etappe is killed, and the local log's last write is torn.
    TornLog,
    /// Etappe is killed, and the local log's last write is corrupted.
    CorruptLog,
    /// A process's wall clock jumps.
    ClockJump,
    /// Clients send every batch again, as clients that miss the answers do.
    Repeats,
}

impl Fault {
    /// Returns all faults.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = [Self::BY_ROLE, Self::ON_ONE_MACHINE, Self::ON_A_SMALL_DISK].concat();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns whether it gives a collector a reason to switch to its spool.
    #[must_use]
    pub const fn touches_brokers(self) -> bool {
        matches!(
            self,
            Self::KillBroker
                | Self::StopBroker
                | Self::FreezeBroker
                | Self::KafkaAway
                | Self::FullSpool
                | Self::TornSpool
                | Self::CorruptSpool
        )
    }

    /// The faults of an installation by role, on Kafka.
    pub const BY_ROLE: &[Self] = &[
        Self::KillCollector,
        Self::StopCollector,
        Self::FreezeCollector,
        Self::KillClassifier,
        Self::StopClassifier,
        Self::FreezeClassifier,
        Self::Rebalance,
        Self::KillInsights,
        Self::StopInsights,
        Self::KillEngine,
        Self::StopEngine,
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
        Self::CorruptSpool,
        Self::ClockJump,
        Self::Repeats,
    ];

    /// The faults of `etappe up` on its local log, with ClickHouse beside it.
    pub const ON_ONE_MACHINE: &[Self] = &[
        Self::KillUp,
        Self::StopUp,
        Self::FreezeUp,
        Self::KillEngine,
        Self::StopEngine,
        Self::HangUp,
        Self::TooManyParts,
        Self::MemoryLimit,
        Self::Unavailable,
        Self::Slow,
        Self::SwallowAnswer,
        Self::Poison,
        Self::FullLog,
        Self::TornLog,
        Self::CorruptLog,
        Self::ClockJump,
        Self::Repeats,
    ];

    /// The faults of `etappe up` with everything inside, on a separate disk.
    pub const ON_A_SMALL_DISK: &[Self] = &[
        Self::KillUp,
        Self::StopUp,
        Self::FreezeUp,
        Self::PowerLoss,
        Self::KillEngine,
        Self::Poison,
        Self::FullLog,
        Self::FullDisk,
        Self::TornLog,
        Self::CorruptLog,
        Self::ClockJump,
        Self::Repeats,
    ];
}

/// How long the causes of faults last.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Of an outage.
    pub outage: Duration,
    /// Of a long outage.
    pub long: Duration,
    /// Of a frozen process; longer than the group's session timeout and a record's delivery
    /// timeout.
    pub frozen: Duration,
    /// How long a classifier stays after joining, and how long it stays away.
    pub stay: Duration,
}
