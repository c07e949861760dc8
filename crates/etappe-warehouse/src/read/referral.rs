//! Referral figures, by the views `referrals` and `invitations`, and the rows they come from.
//!
//! The views say who first referred each person. What needs the whole graph (loops, generations, the
//! pairing of invitations with conversions) is the core's.

mod rows;

use std::collections::HashSet;

use etappe_core::journey::{FirstMilestones, Invitation, Referral, ReferralLink, Referrals};
use etappe_core::kpi::{KpiScope, ReferralFigures};
use etappe_core::time::Timestamp;

use crate::error::WarehouseError;
use crate::native::Block;
use crate::warehouse::Warehouse;

/// The most referrals, and the most invitations, kept in memory (about 100 bytes each).
const MAX_REFERRALS: usize = 5_000_000;
/// Stands for "never", which is null in the views.
const NEVER: i64 = i64::MIN;

const REFERRALS: &str = "
SELECT
    actor_hash,
    inviter_hash,
    inviter,
    ifNull(toUnixTimestamp64Milli(signed_up_at), toInt64(-9223372036854775808)) AS signed_up,
    ifNull(toUnixTimestamp64Milli(converted_at), toInt64(-9223372036854775808)) AS converted,
    ifNull(toUnixTimestamp64Milli(activated_at), toInt64(-9223372036854775808)) AS activated,
    ifNull(toUnixTimestamp64Milli(inviter_activated_at), toInt64(-9223372036854775808)) AS inviter_activated,
    toUInt64(ordered_in_range) AS ordered
FROM referrals(site = {site:String}, bots = {bots:String},
    from = {from:DateTime64(3, 'UTC')}, to = {to:DateTime64(3, 'UTC')})";

/// All invitations, including those before the range, because they claim their own conversions.
const INVITATIONS: &str = "
SELECT actor_hash, toUnixTimestamp64Milli(sent_at) AS sent
FROM invitations(site = {site:String}, bots = {bots:String},
    from = '1900-01-01 00:00:00.000', to = {to:DateTime64(3, 'UTC')})
ORDER BY sent_at, partition, offset";

/// The referrals of a view, and who of them ordered in the range.
#[derive(Default)]
struct ViewReferrals {
    all: Vec<Referral>,
    ordered: HashSet<u64>,
}

impl Warehouse {
    pub(crate) async fn read_referral_figures(
        &self,
        scope: &KpiScope,
    ) -> Result<ReferralFigures, WarehouseError> {
        let (mut figures, activity, orders) = tokio::try_join!(
            self.read_referral_graph(scope),
            self.read_activity(scope),
            self.read_orders(scope),
        )?;
        figures.active_actors = activity.visitors;
        figures.customers = orders.customers;
        Ok(figures)
    }

    /// Reads the figures that need the whole graph: all but the active actors and the customers.
    pub(crate) async fn read_referral_graph(
        &self,
        scope: &KpiScope,
    ) -> Result<ReferralFigures, WarehouseError> {
        let (referrals, invitations) =
            tokio::try_join!(self.read_referrals(scope), self.read_invitations(scope))?;
        let ViewReferrals { all, ordered } = referrals;
        let referrals = Referrals::new(all, invitations);
        Ok(referrals.figures(scope.range, |actor| ordered.contains(&actor)))
    }

    async fn read_referrals(&self, scope: &KpiScope) -> Result<ViewReferrals, WarehouseError> {
        let query = self.scope_query("referrals", REFERRALS, scope);
        let mut referrals = ViewReferrals::default();
        query
            .blocks(|block| take_referrals(block, &mut referrals))
            .await?;
        Ok(referrals)
    }

    async fn read_invitations(&self, scope: &KpiScope) -> Result<Vec<Invitation>, WarehouseError> {
        let query = self.scope_query("invitations", INVITATIONS, scope);
        let mut invitations = Vec::new();
        let collect = |mut block: Block| {
            let actor = block.numbers("actor_hash")?;
            let sent = block.numbers("sent")?;
            for (inviter, sent) in actor.iter().zip(sent.iter()) {
                invitations.push(Invitation {
                    inviter,
                    sent: Timestamp::from_millis(sent.cast_signed()),
                });
            }
            bounded(invitations.len())
        };
        query.blocks(collect).await?;
        Ok(invitations)
    }
}

fn take_referrals(mut block: Block, referrals: &mut ViewReferrals) -> Result<(), WarehouseError> {
    let mut numbers = |name| block.all_numbers(name);
    let (actors, inviters) = (numbers("actor_hash")?, numbers("inviter_hash")?);
    let (signed_up, converted) = (numbers("signed_up")?, numbers("converted")?);
    let (activated, theirs) = (numbers("activated")?, numbers("inviter_activated")?);
    let ordered = numbers("ordered")?;
    let mut ids = block.texts("inviter")?;
    for (row, actor) in actors.iter().copied().enumerate() {
        let at = |column: &[u64]| column.get(row).copied().unwrap_or_default();
        referrals.all.push(Referral {
            link: ReferralLink {
                actor,
                inviter: at(&inviters),
                inviter_id: String::from_utf8_lossy(&ids.next()).into_owned(),
            },
            first: FirstMilestones {
                signed_up: instant(at(&signed_up)),
                converted: instant(at(&converted)),
                activated: instant(at(&activated)),
            },
            inviter_activated: instant(at(&theirs)),
        });
        if at(&ordered) != 0 {
            referrals.ordered.insert(actor);
        }
    }
    bounded(referrals.all.len())
}

fn bounded(rows: usize) -> Result<(), WarehouseError> {
    if rows > MAX_REFERRALS {
        return Err(WarehouseError::TooManyReferrals {
            limit: MAX_REFERRALS,
        });
    }
    Ok(())
}

fn instant(millis: u64) -> Option<Timestamp> {
    let millis = millis.cast_signed();
    (millis != NEVER).then(|| Timestamp::from_millis(millis))
}
