//! The OpenAPI document, made from the questions.

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, Paths, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, HttpMethod, ObjectBuilder, PathItem, Ref, RefOr, Required,
    ResponseBuilder, Schema,
};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};

use crate::parameter::{Parameter, Values};
use crate::question::{Answer, Frame, Method, Question};
use crate::response::Problem;

/// The document without its questions.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Etappe",
        description = "Questions about customer journeys: how far people get, how long each step takes, what they are worth, whom they bring.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem, Frame, crate::question::Range)),
    tags((name = "questions", description = "Answers state their unit, time zone, watermark and the counts behind each rate.")),
    modifiers(&ReadToken),
)]
struct Api;

/// Describes authentication with a read token.
struct ReadToken;

impl Modify for ReadToken {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The site's read token."))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("read_token", SecurityScheme::Http(scheme));
    }
}

/// Named schemas.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// Returns the document without its questions.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// Returns a document as JSON.
pub(crate) fn to_json(document: &utoipa::openapi::OpenApi) -> String {
    document.to_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the description of the api could not be written");
        "{}".to_owned()
    })
}

/// Describes a question: the schemas it needs, and its path.
pub(crate) fn describe<Q: Question>() -> (Schemas, Paths) {
    let mut schemas = vec![(Q::Answer::name().into_owned(), Q::Answer::schema())];
    Q::Answer::schemas(&mut schemas);
    let mut operation = OperationBuilder::new()
        .tag("questions")
        .summary(Some(Q::SUMMARY))
        .operation_id(Some(operation_id::<Q>()))
        .parameter(path_parameter("site", "The site's name.", "demo"))
        .security(SecurityRequirement::new("read_token", [""; 0]));
    if !Q::DESCRIPTION.is_empty() {
        operation = operation.description(Some(Q::DESCRIPTION));
    }
    if has_id::<Q>() {
        let description = "Any of the actor's ids, percent-encoded.";
        operation = operation.parameter(path_parameter("id", description, "user-17"));
    }
    let parameters = || Q::PARAMETERS.iter().copied().flatten();
    let method = match Q::METHOD {
        Method::Get => {
            operation = operation.parameters(Some(parameters().map(query_parameter)));
            HttpMethod::Get
        }
        Method::Post => {
            let content = match Q::body() {
                Some(body) => {
                    schemas.extend(body.schemas);
                    body_content(&body.name, body.examples)
                }
                None => Content::new(Some(object_of(parameters()))),
            };
            let body = RequestBodyBuilder::new()
                .content("application/json", content)
                .required(Some(Required::True));
            operation = operation.request_body(Some(body.build()));
            HttpMethod::Post
        }
    };
    operation = operation.response("200", answer_of::<Q>());
    for (status, description) in problems_of::<Q>() {
        operation = operation.response(status, problem(description));
    }
    let path = format!("/v1/sites/{{site}}/{}", Q::PATH);
    let item = PathItem::new(method, operation);
    (schemas, PathsBuilder::new().path(path, item).build())
}

/// Describes a stream of server-sent events whose data are an `E`, and its path.
pub(crate) fn describe_stream<E: ToSchema>(
    path: &str,
    summary: &str,
    description: &str,
) -> (Schemas, Paths) {
    let mut schemas = vec![(E::name().into_owned(), E::schema())];
    E::schemas(&mut schemas);
    let stream = ResponseBuilder::new().description("The stream.").content(
        "text/event-stream",
        Content::new(Some(Ref::from_schema_name(E::name()))),
    );
    let mut operation = OperationBuilder::new()
        .tag("questions")
        .summary(Some(summary))
        .description(Some(description))
        .operation_id(Some(path))
        .parameter(path_parameter("site", "The site's name.", "demo"))
        .security(SecurityRequirement::new("read_token", [""; 0]))
        .response("200", stream);
    for (status, description) in NO_ACCESS.into_iter().chain(NO_STORE) {
        operation = operation.response(status, problem(description));
    }
    let path = format!("/v1/sites/{{site}}/{path}");
    let item = PathItem::new(HttpMethod::Get, operation);
    (schemas, PathsBuilder::new().path(path, item).build())
}

