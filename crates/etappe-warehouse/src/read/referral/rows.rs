//! Reads a site's rows of referral, from which links and invitations are worked out.

use bytes::Bytes;
use etappe_core::id::SiteId;
use etappe_core::journey::{ReferralKind, ReferralRow};
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::error::WarehouseError;
use crate::native::Block;
use crate::read::key_scope;
use crate::warehouse::Warehouse;

/// The actor's id is needed only where it may own a code.
const ROWS: &str = "
SELECT
    toUInt64(multiIf(milestone = 'invite_sent', 0, milestone = 'share', 1, 2)) AS kind,
    toUInt64(scope) AS key_scope,
    actor_hash,
    if(milestone IN ('invite_sent', 'share') AND referral_code != '', actor, '') AS own_id,
    referral_code,
    inviter_hash,
    inviter_id,
    toUnixTimestamp64Milli(occurred_at) AS at,
    toUInt64(partition) AS log_partition,
    offset
FROM referral_events
WHERE site = {site:String}
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
LIMIT {most:UInt64}";

impl Warehouse {
    /// Returns all rows of referral of a site; `None` if there are more than `limit`.
    pub(in crate::read) async fn read_referral_rows(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ReferralRow>>, WarehouseError> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let query = self.site_query(site, "referral_rows", ROWS);
        let query = query.bots(bots).number("most", most);
        let mut rows = Vec::new();
        query.blocks(|block| read_rows(block, &mut rows)).await?;
        Ok((rows.len() <= limit).then_some(rows))
    }
}

fn read_rows(mut block: Block, rows: &mut Vec<ReferralRow>) -> Result<(), WarehouseError> {
    let mut numbers = |name| block.all_numbers(name);
    let (kinds, scopes) = (numbers("kind")?, numbers("key_scope")?);
    let (actors, inviters) = (numbers("actor_hash")?, numbers("inviter_hash")?);
    let times = numbers("at")?;
    let (partitions, offsets) = (numbers("log_partition")?, numbers("offset")?);
    let mut ids = block.texts("own_id")?;
    let mut codes = block.texts("referral_code")?;
    let mut inviter_ids = block.texts("inviter_id")?;
    for (row, actor) in actors.iter().copied().enumerate() {
        let at = |column: &[u64]| column.get(row).copied().unwrap_or_default();
        rows.push(ReferralRow {
            kind: kind(at(&kinds)),
            scope: key_scope(at(&scopes))?,
            actor,
            actor_id: text(&ids.next()),
            code: text(&codes.next()),
            inviter: at(&inviters),
            inviter_id: text(&inviter_ids.next()),
            at: Timestamp::from_millis(at(&times).cast_signed()),
            place: (
                u32::try_from(at(&partitions)).unwrap_or(u32::MAX),
                at(&offsets),
            ),
        });
    }
    Ok(())
}

const fn kind(number: u64) -> ReferralKind {
    match number {
        0 => ReferralKind::Invitation,
        1 => ReferralKind::Share,
        _ => ReferralKind::Other,
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
