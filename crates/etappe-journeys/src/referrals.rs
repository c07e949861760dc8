//! Referral figures: who referred whom from the rows of referral, and what they did from the index.

use std::collections::{HashMap, HashSet};

use etappe_core::journey::{
    FirstMilestones, Referral, ReferralLink, ReferralRow, Referrals, invitations, referral_links,
};
use etappe_core::milestone::Milestone;
use etappe_core::query::Bots;
use etappe_core::time::Timestamp;

use crate::error::IndexError;
use crate::kind::EventKind;
use crate::people::People;
use crate::scan::counts;
use crate::site::SiteState;

/// The parts of a referral that an event plays.
#[derive(Debug, Clone, Copy)]
struct Traits {
    is_signup: bool,
    is_conversion: bool,
    is_activation: bool,
}

/// Returns all referrals and invitations that a site's rows tell of.
pub(crate) async fn referrals_of(
    site: &SiteState,
    bots: Bots,
    rows: &[ReferralRow],
) -> Result<Referrals, IndexError> {
    let links = referral_links(rows);
    let people = links.iter().flat_map(|link| [link.actor, link.inviter]);
    let first = first_milestones(site, bots, &people.collect()).await?;
    let of = |person: u64| first.get(&person).copied().unwrap_or_default();
    let referral = |link: ReferralLink| Referral {
        first: of(link.actor),
        inviter_activated: of(link.inviter).activated,
        link,
    };
    let referrals = links.into_iter().map(referral).collect();
    Ok(Referrals::new(referrals, invitations(rows)))
}

/// Returns when these people first reached their milestones. Who reached none is missing.
async fn first_milestones(
    site: &SiteState,
    bots: Bots,
    wanted: &HashSet<u64>,
) -> Result<HashMap<u64, FirstMilestones>, IndexError> {
    let mut found = HashMap::with_capacity(wanted.len());
    if wanted.is_empty() {
        return Ok(found);
    }
    let of_kind = |kind: &EventKind| traits(kind).filter(|_| counts(bots, kind.is_bot));
    let mut people = People::open(site, (i64::MIN, i64::MAX), of_kind)?;
    while let Some(person) = people.next()? {
        if !people.events().is_empty() && wanted.contains(&person) {
            found.insert(person, first_of(people.events()));
        }
        people.pause().await;
    }
    Ok(found)
}

fn traits(kind: &EventKind) -> Option<Traits> {
    let is = |milestones: &[Milestone]| {
        let mut names = milestones.iter().map(|milestone| milestone.as_str());
        names.any(|name| name == kind.milestone)
    };
    let is_signup = is(&[Milestone::Signup, Milestone::ReferredSignup]);
    let buys = is(&[
        Milestone::Purchase,
        Milestone::RepeatPurchase,
        Milestone::ReferredPurchase,
    ]);
    let traits = Traits {
        is_signup,
        is_conversion: is_signup || buys || is(&[Milestone::InviteAccepted]),
        is_activation: is(&[Milestone::Activation]),
    };
    (traits.is_conversion || traits.is_activation).then_some(traits)
}

/// Returns the first time of each milestone; the events are in order of time.
fn first_of(events: &[(i64, Traits)]) -> FirstMilestones {
    let first = |is: fn(&Traits) -> bool| {
        let found = events.iter().find(|(_, traits)| is(traits));
        found.map(|(at, _)| Timestamp::from_millis(*at))
    };
    FirstMilestones {
        signed_up: first(|traits| traits.is_signup),
        converted: first(|traits| traits.is_conversion),
        activated: first(|traits| traits.is_activation),
    }
}