/// The problems of a request that may not ask.
const NO_ACCESS: [(&str, &str); 2] = [
    ("401", "No token, or an unknown one."),
    ("403", "The token reads another site."),
];

/// The problems of a store that does not answer.
const NO_STORE: [(&str, &str); 3] = [
    ("500", "The store failed."),
    (
        "503",
        "Too many questions, or the store is unavailable; try again.",
    ),
    ("504", "The answer took too long."),
];

/// Returns a name that no other question has: `kpis`, `ask_funnel`, `actors_by_id`.
fn operation_id<Q: Question>() -> String {
    let path = Q::PATH.replace("/{id}", "_by_id");
    match Q::METHOD {
        Method::Get => path,
        Method::Post => format!("ask_{path}"),
    }
}

fn has_id<Q: Question>() -> bool {
    Q::PATH.contains("{id}")
}

fn path_parameter(name: &str, description: &str, example: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(example.into()))
}

fn query_parameter(parameter: &Parameter) -> ParameterBuilder {
    let described = ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(parameter.description))
        .schema(Some(schema_of(parameter)));
    match parameter.example {
        "" => described,
        example => described.example(Some(example.into())),
    }
}

fn schema_of(parameter: &Parameter) -> ObjectBuilder {
    let schema = ObjectBuilder::new();
    match parameter.values {
        Values::Text => schema.schema_type(Type::String),
        Values::Words(words) => schema
            .schema_type(Type::String)
            .enum_values(Some(words.iter().copied())),
        Values::Count { most } => schema
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(most)),
    }
}

/// Describes a body with these parameters as its fields.
fn object_of<'a>(parameters: impl Iterator<Item = &'a Parameter>) -> ObjectBuilder {
    let mut object = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object));
    for parameter in parameters {
        let mut field = schema_of(parameter).description(Some(parameter.description));
        if !parameter.example.is_empty() {
            field = field.examples([parameter.example]);
        }
        object = object.property(parameter.name, field);
    }
    object
}

fn body_content(
    schema: &str,
    examples: Vec<(&'static str, &'static str, serde_json::Value)>,
) -> Content {
    let examples = examples.into_iter().map(|(name, summary, value)| {
        let example = ExampleBuilder::new().summary(summary).value(Some(value));
        (name, example.build())
    });
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .examples_from_iter(examples)
        .build()
}

/// Describes the answer: the members of the frame, then its own.
fn answer_of<Q: Question>() -> ResponseBuilder {
    let mut parts = AllOfBuilder::new().item(Ref::from_schema_name(Frame::name()));
    if Q::HAS_RANGE {
        parts = parts.item(Ref::from_schema_name(crate::question::Range::name()));
    }
    let schema = parts.item(Ref::from_schema_name(Q::Answer::name()));
    let response = ResponseBuilder::new()
        .description("The answer.")
        .content("application/json", Content::new(Some(schema)));
    if !Q::Answer::HAS_TABLE {
        return response;
    }
    let text = ObjectBuilder::new().schema_type(Type::String);
    response.content("text/csv", Content::new(Some(text)))
}

/// Returns the statuses of the problems that can occur, with their descriptions.
fn problems_of<Q: Question>() -> Vec<(&'static str, &'static str)> {
    let mut problems = Vec::new();
    match Q::METHOD {
        Method::Post => problems.extend([
            ("400", "The body is not JSON."),
            ("408", "The body took too long to arrive."),
            ("413", "The body is too large."),
        ]),
        Method::Get if has_id::<Q>() => problems.extend([
            ("400", "The id is not valid UTF-8."),
            ("404", "Nobody has this id."),
        ]),
        Method::Get => {}
    }
    problems.extend(NO_ACCESS);
    problems.push((
        "422",
        "The question is invalid, or costs too much; `errors` lists every problem.",
    ));
    if Q::ASKS_STORE {
        problems.extend(NO_STORE);
    }
    problems
}

fn problem(description: &str) -> ResponseBuilder {
    let schema = Ref::from_schema_name(Problem::name());
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", Content::new(Some(schema)))
}
