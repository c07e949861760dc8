//! Why a question is not answered.

use std::error::Error;

use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The field, as a path: `steps[1].event`.
    #[schema(example = "steps[1].event")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

/// Why a question is not answered.
#[derive(Debug, thiserror::Error)]
pub enum InsightsError {
    /// No token came along.
    #[error("send the site's read token as `Authorization: Bearer …`")]
    MissingToken,
    /// Nobody has this token, or it does not read.
    #[error("this token reads no site")]
    UnknownToken,
    /// The token reads another site than the one asked about, which may not even exist.
    #[error("this token does not read the site asked about")]
    WrongSite,
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    NoSuchRoute,
    /// The path is there, but not for this method.
    #[error("this path does not take {0}")]
    MethodNotAllowed(http::Method),
    /// Nobody has this id.
    #[error("nobody has the id `{0}`")]
    UnknownActor(String),
    /// The path holds no text.
    #[error("the path is not valid UTF-8 once it is percent-decoded")]
    MalformedPath,
    /// The body is no JSON.
    #[error("the body is not JSON: {0}")]
    MalformedJson(#[source] serde_json::Error),
    /// The body broke off.
    #[error("the body could not be read to its end")]
    BrokenBody,
    /// The body is too large.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// The question makes no sense; every problem is listed.
    #[error("the question has {} problem{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    InvalidQuestion(Vec<FieldProblem>),
    /// The answer would take too much memory.
    #[error(
        "the answer takes too much memory: ask for a shorter range, longer periods or fewer values"
    )]
    AnswerTooLarge,
    /// A unit has too many ways through the funnel.
    #[error("{0}")]
    SearchTooLarge(#[source] etappe_core::funnel::SearchTooLarge),
    /// Too many questions run already.
    #[error("too many questions are being answered: try again shortly")]
    Busy,
    /// The question took too long.
    #[error("the answer took longer than {seconds} s: ask for a shorter range")]
    Timeout {
        /// How long a question may take.
        seconds: u64,
    },
    /// The store cannot answer at the moment.
    #[error("the store cannot answer at the moment: try again shortly")]
    StoreUnavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed, and will fail again.
    #[error("the store could not answer this question")]
    StoreFailed(#[source] Box<dyn Error + Send + Sync>),
}
