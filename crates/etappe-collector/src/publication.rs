//! Turns a body's messages into records, chunk by chunk, and waits until each chunk is durable.
//!
//! The records of tiny messages take many times the body's size. So records are made one chunk at a
//! time, and the next chunk only after the log has taken the previous one. This bounds a request's
//! memory whatever it holds, and a large request does not delay small ones in the log.

use std::sync::Arc;

use etappe_core::ports::{Clock, EventPublisher, OutgoingRecord, PublishError};
use etappe_runtime::fair_queue::Share;
use etappe_wire::native::{Body, Limits, Message, Reason, Reception, Rejection};
use tokio::time::{Instant, timeout};

use crate::budget::Holder;
use crate::chunk::{Chunk, Settled};
use crate::client_report::{ClientReport, Listed, RejectedMessage, WarnedMessage};
use crate::collector::Collector;
use crate::config::CollectorConfig;
use crate::error::IntakeError;
use crate::site_traffic::SiteTraffic;

/// Work on more bytes than this is moved off the async workers that serve connections: it takes
/// longer than serving a request, and all requests wait for a worker.
const INLINE_BYTES: usize = 16 * 1024;

/// The result of publishing a request's messages.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// How many are durable.
    pub(crate) accepted: usize,
    /// The rejected ones.
    pub(crate) rejected: Listed<RejectedMessage>,
    /// Values that do not count in durable messages.
    pub(crate) warnings: Listed<WarnedMessage>,
}

/// Runs work on `bytes` bytes, on a blocking thread if it is large.
pub(crate) async fn run_blocking_if_large<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IntakeError> {
    if bytes <= INLINE_BYTES {
        return Ok(work());
    }
    // Fails only when the runtime is shutting down, or when the work panics.
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work on a body failed");
        IntakeError::Stopping
    })
}

/// Returns the limits of a single message.
pub(crate) fn limits(config: &CollectorConfig) -> Limits {
    Limits {
        event_bytes: config.event_bytes,
        ..Limits::default()
    }
}

/// Publishes all messages of `body` and returns the result of each. The turn to process the
/// body is released as soon as the first chunk is made.
pub(crate) async fn publish_body<P: EventPublisher, C: Clock>(
    collector: &Collector<P, C>,
    traffic: &Arc<SiteTraffic>,
    (mut body, mut turn): (Body, Option<Share<Holder>>),
    mut reception: Reception,
    endpoint: &'static str,
) -> Result<Published, IntakeError> {
    let mut published = Published::default();
    let limits = limits(&collector.config);
    let mut next = 0;
    while next < body.len() {
        let bytes = body.text_bytes();
        if next > 0 {
            let holder = Holder::Site(Arc::clone(traffic));
            turn = collector.admission.turn_to_work(&holder, bytes).await;
        }
        let work = move || {
            let chunk = Chunk::of(&body, &mut next, &reception, &limits);
            (body, reception, next, chunk)
        };
        let mut chunk;
        (body, reception, next, chunk) = run_blocking_if_large(bytes, work).await?;
        drop(turn.take());
        let outcomes = publish(collector, traffic, chunk.take_records()).await?;
        for (index, outcome) in chunk.take_indexes().zip(outcomes) {
            if outcome == PublishOutcome::Durable {
                published.accepted += 1;
                continue;
            }
            let message = body.message(index, &reception, &limits);
            let rejection = too_large(message, body.message_bytes(index));
            chunk.reject(index, &rejection, &reception);
        }
        let report = note(collector, traffic, chunk);
        published.rejected.extend(report.rejected);
        published.warnings.extend(report.warnings);
    }
    if published.accepted > 0 {
        traffic.sending.record_accepted(collector.clock.now());
    }
    let accepted = u64::try_from(published.accepted).unwrap_or(u64::MAX);
    collector
        .metrics
        .accepted
        .with_label_values(&[endpoint])
        .inc_by(accepted);
    Ok(published)
}

/// Counts and records a chunk's rejections and warnings, and returns them.
pub(crate) fn note<P, C>(
    collector: &Collector<P, C>,
    traffic: &SiteTraffic,
    chunk: Chunk,
) -> ClientReport {
    let Settled {
        report,
        rejections,
        warnings,
    } = chunk.settle();
    for (reason, count) in rejections.counts {
        let counter = collector
            .metrics
            .rejected
            .with_label_values(&[reason.as_str()]);
        counter.inc_by(count);
    }
    for (reason, count) in &warnings.counts {
        let counter = collector
            .metrics
            .warnings
            .with_label_values(&[reason.as_str()]);
        counter.inc_by(*count);
    }
    if !rejections.noted.is_empty() {
        collector.sites.record_rejections(traffic, rejections.noted);
    }
    collector
        .sites
        .record_warnings(traffic, &warnings.counts, warnings.noted);
    report
}

/// Publishes records and returns, for each, whether it is durable or too large for the log.
///
/// An error means that one or more records should be durable but are not: the client must
/// resend all of them.
pub(crate) async fn publish<P: EventPublisher, C: Clock>(
    collector: &Collector<P, C>,
    traffic: &Arc<SiteTraffic>,
    records: Vec<OutgoingRecord>,
) -> Result<Vec<PublishOutcome>, IntakeError> {
    let count = records.len();
    if count == 0 {
        return Ok(Vec::new());
    }
    let bytes: usize = records.iter().map(|record| record.payload.len()).sum();
    let holder = Holder::Site(Arc::clone(traffic));
    let turn = collector.admission.turn_to_publish(&holder, bytes);
    let publishing = async {
        let turn = turn.await;
        let started = Instant::now();
        let outcomes = collector.publisher.publish(records).await;
        drop(turn);
        (outcomes, started.elapsed())
    };
    let publishing = timeout(collector.config.publish_timeout, publishing);
    let (outcomes, took) = publishing.await.map_err(|_| {
        tracing::warn!(records = count, "the event log did not answer in time");
        IntakeError::PublishTimeout
    })?;
    collector
        .metrics
        .publish_duration
        .observe(took.as_secs_f64());
    collector
        .metrics
        .published_bytes
        .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    if outcomes.len() != count {
        tracing::error!(
            records = count,
            outcomes = outcomes.len(),
            "the event log did not answer for every record"
        );
        return Err(IntakeError::Unavailable {
            retry_after: std::time::Duration::from_secs(1),
        });
    }
    outcomes.into_iter().map(outcome).collect()
}

/// The log's decision on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublishOutcome {
    /// It is durable.
    Durable,
    /// It is larger than the log accepts.
    TooLarge,
}

fn outcome(result: Result<(), PublishError>) -> Result<PublishOutcome, IntakeError> {
    match result {
        Ok(()) => Ok(PublishOutcome::Durable),
        Err(PublishError::TooLarge { .. }) => Ok(PublishOutcome::TooLarge),
        Err(PublishError::Unavailable {
            reason,
            retry_after,
        }) => {
            tracing::warn!(%reason, "the event log cannot accept events now");
            Err(IntakeError::Unavailable { retry_after })
        }
    }
}

/// Returns the rejection of a message whose record was too large for the log.
pub(crate) fn too_large<'a>(
    message: Result<Message<'a>, Rejection<'a>>,
    bytes: usize,
) -> Rejection<'a> {
    match message {
        Ok(Message { event, .. }) => Rejection {
            reason: Reason::TooLarge,
            message_id: Some(event.message_id),
            kind: Some(event.kind),
            event: Some(event.name),
            bytes,
        },
        Err(rejection) => rejection,
    }
}
