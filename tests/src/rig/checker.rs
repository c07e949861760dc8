//! Compares what was acknowledged with everything that can be read: tables, cards, funnels.
//!
//! It does not trust the product's own counts: rows are read one by one and compared with the
//! messages derived from their ids.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::message::{ACTORS, MessagePosition};
use super::sender::Acknowledged;
use crate::site::TestSite;

/// The timeout for a query after a long run.
const ANSWERED_WITHIN: Duration = Duration::from_secs(300);

/// ClickHouse's HTTP interface, for reading.
#[derive(Debug, Clone)]
pub struct Database {
    url: String,
    client: reqwest::Client,
}

/// The result; all numbers are zero and all lists empty if the guarantee held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged messages that are not stored.
    pub lost: u64,
    /// Messages that are stored more than once.
    pub doubled: u64,
    /// Messages whose stored content differs.
    pub altered: u64,
    /// Stored messages that no client sent.
    pub never_issued: u64,
    /// An actor's messages that are stored before an earlier one.
    pub out_of_order: u64,
    /// Ranges of offsets that are neither stored nor accounted for.
    pub holes: Vec<String>,
    /// Figures that differ from the ledger.
    pub figures: Vec<String>,
    /// Switches to a spool without an explanation.
    pub switches: Vec<String>,
}

impl Verdict {
    /// Returns whether the guarantee held.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lost, {} doubled, {} altered, {} never issued, {} out of order, {} holes, {} wrong \
             figures, {} switches to a spool without a reason",
            self.lost,
            self.doubled,
            self.altered,
            self.never_issued,
            self.out_of_order,
            self.holes.len(),
            self.figures.len(),
            self.switches.len()
        )?;
        let details = self.holes.iter().chain(&self.figures).chain(&self.switches);
        details
            .into_iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl Database {
    /// Parses a database's address with login and database, as `--clickhouse` takes it.
    ///
    /// # Errors
    /// When it is not such an address.
    pub fn of(address: &str) -> anyhow::Result<Self> {
        let mut url = reqwest::Url::parse(address)?;
        let (user, password) = (
            url.username().to_owned(),
            url.password().unwrap_or_default().to_owned(),
        );
        let database = url.path().trim_matches('/').to_owned();
        url.set_path("/");
        url.set_username("").ok();
        url.set_password(None).ok();
        url.query_pairs_mut()
            .append_pair("database", &database)
            .append_pair("user", &user)
            .append_pair("password", &password);
        Ok(Self {
            url: url.into(),
            client: reqwest::Client::builder()
                .timeout(ANSWERED_WITHIN)
                .build()?,
        })
    }

    /// Runs a query and calls `visit` with each row, an array of values.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rows(
        &self,
        question: &str,
        mut visit: impl FnMut(&[Value]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let question = format!("{question} FORMAT JSONCompactEachRow");
        let answer = self.client.post(&self.url).body(question).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{status}: {text}");
        for line in text.lines() {
            let row: Vec<Value> =
                serde_json::from_str(line).with_context(|| format!("`{line}` is not a row"))?;
            visit(&row)?;
        }
        Ok(())
    }

    /// Runs a query that returns a single number.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn number(&self, question: &str) -> anyhow::Result<u64> {
        let mut number = None;
        self.rows(question, |row| {
            number = row.first().and_then(as_number);
            Ok(())
        })
        .await?;
        number.with_context(|| format!("`{question}` has no number as its answer"))
    }
}

/// 64-bit numbers are returned as text.
fn as_number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// The log position of a dead letter's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPlace {
    topic: String,
    partition: u64,
    offset: u64,
}

