//! Who referred each person.

use std::collections::HashMap;

use super::{ReferralKind, ReferralLink, ReferralRow};
use crate::event::KeyScope;

/// Returns who referred each referred person: the first event that names an inviter, by id or else by
/// code. A code belongs to the person who first sent an invitation or shared with it. A server's event
/// comes before that of any other sender. Nobody refers themselves.
#[must_use]
pub fn referral_links(rows: &[ReferralRow]) -> Vec<ReferralLink> {
    let owners = code_owners(rows);
    let mut first: HashMap<u64, (&ReferralRow, (u64, &str))> = HashMap::new();
    for row in rows.iter().filter(|row| row.actor != 0) {
        let Some(inviter) = inviter(row, &owners) else {
            continue;
        };
        if inviter.0 == row.actor {
            continue;
        }
        let known = first.entry(row.actor).or_insert((row, inviter));
        if rank(row) < rank(known.0) {
            *known = (row, inviter);
        }
    }
    let link = |(actor, (_, (inviter, id))): (u64, (_, (u64, &str)))| ReferralLink {
        actor,
        inviter,
        inviter_id: id.to_owned(),
    };
    first.into_iter().map(link).collect()
}

/// Returns the hash and the id of the inviter that a row names.
fn inviter<'r>(
    row: &'r ReferralRow,
    owners: &HashMap<&str, &'r ReferralRow>,
) -> Option<(u64, &'r str)> {
    if row.inviter != 0 {
        return Some((row.inviter, &row.inviter_id));
    }
    // Who invites or shares shows their own code.
    if row.kind != ReferralKind::Other {
        return None;
    }
    let owner = owners.get(row.code.as_str())?;
    Some((owner.actor, &owner.actor_id))
}

fn code_owners(rows: &[ReferralRow]) -> HashMap<&str, &ReferralRow> {
    let shows_code = |row: &&ReferralRow| {
        row.kind != ReferralKind::Other && row.actor != 0 && !row.code.is_empty()
    };
    let mut owners: HashMap<&str, &ReferralRow> = HashMap::new();
    for row in rows.iter().filter(shows_code) {
        let known = owners.entry(&row.code).or_insert(row);
        if rank(row) < rank(known) {
            *known = row;
        }
    }
    owners
}

/// The order of rows about one person or code: by trust, then by time and arrival.
fn rank(row: &ReferralRow) -> impl Ord + use<> {
    let scopes = KeyScope::ALL.iter();
    let trust = scopes.take_while(|scope| **scope != row.scope).count();
    (trust, row.at, row.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn row(kind: ReferralKind, actor: u64, at: i64) -> ReferralRow {
        ReferralRow {
            kind,
            scope: KeyScope::Browser,
            actor,
            actor_id: actor.to_string(),
            code: String::new(),
            inviter: 0,
            inviter_id: String::new(),
            at: Timestamp::from_millis(at),
            place: (0, at.unsigned_abs()),
        }
    }

    fn with_code(kind: ReferralKind, actor: u64, code: &str, at: i64) -> ReferralRow {
        ReferralRow {
            code: code.to_owned(),
            ..row(kind, actor, at)
        }
    }

    fn by_id(actor: u64, inviter: u64, at: i64) -> ReferralRow {
        ReferralRow {
            inviter,
            inviter_id: inviter.to_string(),
            ..row(ReferralKind::Other, actor, at)
        }
    }

    fn links(rows: &[ReferralRow]) -> Vec<(u64, u64, String)> {
        let links = referral_links(rows).into_iter();
        let mut links: Vec<_> = links
            .map(|link| (link.actor, link.inviter, link.inviter_id))
            .collect();
        links.sort();
        links
    }

    #[test]
    fn the_first_event_that_names_an_inviter_decides() {
        let rows = [by_id(2, 1, 20), by_id(2, 3, 10), by_id(2, 2, 5)];
        assert_eq!(links(&rows), [(2, 3, "3".to_owned())]);
    }

    #[test]
    fn a_server_comes_before_an_earlier_browser() {
        let told = ReferralRow {
            scope: KeyScope::Server,
            ..by_id(2, 1, 20)
        };
        assert_eq!(links(&[by_id(2, 3, 10), told]), [(2, 1, "1".to_owned())]);
    }

    #[test]
    fn a_code_is_its_first_inviters_whenever_it_is_used() {
        let rows = [
            with_code(ReferralKind::Other, 5, "ANNA", 1),
            with_code(ReferralKind::Share, 2, "ANNA", 9),
            with_code(ReferralKind::Invitation, 1, "ANNA", 8),
            with_code(ReferralKind::Other, 6, "NOBODY", 1),
        ];
        // Person 2 shows a code that is not theirs, which refers nobody.
        assert_eq!(links(&rows), [(5, 1, "1".to_owned())]);
    }

    #[test]
    fn nobody_is_referred_by_a_row_without_a_person() {
        assert_eq!(links(&[by_id(0, 1, 1)]), []);
        let own = [
            with_code(ReferralKind::Share, 0, "A", 1),
            with_code(ReferralKind::Other, 5, "A", 2),
        ];
        assert_eq!(links(&own), []);
    }
}
