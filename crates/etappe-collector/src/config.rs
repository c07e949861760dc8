//! The collector's settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::chunk::CHUNK_BYTES;
use crate::client_report::{ENTRY_BYTES, LISTED};
use crate::country::impossible_names;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The collector's limits and timeouts.
///
/// Sizes are in bytes; times are texts such as `"30s"`, `"500ms"` or `"5m"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// The largest gzip body. Default 500 KiB. Too low: trackers' batches are refused with 413.
    pub compressed_body_bytes: usize,
    /// The largest uncompressed or decompressed body. Default 4 MiB. Too high: a few concurrent
    /// requests fill `in_flight_bytes`.
    pub body_bytes: usize,
    /// The largest single event; a larger one is rejected without affecting others. Default 32 KiB.
    /// The log must accept slightly larger records.
    pub event_bytes: usize,
    /// The maximum number of messages in a batch. Default 130,000, more than fit into 4 MiB if they
    /// are valid; it limits the cost of a body of tiny, worthless messages.
    pub batch_events: usize,
    /// The maximum memory of all requests in progress together; half of it for one site, or for one
    /// network before the site is known. Default 256 MiB. Too low: 503 under load.
    pub in_flight_bytes: usize,
    /// How long to wait until events are durable before answering 503. Default 30 s. It should be
    /// at least as long as the log itself keeps trying, or clients resend what was written.
    #[serde(with = "etappe_core::duration_text")]
    pub publish_timeout: Duration,
    /// How long a site's first request may wait for its turn to be processed or written; sites take
    /// turns, one request each. While it waits longer, further requests of the site are refused
    /// with 503. Default 500 ms. Too low: bursts are refused that would have been accepted a moment
    /// later. Too high: a site that sends too much learns of it late, and its requests hold memory
    /// meanwhile.
    #[serde(with = "etappe_core::duration_text")]
    pub turn_timeout: Duration,
    /// How many bytes of records may be on their way into the event log at a time, so that no site
    /// finds a long queue ahead of it. Default 4 MiB. Too low: fewer requests share one wait for
    /// the disk or for Kafka. Too high: all sites wait behind a flood.
    pub publishing_bytes: usize,
    /// The percentage of the event log's room that is reserved for sites that did not fill it. A
    /// site that sends all of the traffic is refused this much before the log is full, one that
    /// sends half of it half as much, a small one not at all. Default 10. Applies only where the
    /// log's size is bounded. Too low: a flood leaves no room for others. Too high: a single large
    /// site cannot use the whole log.
    pub log_reserve_percent: u32,
    /// The number of your own proxies in front. The client's address is the entry of
    /// `X-Forwarded-For` at that position from the end, if the connection comes from one of
    /// `server.proxies`. Default 0: the header is ignored. Too high: clients can forge any address.
    /// Too low: all clients share one address.
    pub trusted_proxies: usize,
    /// The headers in which your proxy states the client's country, separated by commas; the first
    /// that holds a country counts. Used only where `X-Forwarded-For` is, and only for browsers and
    /// pixels that state no country. Default `CF-IPCountry, CloudFront-Viewer-Country,
    /// X-Country-Code`; empty: none. Wrong: if the proxy passes on a header that the client sent,
    /// clients can forge any country.
    pub country_header: String,
    /// The memory for rejections that are kept for sites to see, and the same amount again for
    /// warnings. Default 32 MiB. Too low: a site sees fewer than its last 1,000 of each.
    pub rejection_log_bytes: usize,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            compressed_body_bytes: 500 * KIB,
            body_bytes: 4 * MIB,
            event_bytes: 32 * KIB,
            batch_events: 130_000,
            in_flight_bytes: 256 * MIB,
            publish_timeout: Duration::from_secs(30),
            turn_timeout: Duration::from_millis(500),
            publishing_bytes: 4 * MIB,
            log_reserve_percent: 10,
            trusted_proxies: 0,
            country_header: "CF-IPCountry, CloudFront-Viewer-Country, X-Country-Code".to_owned(),
            rejection_log_bytes: 32 * MIB,
        }
    }
}

