//! People as they stand in lists.

use std::collections::HashMap;

use etappe_core::id::{ActorHash, SiteId};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::query_limit::store_error;
use crate::state::InsightsParts;

/// A person in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    /// The person's id; `GET …/actors/{id}` tells more.
    #[schema(example = "user-17")]
    actor: String,
    /// The name that the person was last identified with.
    #[schema(example = "Sanne de Wit")]
    name: Option<String>,
    /// The e-mail address, all but its first letter and its host hidden.
    #[schema(example = "s…@example.com")]
    email_hint: Option<String>,
    /// The channel of their first event that has one.
    #[schema(example = "Organic Search")]
    channel: Option<String>,
    /// The device of their latest event that has one.
    #[schema(example = "phone")]
    device: Option<String>,
    /// The country of their latest event that has one.
    #[schema(example = "NL")]
    country: Option<String>,
    /// When they were first seen.
    #[schema(value_type = String, format = DateTime)]
    first_seen: Timestamp,
    /// When they were last seen.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Timestamp,
}

/// A row of the view `people`.
#[derive(Deserialize)]
struct PersonRow {
    actor_hash: u64,
    last_actor: String,
    first_seen: i64,
    last_seen: i64,
    first_channel: String,
    last_device: String,
    last_country: String,
}

/// A row of the view `people_names`.
#[derive(Default, Deserialize)]
struct NameRow {
    actor_hash: u64,
    last_name: String,
    last_email: String,
}

/// Returns the people with these hashes, and their hashes, in their order. Whoever has no event that counts is left
/// out.
pub(crate) async fn list<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    site: &SiteId,
    bots: Bots,
    hashes: Vec<u64>,
) -> Result<Vec<(u64, Person)>, InsightsError> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let rows = ViewQuery {
        view: "people",
        site: site.clone(),
        parameters: vec![
            ("bots", ViewParameter::Bots(bots)),
            ("people", ViewParameter::Actors(hashes.clone())),
        ],
    };
    let names = names_of(site, hashes.clone());
    let (rows, names) = tokio::try_join!(
        parts.store.view_rows::<PersonRow>(&rows),
        parts.store.view_rows::<NameRow>(&names),
    )
    .map_err(store_error)?;
    let names = names.into_iter().map(|row| (row.actor_hash, row));
    let mut names: HashMap<u64, NameRow> = names.collect();
    let rows = rows.into_iter().map(|row| (row.actor_hash, row));
    let mut rows: HashMap<u64, PersonRow> = rows.collect();
    let found = hashes.iter().filter_map(|hash| {
        let row = rows.remove(hash)?;
        let name = names.remove(hash).unwrap_or_default();
        Some((*hash, Person::new(row, name)))
    });
    Ok(found.collect())
}

/// What a person is called.
#[derive(Debug, Default)]
pub(crate) struct Called {
    pub(crate) name: Option<String>,
    pub(crate) email_hint: Option<String>,
}

/// Returns what the person with this id is called.
pub(crate) async fn called<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    site: &SiteId,
    actor: &str,
) -> Result<Called, InsightsError> {
    let hash = ActorHash::of(actor).0;
    let mut called = all_called(parts, site, vec![hash]).await?;
    Ok(called.remove(&hash).unwrap_or_default())
}

/// Returns what the people with these hashes are called, by hash. Whoever was never identified is
/// left out.
pub(crate) async fn all_called<S: JourneyStore, C: Clock>(
    parts: &InsightsParts<S, C>,
    site: &SiteId,
    hashes: Vec<u64>,
) -> Result<HashMap<u64, Called>, InsightsError> {
    if hashes.is_empty() {
        return Ok(HashMap::new());
    }
    let names = names_of(site, hashes);
    let names = parts.store.view_rows::<NameRow>(&names).await;
    let names = names.map_err(store_error)?.into_iter();
    Ok(names
        .map(|row| (row.actor_hash, Called::from(row)))
        .collect())
}

fn names_of(site: &SiteId, people: Vec<u64>) -> ViewQuery {
    ViewQuery {
        view: "people_names",
        site: site.clone(),
        parameters: vec![("people", ViewParameter::Actors(people))],
    }
}

impl From<NameRow> for Called {
    fn from(row: NameRow) -> Self {
        Self {
            name: known(row.last_name),
            email_hint: known(row.last_email).and_then(|email| hint(&email)),
        }
    }
}

/// Returns a text that is not empty.
fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// The columns of a table of people.
pub(crate) const COLUMNS: [&str; 7] = [
    "actor",
    "name",
    "channel",
    "device",
    "country",
    "first_seen",
    "last_seen",
];

/// Returns a list as a table.
pub(crate) fn table<'a>(people: impl IntoIterator<Item = &'a Person>) -> CsvTable {
    let mut table = CsvTable::new(COLUMNS);
    for person in people {
        push(&mut table, person);
        table.end_row();
    }
    table
}

/// Adds the columns of a person to a row.
pub(crate) fn push(table: &mut CsvTable, person: &Person) {
    table.push_text(&person.actor);
    for text in [
        &person.name,
        &person.channel,
        &person.device,
        &person.country,
    ] {
        table.push_text(text.as_deref().unwrap_or_default());
    }
    table.push_text(&person.first_seen.to_string());
    table.push_text(&person.last_seen.to_string());
}

impl Person {
    fn new(row: PersonRow, name: NameRow) -> Self {
        let called = Called::from(name);
        Self {
            actor: row.last_actor,
            name: called.name,
            email_hint: called.email_hint,
            channel: known(row.first_channel),
            device: known(row.last_device),
            country: known(row.last_country),
            first_seen: Timestamp::from_millis(row.first_seen),
            last_seen: Timestamp::from_millis(row.last_seen),
        }
    }
}

/// Returns an e-mail address with only its first letter and its host; `None` if it is none.
fn hint(email: &str) -> Option<String> {
    let (name, host) = email.rsplit_once('@')?;
    Some(format!("{}…@{host}", name.chars().next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_its_first_letter_and_its_host() {
        assert_eq!(hint("sanne@example.com").unwrap(), "s…@example.com");
        assert_eq!(hint("Éva@x.hu").unwrap(), "É…@x.hu");
        assert_eq!(hint("\"a@b\"@x.hu").unwrap(), "\"…@x.hu");
        assert_eq!(hint("@x.hu"), None);
        assert_eq!(hint("nobody"), None);
    }
}
