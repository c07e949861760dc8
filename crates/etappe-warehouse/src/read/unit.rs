//! Counts the people, companies or visits in a range.

use etappe_core::query::{Unit, UnitQuery};

use crate::error::WarehouseError;
use crate::warehouse::Warehouse;

const ACTORS: &str = "
SELECT uniqExact(actor_hash) AS units FROM stage_events
WHERE site = {site:String}
  AND actor_hash != 0
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))";

const ACCOUNTS: &str = "
SELECT uniqExact(account_hash) AS units FROM events
WHERE site = {site:String}
  AND account_hash != 0
  AND occurred_at >= {from:DateTime64(3, 'UTC')}
  AND occurred_at < {to:DateTime64(3, 'UTC')}
  AND ({bots:String} = 'include' OR (bot != '') = ({bots:String} = 'only'))";

/// A visit begins with an event that has no event of the same actor in the half hour before it.
const SESSIONS: &str = "
SELECT sum(starts) AS units FROM
(
    SELECT
        1 + arrayCount(gap -> gap > 1800000, arrayDifference(arraySort(
            groupArray(toUnixTimestamp64Milli(occurred_at))
        ))) AS starts
    FROM stage_events
    WHERE site = {site:String}
      AND actor_hash != 0
      AND occurred_at >= {from:DateTime64(3, 'UTC')}
      AND occurred_at < {to:DateTime64(3, 'UTC')}
      AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
    GROUP BY actor_hash
)";

impl Warehouse {
    pub(crate) async fn read_unit_count(&self, query: &UnitQuery) -> Result<u64, WarehouseError> {
        let sql = match query.unit {
            Unit::Actor => ACTORS,
            Unit::Account => ACCOUNTS,
            Unit::Session => SESSIONS,
        };
        self.site_query(&query.site, "count_units", sql)
            .range(query.range)
            .bots(query.bots)
            .row()
            .await
    }
}
