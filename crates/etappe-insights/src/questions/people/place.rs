//! The order of people in a list: whoever got as far as they did last comes first.

use std::cmp::Reverse;
use std::collections::HashMap;

use etappe_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::field::{Fields, Problems};
use crate::questions::person::Person;

/// A person's place in the list: the latest first, and of those of one instant by the hash.
pub(super) type Place = (Reverse<Timestamp>, u64);

/// A person of a figure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonThere {
    #[serde(flatten)]
    pub(super) person: Person,
    /// When they reached the step; of those who did not, when they reached the gate before it.
    #[schema(value_type = String, format = DateTime)]
    pub(super) at: Timestamp,
}

/// Returns the people with their times, in the order of their places. Whoever has no event that counts
/// is left out.
pub(super) fn placed(people: Vec<(u64, Person)>, page: &[Place]) -> Vec<PersonThere> {
    let at: HashMap<u64, Timestamp> = page.iter().map(|(at, actor)| (*actor, at.0)).collect();
    let placed = people.into_iter().filter_map(|(actor, person)| {
        let at = *at.get(&actor)?;
        Some(PersonThere { person, at })
    });
    placed.collect()
}

/// Returns the cursor of what follows a place.
pub(super) fn cursor((Reverse(at), actor): &Place) -> String {
    format!("{:x}-{actor:016x}", at.as_millis())
}

/// Takes `cursor`: the place of the last person of the page before.
pub(super) fn take_cursor(fields: &mut Fields, problems: &mut Problems) -> Option<Place> {
    let text = fields.take_text("cursor", problems)?;
    let parts = text.split_once('-');
    let place = parts.and_then(|(at, actor)| {
        let at = i64::from_str_radix(at, 16).ok()?;
        let actor = u64::from_str_radix(actor, 16).ok()?;
        Some((Reverse(Timestamp::from_millis(at)), actor))
    });
    if place.is_none() {
        problems.push("cursor", "is not the `next` of a page");
    }
    place
}
