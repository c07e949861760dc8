//! Errors of the event log: what failed, and what to do about it.
//!
//! Publishing returns the port's own [`PublishError`]. The errors here come from opening a log,
//! reading it and storing progress.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{PublishError, RetryClass, Retryable};
use etappe_core::site::stored::UnknownSite;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// A partition that has been too short for this long has lost its end for good.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// An error of the event log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The configuration is invalid. Every problem is listed.
    #[error("configuration of the event log: {}", problems.join("; "))]
    InvalidConfig {
        /// The problems, one sentence each.
        problems: Vec<String>,
    },
    /// Another process, or another handle in this one, has the log open.
    #[error("the event log in `{}` is in use by another process", directory.display())]
    InUse {
        /// The log's folder.
        directory: PathBuf,
    },
    /// The log's number of partitions differs from the configuration.
    #[error(
        "the event log in `{}` has {stored} partitions, the configuration asks for {configured}; \
         the number changes only on a log that is consumed to its end, by starting a new folder",
        directory.display()
    )]
    PartitionCount {
        /// The log's folder.
        directory: PathBuf,
        /// The number of partitions the log was created with.
        stored: u32,
        /// The configured number.
        configured: u32,
    },
    /// A file or folder of the log cannot be created, opened or written while the log is being
    /// opened.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Unusable {
        /// The attempted action.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// A file was written by a newer version of this program.
    #[error("`{}` has format version {version}, this program reads up to {supported}", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        version: u32,
        /// The newest version that this program reads.
        supported: u32,
    },
    /// A segment is damaged before its end, so acknowledged records are unreadable.
    #[error(
        "segment `{}` is damaged at byte {position}: {reason}; restore the file from a copy, or \
         rename it to end in `.log.damaged` to go on without its records",
        path.display()
    )]
    Damaged {
        /// The segment's file.
        path: PathBuf,
        /// The position of the first unreadable frame.
        position: u64,
        /// The problem there.
        reason: &'static str,
    },
    /// The file with the consumer's progress is missing or unreadable.
    #[error(
        "`{}` is missing or damaged: {reason}; without it nobody knows which records are stored \
         already, so restore it from a copy of the folder",
        path.display()
    )]
    ProgressLost {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        reason: &'static str,
    },
    /// The requested records were deleted by retention.
    #[error("offset {from} of partition {partition} is deleted, the log begins at {start}")]
    Expired {
        /// The partition.
        partition: PartitionId,
        /// The requested offset.
        from: Offset,
        /// The first offset that is kept.
        start: Offset,
    },
    /// The log has no such partition.
    #[error("the event log has no partition {partition}")]
    UnknownPartition {
        /// The requested partition.
        partition: PartitionId,
    },
    /// The progress cannot be committed: it goes back, or past the end of the log.
    #[error("progress {next} of partition {partition} cannot be committed: {reason}")]
    InvalidProgress {
        /// The partition.
        partition: PartitionId,
        /// The first offset not known to be processed.
        next: Offset,
        /// The problem with it.
        reason: &'static str,
    },
    /// A segment could not be read for a reason outside its content.
    #[error("cannot read segment `{}`: {source}", path.display())]
    Read {
        /// The segment's file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// Progress could not be made durable. None of it counts.
    #[error("cannot store progress in `{}`: {source}", path.display())]
    Commit {
        /// The journal's file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The brokers cannot be reached, or cannot answer now.
    #[error("cannot {action}: {reason}")]
    KafkaUnavailable {
        /// The attempted action.
        action: String,
        /// The reason given by the client.
        reason: String,
        /// The client's error.
        #[source]
        source: Box<KafkaError>,
    },
    /// The brokers or the client refuse, and would again: a permission or a setting is wrong.
    #[error("cannot {action}: {source}")]
    KafkaRefused {
        /// The attempted action.
        action: String,
        /// The client's error.
        #[source]
        source: Box<KafkaError>,
    },
    /// The partition is not assigned to this consumer, or no longer: another one works on it.
    #[error("partition {partition} is not assigned to this consumer")]
    NotAssigned {
        /// The partition.
        partition: PartitionId,
    },
    /// A partition ends before the position that its consumer has reached.
    #[error(
        "partition {partition} of topic `{topic}` ends at {end}, but was read up to {from} before: \
         the topic was made anew, or brokers lost what they had acknowledged; let a topic of another \
         name be made and set `kafka.topic` to it, because new events at old offsets would be taken \
         for stored"
    )]
    TooShort {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionId,
        /// The requested offset.
        from: Offset,
        /// The offset after the last record.
        end: Offset,
        /// How long this has been so. A broker that just became the leader may need a moment.
        lasting: Duration,
    },
    /// A topic does not match the configuration. Every difference is listed.
    #[error("topic `{topic}` is not as configured: {}", problems.join("; "))]
    TopicMismatch {
        /// The topic.
        topic: String,
        /// The differences and how to change them, one sentence each.
        problems: Vec<String>,
    },
    /// A record of a local log is larger than the target topic accepts.
    #[error(
        "the record at offset {offset} of partition {partition} has {size} bytes, the topic takes \
         {limit}: raise `kafka.max_record_bytes`"
    )]
    TooLargeToMove {
        /// The partition of the local log.
        partition: PartitionId,
        /// Its position there.
        offset: Offset,
        /// Its size in bytes.
        size: usize,
        /// The largest size that the topic accepts.
        limit: usize,
    },
    /// The file of dead letters cannot be used.
    #[error("dead letter file {} cannot be used", path.display())]
    DeadLetterFile {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The file of dead letters has reached its size limit.
    #[error("dead letter file {} has reached its bound of {limit} bytes", path.display())]
    DeadLetterFileFull {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// No dead letter has this name.
    #[error("dead letter `{name}` not found; `etappe dead-letters list` lists all of them")]
    UnknownDeadLetter {
        /// The requested name.
        name: String,
    },
    /// The log did not accept every dead letter that was to be replayed.
    #[error("not every dead letter was replayed; run the command again")]
    ReplayIncomplete {
        /// The log's refusal.
        #[source]
        source: PublishError,
    },
    /// The log was closed.
    #[error("the event log is closed")]
    Closed,
}

impl Retryable for LogError {
    fn retry_class(&self) -> RetryClass {
        match self {
            Self::TooShort { lasting, .. } if *lasting > LOST_AFTER => RetryClass::Fatal,
            // An operator can fix a full disk or a full file; then work continues.
            Self::DeadLetterFile { .. } | Self::DeadLetterFileFull { .. } => RetryClass::Transient,
            Self::Read { .. }
            | Self::Commit { .. }
            | Self::KafkaUnavailable { .. }
            | Self::NotAssigned { .. }
            | Self::ReplayIncomplete { .. }
            | Self::TooShort { .. } => RetryClass::Transient,
            Self::InvalidConfig { .. }
            | Self::InUse { .. }
            | Self::PartitionCount { .. }
            | Self::Unusable { .. }
            | Self::NewerFormat { .. }
            | Self::Damaged { .. }
            | Self::ProgressLost { .. }
            | Self::Expired { .. }
            | Self::UnknownPartition { .. }
            | Self::InvalidProgress { .. }
            | Self::KafkaRefused { .. }
            | Self::TopicMismatch { .. }
            | Self::TooLargeToMove { .. }
            | Self::UnknownDeadLetter { .. }
            | Self::Closed => RetryClass::Fatal,
        }
    }
}

impl LogError {
    /// Wraps an operating system's error that occurred while the log was being opened.
    pub(crate) fn unusable(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Unusable {
            action,
            path,
            source,
        }
    }

    /// Wraps a client's error. An error that is not known to be permanent is worth a retry.
    pub(crate) fn kafka(
        action: impl Into<String>,
        reason: Option<String>,
        source: KafkaError,
    ) -> Self {
        let action = action.into();
        if is_refusal(&source) {
            return Self::KafkaRefused {
                action,
                source: Box::new(source),
            };
        }
        let reason = reason.unwrap_or_else(|| source.to_string());
        Self::KafkaUnavailable {
            action,
            reason,
            source: Box::new(source),
        }
    }
}

/// Sites or keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The file of the sites cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// The attempted action.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The file of the sites is damaged.
    #[error("{} is damaged; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// The site does not exist.
    #[error(transparent)]
    Unknown(#[from] UnknownSite),
    /// No key of the site, or more than one, begins so.
    #[error("`{prefix}` is not the start (8 characters or more) of exactly one key's hash")]
    AmbiguousKey {
        /// The given start of a hash.
        prefix: String,
    },
    /// The shared table cannot be changed.
    #[error(transparent)]
    Table(#[from] LogError),
    /// A change of the shared table is stored, but did not come back in time.
    #[error("the change is stored, but is not visible here yet")]
    NotVisible,
}

fn is_refusal(error: &KafkaError) -> bool {
    if matches!(
        error,
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_)
    ) {
        return true;
    }
    let code = match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    };
    // Too few brokers for the wanted replicas is not a refusal: they may still be starting.
    matches!(
        code,
        Some(
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::InvalidConfig
                | Code::InvalidTopic
                | Code::InvalidPartitions
                | Code::PolicyViolation
                | Code::UnsupportedVersion
                | Code::UnsupportedSASLMechanism
        )
    )
}
