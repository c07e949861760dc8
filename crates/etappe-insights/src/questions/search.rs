//! `GET …/actors`: people whom a text may mean.

use etappe_core::id::SiteId;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::{Bots, ViewParameter, ViewQuery};
use etappe_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::{Parameter, Values};
use crate::query_limit::store_error;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::questions::person::{self, Person};
use crate::state::InsightsParts;

/// How many people are found by default, and at most.
const FOUND: usize = 20;
const MOST_FOUND: usize = 100;
/// The most characters of a text; ids are not longer.
const MOST_CHARACTERS: usize = 256;

/// The question for people whom a text may mean.
pub(crate) struct Search {
    site: SiteId,
    text: String,
    bots: Bots,
    limit: usize,
    timezone: String,
    as_of: Timestamp,
}

/// The people found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    /// The people, the closest first.
    people: Vec<Person>,
    /// Whether there are more than the limit.
    more: bool,
}

/// A row of the view `found_people`.
#[derive(Deserialize)]
struct FoundRow {
    actor_hash: u64,
    closeness: u8,
}

impl Question for Search {
    type Answer = SearchAnswer;

    const METHOD: Method = Method::Get;
    const PATH: &'static str = "actors";
    const SUMMARY: &'static str =
        "Finds people by an id, an order number, a name or an e-mail address.";
    const DESCRIPTION: &'static str = "Whoever has exactly this id comes first, then who placed the order of this number, then ids that begin with the text, then names and addresses that contain it, in upper or lower case. Names and addresses are those of `identify` (`name`, `firstName`, `lastName`, `email`). With `Accept: text/csv` the people come as a table.";
    const PARAMETERS: &'static [&'static [Parameter]] = &[&[
        Parameter {
            name: "q",
            description: "The text; required.",
            example: "sanne",
            values: Values::Text,
        },
        Parameter {
            name: "limit",
            description: "The most people. Default: 20.",
            example: "",
            values: Values::Count { most: MOST_FOUND },
        },
        Parameter {
            name: "bots",
            description: "Whether people with events of bots only are included. Default: `exclude`.",
            example: "exclude",
            values: Values::Words(&["exclude", "include", "only"]),
        },
    ]];
    const HAS_RANGE: bool = false;

    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let text = fields.take_text("q", problems);
        let text = text.as_deref().unwrap_or_default().trim();
        if text.is_empty() && !problems.mentions("q") {
            problems.push(
                "q",
                "is required: a part of an id, an order number, a name or an e-mail address",
            );
        }
        if text.chars().count() > MOST_CHARACTERS {
            problems.push(
                "q",
                format!("must have at most {MOST_CHARACTERS} characters"),
            );
        }
        Some(Self {
            site: request.access.site.clone(),
            text: text.to_owned(),
            limit: fields.take_limit(FOUND, MOST_FOUND, problems),
            bots: fields.take_bots(problems),
            timezone: request.access.settings.timezone.clone(),
            as_of: request.as_of,
        })
    }

    fn frame(&self) -> Frame {
        Frame::of_actors(self.timezone.clone(), self.as_of)
    }

    async fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> Result<SearchAnswer, InsightsError> {
        let query = ViewQuery {
            view: "found_people",
            site: self.site.clone(),
            parameters: vec![
                ("bots", ViewParameter::Bots(self.bots)),
                ("text", ViewParameter::Text(self.text.clone())),
            ],
        };
        let rows = parts.store.view_rows::<FoundRow>(&query).await;
        let mut found: Vec<FoundRow> = rows.map_err(store_error)?;
        found.sort_by_key(|row| (row.closeness, row.actor_hash));
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let hashes = found.into_iter().map(|row| row.actor_hash).collect();
        let people = person::list(parts, &self.site, self.bots, hashes).await?;
        Ok(SearchAnswer {
            people: people.into_iter().map(|(_, person)| person).collect(),
            more,
        })
    }
}

impl Answer for SearchAnswer {
    const HAS_TABLE: bool = true;

    fn table(&self) -> Option<CsvTable> {
        Some(person::table(&self.people))
    }
}
