//! The properties of the client that is a member of the group.

use std::time::Duration;

use rdkafka::config::ClientConfig;

use crate::kafka::config::KafkaConfig;

/// How long the brokers wait for a member that does not poll or does not give partitions back.
const MEMBER_PATIENCE: Duration = Duration::from_secs(300);
/// How long brokers may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

impl KafkaConfig {
    /// Returns the heartbeat interval. A member learns of a rebalance from a heartbeat's answer,
    /// and a rebalance takes two rounds, so a short interval makes it quick.
    fn heartbeat(&self) -> Duration {
        (self.session_timeout / 10).min(Duration::from_secs(1))
    }

    /// Returns the properties of a member of the group.
    pub(super) fn member(&self) -> ClientConfig {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let share = self.fetch_bytes / usize::try_from(self.partitions.max(1)).unwrap_or(1);
        // Half of a partition's share is for queued records. The other half is for one fetch
        // response on top of them, which takes about four times its size once it is decompressed.
        let fetch = (share / 8).min(4 << 20).max(self.max_message_bytes());
        let answer = fetch.saturating_mul(4).min(48 << 20).max(fetch);
        let mut client = self.client("classifier");
        client
            .set("group.id", &self.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // The reader detects missing records itself.
            .set("auto.offset.reset", "earliest")
            .set("enable.partition.eof", "true")
            .set("session.timeout.ms", millis(self.session_timeout))
            .set("heartbeat.interval.ms", millis(self.heartbeat()))
            .set("max.poll.interval.ms", millis(MEMBER_PATIENCE))
            .set("socket.timeout.ms", millis(ANSWERED_WITHIN))
            .set("queued.min.messages", "1000000")
            .set(
                "queued.max.messages.kbytes",
                (share / 2048).max(1).to_string(),
            )
            .set("fetch.message.max.bytes", fetch.to_string())
            .set("fetch.max.bytes", answer.to_string())
            .set(
                "receive.message.max.bytes",
                (answer + (1 << 20)).to_string(),
            )
            // A seek waits until the fetch in flight is answered.
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.error.backoff.ms", "100");
        if !self.instance.is_empty() {
            client.set("group.instance.id", &self.instance);
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_with_every_memory_limit() {
        for (fetch_bytes, max_record_bytes, partitions) in [
            (4 << 20, 1 << 20, 64),
            (64 << 20, 1 << 20, 4),
            (2_000 << 20, 1_024, 1),
            (256 << 20, 8 << 20, 64),
        ] {
            let config = KafkaConfig {
                brokers: "127.0.0.1:9".to_owned(),
                fetch_bytes,
                max_record_bytes,
                partitions,
                ..KafkaConfig::default()
            };
            assert_eq!(config.validate(), Ok(()));
            let made = config.member().create::<rdkafka::consumer::BaseConsumer>();
            assert!(made.is_ok(), "{:?}", made.err());
        }
    }
}