impl DeadLetterPlace {
    /// Reads `TOPIC:PARTITION:OFFSET`, as `etappe dead-letters list` shows it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, offset) = text.rsplit_once(':')?;
        let (topic, partition) = rest.rsplit_once(':')?;
        Some(Self {
            topic: topic.to_owned(),
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

/// The figures expected from the ledger.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    events: u64,
    orders: u64,
    cents: u64,
    actors: u64,
    customers: u64,
}

fn expected(acknowledged: &Acknowledged, seed: u64) -> Expected {
    let mut sums = Expected::default();
    let mut customers = std::collections::BTreeSet::new();
    for (client, messages) in (0..).zip(&acknowledged.by_client) {
        sums.actors += ACTORS.min(*messages);
        for number in 0..*messages {
            sums.events += 1;
            if let Some(cents) = (MessagePosition { client, number }).message(seed).cents {
                sums.orders += 1;
                sums.cents += cents;
                customers.insert((client, number % ACTORS));
            }
        }
    }
    sums.customers = customers.len() as u64;
    sums
}

/// Compares the figures of the API with the ledger, once they have settled.
///
/// # Errors
/// When a query fails.
pub async fn check_figures(
    site: &TestSite,
    (acknowledged, seed): (&Acknowledged, u64),
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    ask_figures(site, &expected(acknowledged, seed), verdict).await
}

/// Compares everything that is stored with the ledger and the dead letters.
///
/// # Errors
/// When a query fails.
pub async fn check_stored(
    database: &Database,
    site: &TestSite,
    (acknowledged, seed): (&Acknowledged, u64),
    (letters, verdict): (&[DeadLetterPlace], &mut Verdict),
) -> anyhow::Result<()> {
    let expected = expected(acknowledged, seed);
    check_rows(database, site, acknowledged, (seed, verdict)).await?;
    check_tables(database, site, &expected, verdict).await?;
    check_offsets(database, letters, verdict).await
}

/// Reads every event and compares it with the message derived from its id.
async fn check_rows(
    database: &Database,
    site: &TestSite,
    acknowledged: &Acknowledged,
    (seed, verdict): (u64, &mut Verdict),
) -> anyhow::Result<()> {
    let question = format!(
        "SELECT message_id, user_id, event, ifNull(toString(revenue), ''), properties, order_id \
         FROM events WHERE site = '{}' ORDER BY topic, partition, offset",
        site.name
    );
    let mut seen: Vec<Vec<bool>> = acknowledged
        .by_client
        .iter()
        .map(|messages| vec![false; usize::try_from(*messages).unwrap_or_default()])
        .collect();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    database
        .rows(&question, |row| {
            let text = |at: usize| row.get(at).and_then(Value::as_str).unwrap_or_default();
            let position = MessagePosition::of_id(text(0));
            let mark = position.and_then(|position| {
                let client = usize::try_from(position.client).ok()?;
                seen.get_mut(client)?
                    .get_mut(usize::try_from(position.number).ok()?)
            });
            let (Some(position), Some(mark)) = (position, mark) else {
                verdict.never_issued += 1;
                return Ok(());
            };
            if std::mem::replace(mark, true) {
                verdict.doubled += 1;
                return Ok(());
            }
            let message = position.message(seed);
            let cents = message
                .cents
                .map(|cents| format!("{}.{:02}", cents / 100, cents % 100));
            let amount = text(3).parse::<f64>().ok();
            let properties: Value = serde_json::from_str(text(4)).unwrap_or_default();
            let order = message
                .cents
                .map_or_else(String::new, |_| format!("o-{}", message.id));
            let is_same = text(1) == message.actor
                && text(2) == message.event
                && amount == cents.and_then(|cents| cents.parse().ok())
                && properties["nonce"] == message.nonce
                && text(5) == order;
            verdict.altered += u64::from(!is_same);
            // Refused messages are sent again at the end, behind everything else.
            if !message.is_poison {
                let before = last.insert(message.actor, position.number);
                let is_late = before.is_some_and(|before| before > position.number);
                verdict.out_of_order += u64::from(is_late);
            }
            Ok(())
        })
        .await?;
    verdict.lost = seen.iter().flatten().filter(|seen| !**seen).count() as u64;
    Ok(())
}

/// Checks that every table that receives events holds each of them once.
async fn check_tables(
    database: &Database,
    site: &TestSite,
    expected: &Expected,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let name = &site.name;
    let tables = [
        ("stage_events", "", expected.events),
        ("money", "AND milestone = 'purchase'", expected.orders),
    ];
    for (table, condition, rows) in tables {
        let question = format!("SELECT count() FROM {table} WHERE site = '{name}' {condition}");
        let found = database.number(&question).await?;
        if found != rows {
            let line = format!("{table} has {found} rows, expected {rows}");
            verdict.figures.push(line);
        }
    }
    let question = format!(
        "SELECT toUInt64(sum(amount) * 100) FROM money WHERE site = '{name}' AND milestone = 'purchase'"
    );
    let cents = database.number(&question).await?;
    if cents != expected.cents {
        let line = format!(
            "money sums up to {cents} cents, expected {}",
            expected.cents
        );
        verdict.figures.push(line);
    }
    Ok(())
}

/// Queries the API.
async fn ask_figures(
    site: &TestSite,
    expected: &Expected,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut compare = |what: &str, found: Value, expected: Value| {
        let is_same = match (found.as_f64(), expected.as_f64()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            _ => found == expected,
        };
        if !is_same {
            let line = format!("{what} is {found}, expected {expected}");
            verdict.figures.push(line);
        }
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let revenue = expected.cents as f64 / 100.0;
    compare(
        "events",
        site.visible_events().await?.into(),
        expected.events.into(),
    );
    compare("orders", site.kpi("orders").await?, expected.orders.into());
    compare("revenue", site.kpi("revenue").await?, revenue.into());
    compare(
        "visitors",
        site.kpi("visitors").await?,
        expected.actors.into(),
    );
    compare(
        "customers",
        site.kpi("customers").await?,
        expected.customers.into(),
    );
    let people = site.funnel(&[json!({ "any": true })]).await?;
    compare("people", json!(people), json!([expected.actors]));
    let steps = [json!({ "any": true }), json!({ "milestone": "purchase" })];
    let funnel = site.funnel(&steps).await?;
    let bought = funnel.get(1).copied().unwrap_or_default();
    // A person whose only event is an order passes only the first step.
    if funnel.first() != Some(&expected.actors) || bought > expected.customers {
        let line = format!("funnel is {funnel:?} of {} people", expected.actors);
        verdict.figures.push(line);
    }
    Ok(())
}

/// Checks that every offset between the first and the last of a partition is a row, a mark, or a
/// dead letter.
async fn check_offsets(
    database: &Database,
    letters: &[DeadLetterPlace],
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let question = "
        SELECT topic, partition, count(), uniqExact(offset), min(offset), max(offset) FROM (
            SELECT topic, partition, offset FROM messages
            UNION ALL
            SELECT topic, partition, offset FROM marks
        ) GROUP BY topic, partition ORDER BY topic, partition";
    database
        .rows(question, |row| {
            let number = |at: usize| row.get(at).and_then(as_number).unwrap_or_default();
            let topic = row.first().and_then(Value::as_str).unwrap_or_default();
            let (partition, rows, offsets) = (number(1), number(2), number(3));
            let (first, last) = (number(4), number(5));
            let is_between = |letter: &&DeadLetterPlace| {
                letter.topic == topic
                    && letter.partition == partition
                    && (first..=last).contains(&letter.offset)
            };
            let dead = letters.iter().filter(is_between).count() as u64;
            let span = last + 1 - first;
            if rows != offsets || offsets + dead != span {
                verdict.holes.push(format!(
                    "partition {partition}: {rows} rows for {offsets} offsets and {dead} dead \
                     letters in a range of {span}"
                ));
            }
            Ok(())
        })
        .await
}
