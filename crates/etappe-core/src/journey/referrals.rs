//! Who referred whom, and which invitations converted.
//!
//! These are the definitions of the views `referral_links`, `referrals` and `invitations`, and of
//! what needs the whole graph: loops, generations and the pairing of invitations with conversions.

mod figures;
mod forest;
mod links;
mod pairing;

use crate::event::KeyScope;
use crate::query::TimeRange;
use crate::time::Timestamp;

use forest::Forest;
pub use links::referral_links;

/// The kinds of rows of referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferralKind {
    /// An invitation was sent.
    Invitation,
    /// Something was shared.
    Share,
    /// Anything else that names an inviter or a code.
    Other,
}

/// An event about a referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralRow {
    /// Its kind.
    pub kind: ReferralKind,
    /// The scope of the key that it came by.
    pub scope: KeyScope,
    /// The hash of the actor's id; 0 if it names nobody.
    pub actor: u64,
    /// The actor's id; empty unless an invitation or a share has a code, which is then theirs.
    pub actor_id: String,
    /// The code; empty if it has none.
    pub code: String,
    /// The hash of the inviter's id; 0 if it names none.
    pub inviter: u64,
    /// The inviter's id.
    pub inviter_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// Its place in the log: the partition, then the offset.
    pub place: (u32, u64),
}

/// A person and their inviter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralLink {
    /// The hash of the person's id.
    pub actor: u64,
    /// The hash of the inviter's id.
    pub inviter: u64,
    /// The inviter's id.
    pub inviter_id: String,
}

/// When a person first reached some milestones; none if never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FirstMilestones {
    /// The first signup, referred or not.
    pub signed_up: Option<Timestamp>,
    /// The first signup, purchase or accepted invitation.
    pub converted: Option<Timestamp>,
    /// The first activation.
    pub activated: Option<Timestamp>,
}

/// A person whom another person referred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// The person, and who referred them.
    pub link: ReferralLink,
    /// The person's milestones.
    pub first: FirstMilestones,
    /// When the inviter first activated.
    pub inviter_activated: Option<Timestamp>,
}

impl Referral {
    fn signed_up_in(&self, range: TimeRange) -> bool {
        self.first.signed_up.is_some_and(|at| contains(range, at))
    }

    fn activated_in(&self, range: TimeRange) -> bool {
        self.first.activated.is_some_and(|at| contains(range, at))
    }
}

/// An invitation that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// The hash of the sender's id; 0 if unknown.
    pub inviter: u64,
    /// When it was sent.
    pub sent: Timestamp,
}

/// All referrals and invitations of a site.
#[derive(Debug, Clone, Default)]
pub struct Referrals {
    /// Those whose link is not on a loop.
    referrals: Vec<Referral>,
    /// In order of time.
    invitations: Vec<Invitation>,
}

impl Referrals {
    /// Takes everyone's referral, at most one of each person, and invitations in order of time, those
    /// before a question's range too: they claim their own conversions.
    #[must_use]
    pub fn new(mut referrals: Vec<Referral>, invitations: Vec<Invitation>) -> Self {
        let mut on_loop = Forest::links_on_loops(&referrals).into_iter();
        referrals.retain(|_| !on_loop.next().unwrap_or_default());
        Self {
            referrals,
            invitations,
        }
    }

    /// Returns the memory that it takes, roughly.
    #[must_use]
    pub fn memory(&self) -> usize {
        let ids = self.referrals.iter().map(|it| it.link.inviter_id.len());
        ids.sum::<usize>()
            + self.referrals.len() * size_of::<Referral>()
            + self.invitations.len() * size_of::<Invitation>()
    }
}

/// Returns the invitations among a site's rows, in order of time.
#[must_use]
pub fn invitations(rows: &[ReferralRow]) -> Vec<Invitation> {
    let sent = rows
        .iter()
        .filter(|row| row.kind == ReferralKind::Invitation);
    let mut sent: Vec<&ReferralRow> = sent.collect();
    sent.sort_by_key(|row| (row.at, row.place));
    let invitation = |row: &&ReferralRow| Invitation {
        inviter: row.actor,
        sent: row.at,
    };
    sent.iter().map(invitation).collect()
}

fn contains(range: TimeRange, at: Timestamp) -> bool {
    range.from <= at && at < range.to
}