impl CollectorConfig {
    /// Returns all problems of the settings, as sentences that name the setting; empty if they are
    /// valid.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.out_of_range());
        let mut need = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        need(
            self.event_bytes <= self.body_bytes,
            "`event_bytes` is larger than `body_bytes`: such an event could never be sent"
                .to_owned(),
        );
        for name in impossible_names(&self.country_header) {
            need(
                false,
                format!(
                    "`country_header` names `{name}`, expected header names separated by commas"
                ),
            );
        }
        let largest = self.largest_request();
        need(
            self.in_flight_bytes / 2 >= largest,
            format!(
                "`in_flight_bytes` is {}, expected at least {}: half of it must hold one request of `body_bytes`",
                self.in_flight_bytes,
                largest * 2
            ),
        );
        problems
    }

    /// Returns the settings that are out of range.
    fn out_of_range(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut need = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let sizes = [
            (
                "compressed_body_bytes",
                self.compressed_body_bytes,
                KIB,
                64 * MIB,
            ),
            ("body_bytes", self.body_bytes, KIB, 256 * MIB),
            ("event_bytes", self.event_bytes, KIB, MIB),
            ("batch_events", self.batch_events, 1, 10_000_000),
            (
                "publishing_bytes",
                self.publishing_bytes,
                64 * KIB,
                1024 * MIB,
            ),
            ("trusted_proxies", self.trusted_proxies, 0, 16),
        ];
        for (name, value, least, most) in sizes {
            need(
                (least..=most).contains(&value),
                format!("`{name}` is {value}, expected {least} to {most}"),
            );
        }
        let times = [
            ("publish_timeout", self.publish_timeout),
            ("turn_timeout", self.turn_timeout),
        ];
        for (name, value) in times {
            need(
                (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&value),
                format!("`{name}` is {value:?}, expected 1ms to 60m"),
            );
        }
        need(
            self.log_reserve_percent <= 90,
            format!(
                "`log_reserve_percent` is {}, expected 0 to 90",
                self.log_reserve_percent
            ),
        );
        problems
    }

    /// Returns the maximum memory of a single request.
    const fn largest_request(&self) -> usize {
        // The body as sent and as text; each message's position; the answer; a chunk of records.
        let messages = 32 * self.batch_events;
        let answer = 2 * LISTED * ENTRY_BYTES;
        self.compressed_body_bytes + 2 * self.body_bytes + messages + answer + 4 * CHUNK_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_match_the_contract_and_are_valid() {
        let config = CollectorConfig::default();
        assert_eq!(config.validate(), Vec::<String>::new());
        let limits = (
            config.compressed_body_bytes,
            config.body_bytes,
            config.event_bytes,
        );
        assert_eq!(limits, (512_000, 4_194_304, 32_768));
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let config = CollectorConfig {
            event_bytes: 8 * MIB,
            in_flight_bytes: 1,
            turn_timeout: Duration::ZERO,
            country_header: "CF-IPCountry, my country".to_owned(),
            ..CollectorConfig::default()
        };
        let problems = config.validate().join("\n");
        assert_eq!(config.validate().len(), 5, "{problems}");
        for name in [
            "`event_bytes`",
            "`in_flight_bytes`",
            "`turn_timeout`",
            "`my country`",
        ] {
            assert!(problems.contains(name), "{problems}");
        }
    }

    #[test]
    fn settings_round_trip_through_text() {
        let config: CollectorConfig =
            serde_json::from_str(r#"{"turn_timeout":"500ms","publish_timeout":"2m"}"#).unwrap();
        assert_eq!(config.turn_timeout, Duration::from_millis(500));
        assert_eq!(config.publish_timeout, Duration::from_secs(120));
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""turn_timeout":"500ms""#), "{text}");
        assert_eq!(
            serde_json::from_str::<CollectorConfig>(&text).unwrap(),
            config
        );
        for bad in [
            r#"{"turn_timeout":"5"}"#,
            r#"{"turn_timeout":5}"#,
            r#"{"unknown":1}"#,
        ] {
            assert!(
                serde_json::from_str::<CollectorConfig>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
