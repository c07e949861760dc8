//! Finds a stored event by its message id, to explain it.

use clickhouse::Row;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::kpi::ActorEvent;
use etappe_core::ports::MessageHash;
use etappe_core::time::Timestamp;
use serde::Deserialize;

use super::actor::EventRow;
use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

/// If a message is stored twice (outside the duplicates' window), its first arrival is shown. If
/// messages with the same id came with keys of several scopes, the server's is shown.
const FIND: &str = "
SELECT
    message_id,
    toString(event) AS event,
    toUnixTimestamp64Milli(occurred_at) AS at,
    toString(milestone) AS milestone,
    properties,
    outcome_id,
    partition,
    offset,
    toUnixTimestamp64Milli(received_at) AS received,
    toString(kind) AS kind,
    toString(scope) AS scope,
    anonymous_id,
    user_id,
    account,
    context,
    traits
FROM events
WHERE site = {site:String} AND message_hash IN {message_hashes:Array(UInt64)} AND message_id = {message_id:String}
ORDER BY multiIf(scope = 'server', 0, scope = 'browser', 1, 2), partition, offset
LIMIT 1";

/// A stored event.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMessage {
    /// The event's name, time and properties, and the rules' decisions about it.
    pub decided: ActorEvent,
    /// When it was received.
    pub received_at: Timestamp,
    /// The kind of message, by its name on the wire.
    pub kind: String,
    /// The scope of its key, by its name on the wire.
    pub scope: String,
    /// The device's or browser's id; empty if there is none.
    pub anonymous_id: String,
    /// The known person's id; empty if there is none.
    pub user_id: String,
    /// The account; empty if there is none.
    pub account: String,
    /// The context's text.
    pub context: String,
    /// The traits' text.
    pub traits: String,
}

#[derive(Row, Deserialize)]
struct MessageRow {
    message_id: String,
    event: String,
    at: i64,
    milestone: String,
    properties: String,
    outcome_id: u64,
    partition: u32,
    offset: u64,
    received: i64,
    kind: String,
    scope: String,
    anonymous_id: String,
    user_id: String,
    account: String,
    context: String,
    traits: String,
}

impl Warehouse {
    /// Returns the event with a message id, or `None` if none is stored. Scans the hashes of all
    /// the site's events, so it suits interactive use, not frequent calls by programs.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn find_message(
        &self,
        site: &SiteId,
        message_id: &str,
    ) -> Result<Option<StoredMessage>, WarehouseError> {
        let hashes = KeyScope::ALL.map(|scope| MessageHash::of(site, scope, message_id).0);
        let rows = self
            .query("find_message", FIND)
            .text("site", site.as_str())
            .numbers("message_hashes", &hashes)
            .text("message_id", message_id)
            .rows::<MessageRow>()
            .await?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let event = EventRow {
            message_id: row.message_id,
            event: row.event,
            at: row.at,
            milestone: row.milestone,
            properties: row.properties,
            outcome_id: row.outcome_id,
            partition: row.partition,
            offset: row.offset,
        };
        let decided = self.explain_events(vec![event]).await?.pop();
        Ok(decided.map(|decided| StoredMessage {
            decided,
            received_at: Timestamp::from_millis(row.received),
            kind: row.kind,
            scope: row.scope,
            anonymous_id: row.anonymous_id,
            user_id: row.user_id,
            account: row.account,
            context: row.context,
            traits: row.traits,
        }))
    }
}
