//! Reads a site's answers to "would you recommend us".

use etappe_core::id::SiteId;
use etappe_core::journey::ScoreRow;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::error::WarehouseError;
use crate::native::Block;
use crate::warehouse::Warehouse;

/// What `kpi_nps` counts, row by row.
const SCORES: &str = "
SELECT toUInt64(assumeNotNull(nps)) AS score, toUnixTimestamp64Milli(occurred_at) AS at
FROM feedback
WHERE site = {site:String}
  AND nps <= 10
  AND actor_hash != 0
  AND ({bots:String} = 'include' OR is_bot = ({bots:String} = 'only'))
LIMIT {most:UInt64}";

impl Warehouse {
    /// Returns all answers of a site; `None` if there are more than `limit`.
    pub(super) async fn read_scores(
        &self,
        site: &SiteId,
        bots: Bots,
        limit: usize,
    ) -> Result<Option<Vec<ScoreRow>>, WarehouseError> {
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let query = self.site_query(site, "scores", SCORES);
        let query = query.bots(bots).number("most", most);
        let mut rows = Vec::new();
        query.blocks(|block| read_rows(block, &mut rows)).await?;
        Ok((rows.len() <= limit).then_some(rows))
    }
}

fn read_rows(mut block: Block, rows: &mut Vec<ScoreRow>) -> Result<(), WarehouseError> {
    let (scores, times) = (block.numbers("score")?, block.numbers("at")?);
    rows.extend(scores.iter().zip(times.iter()).map(|(score, at)| ScoreRow {
        at: Timestamp::from_millis(at.cast_signed()),
        score: u8::try_from(score).unwrap_or(u8::MAX),
    }));
    Ok(())
}
