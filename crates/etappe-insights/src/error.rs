//! The API's errors.

use std::error::Error;

use etappe_core::funnel::SpecProblem;
use etappe_core::ports::Cost;
use etappe_core::share::FixedDays;
use etappe_runtime::authorization::UnreadableAuthorization;
use etappe_runtime::http_server::BodyTimedOut;
use serde::Serialize;
use utoipa::ToSchema;

/// A problem with one field of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field, as a path: `steps[1].event`.
    #[schema(example = "steps[1].event")]
    pub field: String,
    /// The problem with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

/// How to make an expensive question cheaper.
const NARROWER: &str = "ask for a shorter range (`from`, `to`), for one model, for fewer steps, or for a coarser breakdown";

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum InsightsError {
    /// The request has no token.
    #[error("send the site's read token as `Authorization: Bearer …`")]
    MissingToken,
    /// The `Authorization` header is ambiguous.
    #[error("{0}")]
    UnreadableToken(#[source] UnreadableAuthorization),
    /// The token is unknown or malformed.
    #[error("this token reads no site")]
    UnknownToken,
    /// The session has ended.
    #[error("this session has ended: sign in again")]
    SessionOver,
    /// The share link has ended, was revoked, or got another password.
    #[error(
        "this link does not open anything any more: give its password again, or ask for a new one"
    )]
    LinkOver,
    /// A share link does not show this.
    #[error("a share link does not show this: it shows figures of its page, and no people")]
    NotShared,
    /// A share link shows other days only.
    #[error("this link shows {0} only")]
    OtherDays(FixedDays),
    /// The token does not read this site, which may not even exist.
    #[error("this token does not read the site asked about")]
    WrongSite,
    /// No route has this path.
    #[error("there is nothing at this path")]
    NoSuchRoute,
    /// The path exists, but not with this method.
    #[error("this path does not take {0}")]
    MethodNotAllowed(http::Method),
    /// No actor has this id.
    #[error("no actor has the id `{0}`")]
    UnknownActor(String),
    /// The path is not valid text.
    #[error("the path is not valid UTF-8 once it is percent-decoded")]
    MalformedPath,
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    MalformedJson(#[source] serde_json::Error),
    /// The body ended early.
    #[error("the body could not be read to its end")]
    BrokenBody,
    /// The body came too slowly.
    #[error("the body did not arrive within {} s: send it again, faster", .0.limit.as_secs().max(1))]
    BodyTimedOut(#[source] BodyTimedOut),
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// The question is invalid; every problem is listed.
    #[error("the question has {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    InvalidQuestion(Vec<FieldProblem>),
    /// The answer would take too much memory.
    #[error(
        "the answer takes too much memory: ask for a shorter range, longer periods or fewer values"
    )]
    AnswerTooLarge,
    /// A unit has too many possible paths through the funnel.
    #[error("{0}")]
    SearchTooLarge(#[source] etappe_core::funnel::SearchTooLarge),
    /// The question exceeds the store's limits for one question.
    #[error("{}: {NARROWER}", excess(*.0))]
    TooCostly(Cost),
    /// Too many questions are running.
    #[error("too many questions are being answered: try again shortly")]
    Busy,
    /// Too many questions about this site are waiting.
    #[error(
        "{waiting} questions about this site are waiting: ask fewer at a time, and try again shortly"
    )]
    SiteBusy {
        /// How many wait.
        waiting: usize,
    },
    /// Too many streams are open.
    #[error("{most} live streams are open, which is the most: close one, or try again shortly")]
    TooManyStreams {
        /// The most streams.
        most: usize,
    },
    /// The question took too long.
    #[error("the answer took longer than {seconds} s: ask for a shorter range")]
    Timeout {
        /// How long a question may take.
        seconds: u64,
    },
    /// The store is temporarily unavailable.
    #[error("the store cannot answer at the moment: try again shortly")]
    StoreUnavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed permanently.
    #[error("the store could not answer this question")]
    StoreFailed(#[source] Box<dyn Error + Send + Sync>),
}

impl InsightsError {
    /// Converts the problems of a funnel's steps.
    pub(crate) fn of_spec(problems: &[SpecProblem]) -> Self {
        let problems = problems.iter().map(|problem| FieldProblem {
            field: "steps".to_owned(),
            detail: problem.to_string(),
        });
        Self::InvalidQuestion(problems.collect())
    }
}

/// Names the exhausted resource.
const fn excess(cost: Cost) -> &'static str {
    match cost {
        Cost::Rows => "the question reads more events than one question may",
        Cost::Bytes => "the question reads more bytes than one question may",
        Cost::Memory => "the question needs more memory than one question may",
        Cost::Time => "the store takes longer than one question may",
    }
}
