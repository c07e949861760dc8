//! The trait of a question: everything about one endpoint that returns figures.
//!
//! A file in `questions` declares its parameters, how it is answered, and the table that its answer
//! becomes. [`handler`] makes the route from that, and [`openapi`] the description with its problem
//! responses. The metrics' label is the route; the table in `docs/api.md` is compared with the
//! description by a test.
//!
//! [`handler`]: crate::handler
//! [`openapi`]: crate::openapi

use std::future::Future;

use chrono_tz::Tz;
use etappe_core::ports::{Clock, JourneyStore};
use etappe_core::query::TimeRange;
use etappe_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::{Access, Shared};
use crate::calendar::{Period, day_start};
use crate::catalog::ModelCatalog;
use crate::csv::CsvTable;
use crate::error::InsightsError;
use crate::field::{Fields, Problems};
use crate::parameter::Parameter;
use crate::state::{InsightsParts, InsightsState};

/// A question that the API answers.
pub(crate) trait Question: Sized + Send + Sync + 'static {
    /// The answer's own members; the [`Frame`] comes before them.
    type Answer: Answer;

    /// How the question is sent.
    const METHOD: Method;
    /// The path below the site, such as `stages`. It may contain `{id}`.
    const PATH: &'static str;
    /// The question in one sentence.
    const SUMMARY: &'static str;
    /// What else a caller must know.
    const DESCRIPTION: &'static str;
    /// The parameters, in groups. They come in the query of a GET and in the body of a POST.
    const PARAMETERS: &'static [&'static [Parameter]];
    /// Whether the answer states a range.
    const HAS_RANGE: bool = true;
    /// Whether the store is asked, so that the question takes its turn.
    const ASKS_STORE: bool = true;
    /// Whether whoever has a share link may ask it. Such an answer names no people; see
    /// [`RequestInfo::shared`].
    const IN_SHARES: bool = false;

    /// Describes a body that is more than a list of parameters.
    fn body() -> Option<Body> {
        None
    }

    /// Reads the question from its fields; every problem is added to `problems`. Returns `None`
    /// only if there is a problem.
    fn read(
        fields: &mut Fields,
        request: &RequestInfo<'_>,
        problems: &mut Problems,
    ) -> Option<Self>;

    /// Returns the unit, time zone and range that the answer states.
    fn frame(&self) -> Frame;

    /// Answers the question.
    fn answer<S: JourneyStore, C: Clock>(
        &self,
        parts: &InsightsParts<S, C>,
    ) -> impl Future<Output = Result<Self::Answer, InsightsError>> + Send;
}

/// The answer to a question.
pub(crate) trait Answer: Serialize + ToSchema + Send + Sync {
    /// Whether the answer can be a table, too.
    const HAS_TABLE: bool = false;

    /// Returns the answer as a table, if it [can be one](Self::HAS_TABLE).
    fn table(&self) -> Option<CsvTable> {
        None
    }
}

/// The method of a question's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// The parameters are in the query.
    Get,
    /// The parameters are in a JSON body.
    Post,
}

/// A JSON body with a schema of its own.
pub(crate) struct Body {
    /// The schema's name.
    pub(crate) name: String,
    /// The schema and those that it refers to.
    pub(crate) schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
    /// Examples: name, summary, body.
    pub(crate) examples: Vec<(&'static str, &'static str, Value)>,
}

impl Body {
    /// Describes a body of type `B`.
    pub(crate) fn of<B: ToSchema>(examples: Vec<(&'static str, &'static str, Value)>) -> Self {
        let name = B::name().into_owned();
        let mut schemas = vec![(name.clone(), B::schema())];
        B::schemas(&mut schemas);
        Self {
            name,
            schemas,
            examples,
        }
    }
}

/// The circumstances in which a question is read.
#[derive(Debug)]
pub(crate) struct RequestInfo<'a> {
    /// The site asked about, and the path's parameters.
    pub(crate) access: &'a Access,
    /// The journey models.
    pub(crate) catalog: &'a ModelCatalog,
    /// The current time.
    pub(crate) now: Timestamp,
    /// The watermark.
    pub(crate) as_of: Timestamp,
    /// How many events of a person are on a page by default.
    pub(crate) page_events: usize,
}

impl<'a> RequestInfo<'a> {
    /// Returns what the share link shows over which the question came; `None` if it came otherwise.
    pub(crate) const fn shared(&self) -> Option<Shared> {
        self.access.shared
    }

    /// Returns the circumstances of a question that is asked now, about the site of `access`.
    pub(crate) fn new<S, C: Clock>(state: &'a InsightsState<S, C>, access: &'a Access) -> Self {
        Self {
            access,
            catalog: &state.parts().catalog,
            now: state.now(),
            as_of: state.as_of(),
            page_events: state.parts().config.page_events,
        }
    }
}

/// The members that every answer begins with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Frame {
    /// The counted unit, except where a figure says otherwise.
    #[schema(example = "actor")]
    pub(crate) unit: &'static str,
    /// The zone that dates and periods are in.
    #[schema(example = "Europe/Amsterdam")]
    pub(crate) timezone: String,
    /// The watermark: everything received before it is in the figures.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) as_of: Timestamp,
    /// The range; only where the question has one.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(crate) range: Option<Range>,
}

/// The range of time that an answer covers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Range {
    /// The first instant of the range.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
}

impl Frame {
    /// Checks that the range lies within the days that a share link shows.
    pub(crate) fn check_shared(
        &self,
        shared: Option<Shared>,
        zone: &str,
    ) -> Result<(), InsightsError> {
        let Some(days) = shared.and_then(|shared| shared.fixed) else {
            return Ok(());
        };
        let zone = zone.parse().unwrap_or(Tz::UTC);
        let from = day_start(zone, days.first);
        let to = day_start(zone, Period::Day.next(days.last));
        match &self.range {
            Some(range) if range.from < from || range.to > to => {
                Err(InsightsError::OtherDays(days))
            }
            _ => Ok(()),
        }
    }

    /// Makes the frame of an answer about people.
    pub(crate) const fn of_actors(timezone: String, as_of: Timestamp) -> Self {
        Self {
            unit: "actor",
            timezone,
            as_of,
            range: None,
        }
    }

    /// Adds the range.
    pub(crate) fn with_range(self, range: TimeRange) -> Self {
        Self {
            range: Some(Range {
                from: range.from,
                to: range.to,
            }),
            ..self
        }
    }
}
