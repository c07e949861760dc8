//! The faults there are, and how long their causes last.
//!
//! A disk that refuses ClickHouse's writes while it says that it has room is not among them: then
//! ClickHouse keeps parts that are incomplete (see docs/guarantee.md).

use std::time::Duration;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A collector is killed and started again.
    KillCollector,
    /// A collector is stopped cleanly and started again.
    StopCollector,
    /// A collector stands still for longer than a record may take, and wakes up.
    FreezeCollector,
    /// A classifier is killed and started again.
    KillClassifier,
    /// A classifier is stopped cleanly and started again.
    StopClassifier,
    /// A classifier sleeps longer than its membership lasts, and wakes up.
    FreezeClassifier,
    /// Classifiers come and go, one after the other.
    Rebalance,
    /// The process that answers questions is killed.
    KillInsights,
    /// The process that answers questions is stopped cleanly and started again.
    StopInsights,
    /// ClickHouse is killed and started again.
    KillEngine,
    /// ClickHouse is stopped cleanly and started again.
    StopEngine,
    /// A broker is killed and started again.
    KillBroker,
    /// A broker is stopped cleanly and started again.
    StopBroker,
    /// A broker answers nothing for a while.
    FreezeBroker,
    /// Kafka is away for long.
    KafkaAway,
    /// `etappe up` and everything it started is killed and started again.
    KillUp,
    /// `etappe up` is stopped cleanly and started again.
    StopUp,
    /// `etappe up` and everything it started stands still for a while.
    FreezeUp,
    /// The machine loses its power: what ClickHouse had not synced is gone.
    PowerLoss,
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
    /// A collector that spools is killed, and its spool's last write is not what was written.
    CorruptSpool,
    /// The disk under the local log is full.
    FullLog,
    /// The disk under the local log and ClickHouse is full.
    FullDisk,
    /// Etappe is killed, and the local log's last write is torn.
    TornLog,
    /// Etappe is killed, and the local log's last write is not what was written.
    CorruptLog,
    /// A process's time of day jumps.
    ClockJump,
    /// Clients send every batch again, as those do that miss their answers.
    Repeats,
}

impl Fault {
    /// Returns all of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = [Self::BY_ROLE, Self::ON_ONE_MACHINE, Self::ON_A_SMALL_DISK].concat();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns whether it gives a collector a reason to turn to its spool.
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

    /// Those of an installation by role, on Kafka.
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

    /// Those of `etappe up` on its local log, with ClickHouse beside it.
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

    /// Those of `etappe up` with everything inside, on a disk of its own.
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

/// How long causes last.
#[derive(Debug, Clone, Copy)]
pub struct Lengths {
    /// Of an outage.
    pub outage: Duration,
    /// Of a long one.
    pub long: Duration,
    /// Of a process that is frozen; longer than a group's membership lasts, and than a record may
    /// take.
    pub frozen: Duration,
    /// How long a classifier that comes and goes stays, and stays away.
    pub stay: Duration,
}
