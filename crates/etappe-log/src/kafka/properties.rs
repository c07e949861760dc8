//! The properties of librdkafka that an operator may not set, because the delivery guarantee
//! depends on them.
//!
//! Properties that have a setting of their own are refused too, so that there is one place to look.
//! All others are passed on unchanged.

/// Returns why `name` cannot be set, or `None` if it can.
pub(super) fn refusal(name: &str) -> Option<String> {
    if let Some(setting) = own_setting(name) {
        return Some(format!("property `{name}` is set by `{setting}`"));
    }
    guarded(name).map(|reason| format!("property `{name}` cannot be changed: {reason}"))
}

/// Returns whether the value of `name` must not be shown.
pub(super) fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 11] = [
        "password",
        "passphrase",
        "secret",
        "pem",
        "private",
        "oauth",
        "jaas",
        "token",
        "credential",
        "assertion",
        "kinit",
    ];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

fn own_setting(name: &str) -> Option<&'static str> {
    Some(match name {
        "bootstrap.servers" | "metadata.broker.list" => "brokers",
        "group.id" => "group",
        "group.instance.id" => "instance",
        "compression.codec" | "compression.type" => "codec",
        "linger.ms" | "queue.buffering.max.ms" => "linger",
        "message.timeout.ms"
        | "delivery.timeout.ms"
        | "request.timeout.ms"
        | "socket.timeout.ms" => "delivery_timeout",
        "queue.buffering.max.kbytes" | "queue.buffering.max.messages" => "queue_bytes",
        "message.max.bytes" | "batch.size" => "max_record_bytes",
        "queued.max.messages.kbytes"
        | "queued.min.messages"
        | "fetch.message.max.bytes"
        | "max.partition.fetch.bytes"
        | "fetch.max.bytes"
        | "receive.message.max.bytes" => "fetch_bytes",
        "session.timeout.ms" | "heartbeat.interval.ms" => "session_timeout",
        "security.protocol" => "security.protocol",
        "ssl.ca.location" => "security.ca_file",
        "ssl.certificate.location" => "security.certificate_file",
        "ssl.key.location" => "security.key_file",
        "ssl.key.password" => "security.key_password",
        "sasl.mechanism" | "sasl.mechanisms" => "security.mechanism",
        "sasl.username" => "security.username",
        "sasl.password" => "security.password",
        _ => return None,
    })
}

fn guarded(name: &str) -> Option<&'static str> {
    Some(match name {
        "acks" | "request.required.acks" => {
            "an event is acknowledged only when all in-sync replicas have it"
        }
        "enable.idempotence"
        | "max.in.flight.requests.per.connection"
        | "max.in.flight"
        | "retries"
        | "message.send.max.retries"
        | "enable.gapless.guarantee" => {
            "a retry of the client must neither double nor reorder records"
        }
        "transactional.id" | "transaction.timeout.ms" => "publishing is not transactional",
        "enable.auto.commit"
        | "auto.commit.interval.ms"
        | "enable.auto.offset.store"
        | "auto.commit.enable"
        | "offset.store.method" => {
            "offsets are committed explicitly, together with the range being stored"
        }
        "partition.assignment.strategy" | "group.protocol" | "group.remote.assignor" => {
            "the commit metadata survives only cooperative rebalancing by the classic protocol"
        }
        "auto.offset.reset" => "records must not be skipped when an offset is gone",
        "enable.partition.eof"
        | "isolation.level"
        | "fetch.queue.backoff.ms"
        | "fetch.error.backoff.ms" => "the consumer depends on it",
        "partitioner" | "sticky.partitioning.linger.ms" => {
            "a record's partition follows from its key alone"
        }
        "max.poll.interval.ms" => "membership is kept by a thread of its own",
        "statistics.interval.ms" => "the metrics depend on it",
        "dr_cb" | "dr_msg_cb" | "delivery.report.only.error" => {
            "the outcome of every event is reported"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_the_guarantee_needs_cannot_be_changed() {
        for name in [
            "acks",
            "enable.idempotence",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "partition.assignment.strategy",
            "auto.offset.reset",
        ] {
            let reason = refusal(name).expect("it is refused");
            assert!(reason.contains("cannot be changed"), "{reason}");
        }
        let reason = refusal("group.id").expect("it is refused");
        assert_eq!(reason, "property `group.id` is set by `group`");
    }

    #[test]
    fn other_properties_are_passed_on_and_secret_ones_are_known() {
        assert_eq!(refusal("client.rack"), None);
        assert_eq!(refusal("ssl.endpoint.identification.algorithm"), None);
        for name in [
            "ssl.keystore.password",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "SSL.KEY.PEM",
            "sasl.kerberos.kinit.cmd",
        ] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("client.rack"));
    }
}
