//! Compares the stored messages with the answers to requests, message by message.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use bytes::Bytes;
use etappe_tests::site::TestSite;

use super::installation::Installation;
use crate::load::ledger::LedgerReport;
use crate::load::report::LoadReport;

/// The fate of a site's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    /// Accepted but not stored.
    pub(super) lost: u64,
    /// Stored more than once.
    pub(super) doubled: u64,
    /// Stored although the request was refused: the client sends it again, and it still counts
    /// once.
    pub(super) beyond: u64,
    /// Events of requests without an answer.
    pub(super) unknown: u64,
    /// Events in the site's figures.
    pub(super) counted: u64,
    /// Distinct stored messages.
    pub(super) stored: u64,
}

/// The part of a request that is stored: rows and distinct messages.
type Stored = HashMap<u64, (u64, u64)>;

/// Checks all events of a site, sent in `reports` with a fixed number of events per request.
pub(super) async fn check(
    installation: &Installation,
    site: &TestSite,
    events: u32,
    reports: &[&LoadReport],
) -> anyhow::Result<Accounts> {
    let mut accounts = Accounts::default();
    for report in reports {
        let ledger = report
            .ledger
            .as_ref()
            .context("a load generator kept no ledger")?;
        ensure!(
            report.rejected_events == 0,
            "events were rejected: {report}"
        );
        let stored = stored_requests(installation, site, ledger.nonce).await?;
        accounts.add(&stored, ledger, u64::from(events));
    }
    accounts.counted = site.settle_down().await?;
    Ok(accounts)
}

async fn stored_requests(
    installation: &Installation,
    site: &TestSite,
    nonce: u32,
) -> anyhow::Result<Stored> {
    // The id contains the nonce and the request's number, eight hexadecimal digits each.
    let statement = format!(
        "SELECT substring(message_id, 18, 8), count(), uniqExact(message_id) FROM events \
         WHERE site = '{}' AND startsWith(message_id, 'ajs-next-{nonce:08x}') \
         GROUP BY 1 FORMAT TSV",
        site.name
    );
    let database = &installation.engine.database;
    let text = database.run(&statement, &[], Bytes::new()).await?;
    text.lines().map(row).collect()
}

fn row(line: &str) -> anyhow::Result<(u64, (u64, u64))> {
    let mut fields = line.split('\t');
    let mut next = || fields.next().context("a row is too short");
    let number = u64::from_str_radix(next()?, 16)?;
    Ok((number, (next()?.parse()?, next()?.parse()?)))
}

impl Accounts {
    fn add(&mut self, stored: &Stored, ledger: &LedgerReport, events: u64) {
        let mut expected = 0;
        for number in numbers(&ledger.accepted) {
            let (_, messages) = stored.get(&number).copied().unwrap_or_default();
            self.lost += events.saturating_sub(messages);
            expected += messages;
        }
        for number in numbers(&ledger.unknown) {
            self.unknown += events;
            expected += stored.get(&number).map_or(0, |(_, messages)| *messages);
        }
        let rows: u64 = stored.values().map(|(rows, _)| rows).sum();
        let messages: u64 = stored.values().map(|(_, messages)| messages).sum();
        self.stored += messages;
        self.doubled += rows - messages;
        self.beyond += messages - expected;
    }
}

fn numbers(runs: &[(u64, u64)]) -> impl Iterator<Item = u64> {
    runs.iter().flat_map(|(first, last)| *first..=*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_duplicated_and_refused_but_stored_events_are_distinguished() {
        let ledger = LedgerReport {
            nonce: 1,
            accepted: vec![(0, 2)],
            unknown: vec![(5, 5)],
        };
        // 0 is complete, 1 has a loss, 2 a duplicate, 3 was refused, 5 got no answer.
        let stored = [
            (0, (10, 10)),
            (1, (9, 9)),
            (2, (11, 10)),
            (3, (4, 4)),
            (5, (10, 10)),
        ];
        let mut accounts = Accounts::default();
        accounts.add(&stored.into(), &ledger, 10);
        let expected = Accounts {
            lost: 1,
            doubled: 1,
            beyond: 4,
            unknown: 10,
            counted: 0,
            stored: 43,
        };
        assert_eq!(accounts, expected);
    }

    #[test]
    fn a_row_holds_a_hexadecimal_number_and_two_counts() {
        assert_eq!(row("0000001f\t100\t99").unwrap(), (31, (100, 99)));
        assert!(row("0000001f\t100").is_err());
    }
}
