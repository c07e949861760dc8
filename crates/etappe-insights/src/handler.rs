//! Makes a question's route: reads the request, answers the question in its turn, and writes the
//! answer as JSON or CSV.

use axum::body::{Body, to_bytes};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use etappe_core::ports::{Clock, JourneyStore};
use etappe_runtime::http_server::BodyTimedOut;
use http::HeaderMap;
use serde::Serialize;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::SharedAccess;
use crate::error::InsightsError;
use crate::exact_json;
use crate::field::{Fields, Problems};
use crate::openapi;
use crate::question::{Answer, Frame, Method, Question, RequestInfo};
use crate::response::{answer_csv, answer_json, prefers_csv};
use crate::state::InsightsState;

/// Returns the route of a question, with its description.
pub(crate) fn ask<Q, S, C>() -> UtoipaMethodRouter<InsightsState<S, C>>
where
    Q: Question,
    S: JourneyStore,
    C: Clock,
{
    let method = match Q::METHOD {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
    };
    let (schemas, paths) = openapi::describe::<Q>();
    let route = on(method, handle::<Q, S, C>).fallback(method_not_allowed);
    (schemas, paths, route)
}

/// Returns the route of two questions that have a path in common: one is a GET, the other a POST.
pub(crate) fn ask_either<Get, Post, S, C>() -> UtoipaMethodRouter<InsightsState<S, C>>
where
    Get: Question,
    Post: Question,
    S: JourneyStore,
    C: Clock,
{
    let (mut schemas, mut paths) = openapi::describe::<Get>();
    let (more_schemas, more_paths) = openapi::describe::<Post>();
    schemas.extend(more_schemas);
    paths.merge(more_paths);
    let route = on(MethodFilter::GET, handle::<Get, S, C>)
        .on(MethodFilter::POST, handle::<Post, S, C>)
        .fallback(method_not_allowed);
    (schemas, paths, route)
}

/// An answer after the members that every answer begins with.
#[derive(Serialize)]
struct Framed<A> {
    #[serde(flatten)]
    frame: Frame,
    #[serde(flatten)]
    answer: A,
}

/// Reads a question, answers it when it is its turn, and writes the answer.
async fn handle<Q: Question, S: JourneyStore, C: Clock>(
    State(state): State<InsightsState<S, C>>,
    SharedAccess(access): SharedAccess,
    headers: HeaderMap,
    Query(pairs): Query<Vec<(String, String)>>,
    body: Body,
) -> Result<Response, InsightsError> {
    if access.shared.is_some() && !Q::IN_SHARES {
        return Err(InsightsError::NotShared);
    }
    let mut problems = Problems::default();
    let fields = match Q::METHOD {
        Method::Get => Some(Fields::of_query(pairs, &mut problems)),
        Method::Post => {
            let body = read_json(body, state.parts().config.body_bytes).await?;
            Fields::of(body, "", &mut problems)
        }
    };
    let request = RequestInfo::new(&state, &access);
    let question = fields.and_then(|mut fields| {
        let question = Q::read(&mut fields, &request, &mut problems);
        fields.finish(&mut problems);
        question
    });
    problems.into_result()?;
    // If there is no problem, the question was read.
    let question = question.ok_or_else(|| InsightsError::InvalidQuestion(Vec::new()))?;
    let frame = question.frame();
    frame.check_shared(access.shared, &access.settings.timezone)?;
    let answering = question.answer(state.parts());
    let answer = if Q::ASKS_STORE {
        state.run(&access.site, answering).await?
    } else {
        answering.await?
    };
    let table = if prefers_csv(&headers) {
        answer.table()
    } else {
        None
    };
    let framed = Framed { frame, answer };
    Ok(table.map_or_else(|| answer_json(&framed), answer_csv))
}

/// Reads a body of at most `limit` bytes as JSON, regardless of its content type.
async fn read_json(body: Body, limit: usize) -> Result<serde_json::Value, InsightsError> {
    let bytes = to_bytes(body, limit).await.map_err(|error| {
        if let Some(timed_out) = BodyTimedOut::find(&error) {
            return InsightsError::BodyTimedOut(timed_out);
        }
        let cause = std::error::Error::source(&error);
        if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
            InsightsError::BodyTooLarge { limit }
        } else {
            InsightsError::BrokenBody
        }
    })?;
    exact_json::parse(&bytes).map_err(InsightsError::MalformedJson)
}

/// Answers requests with another method than the route's.
pub(crate) async fn method_not_allowed(method: http::Method) -> InsightsError {
    InsightsError::MethodNotAllowed(method)
}
