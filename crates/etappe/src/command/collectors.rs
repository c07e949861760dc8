//! `etappe collectors`: lists the collectors that write to a shared Kafka, and retires those that
//! are gone.

use anyhow::{Context, ensure};
use etappe_core::id::{Offset, PartitionId};
use etappe_core::ports::{Clock, EventPublisher, MessageIndex, OutgoingRecord};
use etappe_core::watermark::{CollectorMark, CollectorState};
use etappe_warehouse::Warehouse;
use prometheus::Registry;
use serde_json::json;
use std::collections::BTreeMap;

use crate::answer::{answer, note};
use crate::cli::CollectorsCommand;
use crate::config::{Config, Needs};
use crate::service::{Service, event_log};

/// Runs one of the commands.
pub(crate) async fn run(command: CollectorsCommand) -> anyhow::Result<()> {
    match command {
        CollectorsCommand::List {
            config,
            outside,
            json,
        } => {
            let needs = Needs {
                kafka: false,
                server: true,
            };
            let config = Config::load(&config, outside.flags().collect(), needs)?;
            print(&last_marks(&config).await?, json)
        }
        CollectorsCommand::Retire {
            collector,
            config,
            outside,
        } => {
            let needs = Needs {
                kafka: true,
                server: false,
            };
            let config = Config::load(&config, outside.flags().collect(), needs)?;
            check_name(&config, &collector).await?;
            retire(config, &collector).await?;
            answer!("{collector} is retired");
            Ok(())
        }
    }
}

/// Returns the last stored mark of each collector.
async fn last_marks(config: &Config) -> anyhow::Result<Vec<CollectorMark>> {
    let warehouse = Warehouse::connect(config.clickhouse.clone(), &Registry::new())?;
    let mut last: BTreeMap<String, CollectorMark> = BTreeMap::new();
    for partition in 0..config.kafka.partitions {
        let topic = &config.kafka.topic;
        for mark in warehouse
            .marks(topic, PartitionId(partition), Offset(u64::MAX))
            .await?
        {
            let known = last.get(&mark.collector);
            if known.is_none_or(|known| known.written_at < mark.written_at) {
                last.insert(mark.collector.clone(), mark);
            }
        }
    }
    Ok(last.into_values().collect())
}

fn print(marks: &[CollectorMark], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let all: Vec<_> = marks
            .iter()
            .map(|mark| {
                json!({
                    "collector": mark.collector,
                    "state": mark.state.as_str(),
                    "reached": mark.reached,
                    "last_mark": mark.written_at,
                })
            })
            .collect();
        answer!("{}", serde_json::to_string(&all)?);
        return Ok(());
    }
    for mark in marks {
        answer!(
            "{}  {}  complete until {}  last heard from {}",
            mark.collector,
            mark.state.as_str(),
            mark.reached,
            mark.written_at
        );
    }
    Ok(())
}

/// Refuses a name under which no collector has written marks, if that can be checked: the marks are
/// in ClickHouse. Without ClickHouse any name is accepted. That is also the way to retire a
/// collector whose marks were lost with the database.
async fn check_name(config: &Config, collector: &str) -> anyhow::Result<()> {
    if !config.uses_server() {
        note(format_args!(
            "the name `{collector}` is not checked; give --clickhouse URL to have it checked"
        ));
        return Ok(());
    }
    let marks = last_marks(config)
        .await
        .context("cannot look up which collectors are known")?;
    expect_known(collector, &marks)
}

/// Checks that one of `marks` is the collector's; the error lists all known collectors.
fn expect_known(collector: &str, marks: &[CollectorMark]) -> anyhow::Result<()> {
    let known: Vec<&str> = marks.iter().map(|mark| mark.collector.as_str()).collect();
    let known = match &known[..] {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    ensure!(
        marks.iter().any(|mark| mark.collector == collector),
        "collector `{collector}` has never reported; known collectors: {known}"
    );
    Ok(())
}

/// Writes the collector's last mark into every partition on its behalf.
async fn retire(config: Config, collector: &str) -> anyhow::Result<()> {
    let partitions = config.kafka.partitions;
    let service = Service::start(config)?;
    let cluster = service.kafka()?;
    cluster.ensure_topics().await?;
    let now = service.clock.now();
    let mark = CollectorMark {
        collector: collector.to_owned(),
        reached: now,
        written_at: now,
        state: CollectorState::Retired,
    };
    let payload = event_log::encode_mark(&mark);
    let record = |partition: u32| OutgoingRecord {
        // A record's partition is its key modulo the number of partitions.
        key: u64::from(partition),
        received_at: now,
        payload: payload.clone(),
    };
    let publisher = cluster.publisher()?;
    for outcome in publisher
        .publish((0..partitions).map(record).collect())
        .await
    {
        outcome.context("the mark was not written: run the command again")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use etappe_core::time::Timestamp;

    use super::*;

    #[test]
    fn retiring_an_unknown_collector_fails_and_lists_the_known_ones() {
        let mark = |collector: &str| CollectorMark {
            collector: collector.to_owned(),
            reached: Timestamp::EPOCH,
            written_at: Timestamp::EPOCH,
            state: CollectorState::Spooling,
        };
        let marks = [mark("c-1a"), mark("c-2b")];
        assert!(expect_known("c-2b", &marks).is_ok());
        for (marks, known) in [(&marks[..], "c-1a, c-2b"), (&[], "none")] {
            let refused = expect_known("c-2", marks).expect_err("a part of a name is not enough");
            let expected = format!("collector `c-2` has never reported; known collectors: {known}");
            assert_eq!(refused.to_string(), expected);
        }
    }
}
