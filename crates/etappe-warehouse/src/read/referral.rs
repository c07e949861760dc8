//! Referral figures, computed from the rows of the views `referrals` and `invitations`.
//!
//! The views say who first referred each person. Everything that needs the whole graph (loops,
//! generations) and the pairing of invitations with conversions is computed here.

mod forest;
mod pairing;

use std::collections::{BTreeMap, HashMap};

use etappe_core::kpi::{KpiScope, ReferralFigures};
use etappe_core::query::TimeRange;
use etappe_core::time::Timestamp;

use self::forest::Forest;
use self::pairing::Invitation;
use crate::error::WarehouseError;
use crate::metrics::to_u64;
use crate::native::Block;
use crate::warehouse::Warehouse;

/// The most referrals, and the most invitations, kept in memory (about 100 bytes each).
const MAX_REFERRALS: usize = 5_000_000;
/// How many advocates are listed.
const MAX_ADVOCATES: usize = 100;
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

/// A person whom another person referred.
#[derive(Debug, Clone)]
struct Referral {
    actor: u64,
    inviter: u64,
    inviter_id: String,
    signed_up: Option<Timestamp>,
    converted: Option<Timestamp>,
    activated: Option<Timestamp>,
    inviter_activated: Option<Timestamp>,
    ordered_in_range: bool,
}

impl Referral {
    /// Returns whether the person signed up or bought in the range.
    fn counts_in(&self, range: TimeRange) -> bool {
        self.ordered_in_range || self.signed_up.is_some_and(|at| contains(range, at))
    }
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
        Ok(figures_of(&referrals, &invitations, scope.range))
    }

    /// Reads all referrals whose link is not on a loop.
    async fn read_referrals(&self, scope: &KpiScope) -> Result<Vec<Referral>, WarehouseError> {
        let query = self.scope_query("referrals", REFERRALS, scope);
        let mut referrals = Vec::new();
        let collect = |mut block: Block| {
            let actor = block.numbers("actor_hash")?;
            let inviter = block.numbers("inviter_hash")?;
            let mut inviter_id = block.texts("inviter")?;
            let signed_up = block.numbers("signed_up")?;
            let converted = block.numbers("converted")?;
            let activated = block.numbers("activated")?;
            let inviter_activated = block.numbers("inviter_activated")?;
            let ordered = block.numbers("ordered")?;
            let people = actor.iter().zip(inviter.iter());
            let times = signed_up
                .iter()
                .zip(converted.iter())
                .zip(activated.iter().zip(inviter_activated.iter()));
            for (((actor, inviter), ((signed_up, converted), (activated, theirs))), ordered) in
                people.zip(times).zip(ordered.iter())
            {
                referrals.push(Referral {
                    actor,
                    inviter,
                    inviter_id: String::from_utf8_lossy(&inviter_id.next()).into_owned(),
                    signed_up: instant(signed_up),
                    converted: instant(converted),
                    activated: instant(activated),
                    inviter_activated: instant(theirs),
                    ordered_in_range: ordered != 0,
                });
            }
            bounded(referrals.len())
        };
        query.blocks(collect).await?;
        let on_loop = Forest::links_on_loops(&referrals);
        let mut index = 0;
        referrals.retain(|_| {
            index += 1;
            !on_loop.get(index - 1).copied().unwrap_or_default()
        });
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

/// Computes all figures except those from other views.
fn figures_of(
    referrals: &[Referral],
    invitations: &[Invitation],
    range: TimeRange,
) -> ReferralFigures {
    let sent_in_range: Vec<&Invitation> = invitations
        .iter()
        .filter(|invitation| contains(range, invitation.sent))
        .collect();
    let mut inviters: Vec<u64> = sent_in_range
        .iter()
        .map(|invitation| invitation.inviter)
        .collect();
    inviters.sort_unstable();
    inviters.dedup();
    let counted: Vec<&Referral> = referrals
        .iter()
        .filter(|referral| referral.counts_in(range))
        .collect();
    let activated: Vec<&Referral> = referrals
        .iter()
        .filter(|referral| referral.activated.is_some_and(|at| contains(range, at)))
        .collect();
    ReferralFigures {
        invitations: to_u64(sent_in_range.len()),
        inviters: to_u64(inviters.iter().filter(|inviter| **inviter != 0).count()),
        converted: pairing::converted(invitations, referrals, range),
        active_actors: 0,
        customers: 0,
        referred: to_u64(counted.len()),
        referred_activated: to_u64(activated.len()),
        viral_cycle_p50_s: viral_cycle(&activated),
        generations: generations(referrals, &counted),
        advocates: advocates(&counted),
    }
}

/// Returns the median time from the inviter's activation to the invitee's, in seconds.
fn viral_cycle(activated: &[&Referral]) -> Option<f64> {
    let mut cycles: Vec<i64> = activated
        .iter()
        .filter_map(|referral| {
            Some(
                referral
                    .activated?
                    .millis_since(referral.inviter_activated?),
            )
        })
        .collect();
    cycles.sort_unstable();
    let upper = *cycles.get(cycles.len() / 2)?;
    let lower = *cycles.get((cycles.len() - 1) / 2)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of years fit into 53 bits"
    )]
    let seconds = |millis: i64| millis as f64 / 1000.0;
    Some(f64::midpoint(seconds(lower), seconds(upper)))
}

fn generations(referrals: &[Referral], counted: &[&Referral]) -> Vec<(u32, u64)> {
    let forest = Forest::new(referrals);
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for referral in counted {
        *sizes.entry(forest.generation(referral.actor)).or_default() += 1;
    }
    sizes.into_iter().collect()
}

/// Returns the actors who referred the most; ties are ordered by id.
fn advocates(counted: &[&Referral]) -> Vec<(String, u64)> {
    let mut referred: HashMap<u64, (&str, u64)> = HashMap::new();
    for referral in counted {
        referred
            .entry(referral.inviter)
            .or_insert((&referral.inviter_id, 0))
            .1 += 1;
    }
    let mut advocates: Vec<(&str, u64)> = referred.into_values().collect();
    advocates.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    advocates.truncate(MAX_ADVOCATES);
    advocates
        .into_iter()
        .map(|(id, count)| (id.to_owned(), count))
        .collect()
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

fn contains(range: TimeRange, at: Timestamp) -> bool {
    range.from <= at && at < range.to
}
