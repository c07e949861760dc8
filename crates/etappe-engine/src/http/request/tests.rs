//! Requests are parsed as ClickHouse parses them.

use http::Request;

use super::*;
use crate::credentials::Login;

fn secrets() -> EngineSecrets {
    let login = |user: &str, password: &str| Login {
        user: user.to_owned(),
        password: password.to_owned(),
    };
    EngineSecrets {
        writer: login("etappe", "w"),
        reader: login("reader", "r"),
    }
}

fn read(builder: http::request::Builder) -> Result<QueryRequest, Exception> {
    let (parts, ()) = builder.body(()).unwrap().into_parts();
    QueryRequest::read(&parts, &secrets())
}

fn as_writer(uri: &str) -> Result<QueryRequest, Exception> {
    read(
        Request::post(uri)
            .header("X-ClickHouse-User", "etappe")
            .header("X-ClickHouse-Key", "w"),
    )
}

fn as_reader(uri: &str) -> Result<QueryRequest, Exception> {
    read(
        Request::post(uri)
            .header("X-ClickHouse-User", "reader")
            .header("X-ClickHouse-Key", "r"),
    )
}

#[test]
fn three_ways_to_log_in_are_accepted() {
    assert_eq!(as_writer("/").unwrap().role, Role::Writer);
    assert_eq!(as_reader("/").unwrap().role, Role::Reader);
    // base64 of `reader:r`.
    let basic = read(Request::get("/").header("Authorization", "Basic cmVhZGVyOnI="));
    assert_eq!(basic.unwrap().role, Role::Reader);
    let url = read(Request::get("/?user=etappe&password=w"));
    assert_eq!(url.unwrap().role, Role::Writer);
}

#[test]
fn a_missing_and_a_wrong_login_have_distinct_codes() {
    assert_eq!(
        read(Request::get("/")).unwrap_err().code,
        code::REQUIRED_PASSWORD
    );
    let wrong = read(Request::get("/?user=etappe&password=r"));
    assert_eq!(wrong.unwrap_err().code, code::AUTHENTICATION_FAILED);
    let bearer = read(Request::get("/").header("Authorization", "Bearer w"));
    assert_eq!(bearer.unwrap_err().code, code::REQUIRED_PASSWORD);
}

#[test]
fn url_parameters_are_split_into_settings_and_values() {
    let request = as_writer(
        "/?query=SELECT+1%2B1&database=d&default_format=JSON&param_x=a%20b&max_threads=3&decompress=1&compress=1&query_id=q&wait_end_of_query=1&log_comment=c",
    )
    .unwrap();
    assert_eq!(request.query, b"SELECT 1+1");
    assert_eq!(request.database.as_deref(), Some("d"));
    assert_eq!(request.default_format.as_deref(), Some("JSON"));
    assert_eq!(request.parameters, [("x".to_owned(), "a b".to_owned())]);
    assert_eq!(
        request.settings,
        [("max_threads".to_owned(), "3".to_owned())]
    );
    assert!(request.upload.has_blocks && request.waits_for_end);
    assert_eq!(request.encoding, Encoding::Blocks);
    assert_eq!(request.query_id.as_deref(), Some("q"));
    assert_eq!(request.log_comment, "c");
}

#[test]
fn unknown_settings_are_refused() {
    assert_eq!(
        as_writer("/?a%27=1").unwrap_err().code,
        code::UNKNOWN_SETTING
    );
    assert_eq!(
        as_writer("/?role=x").unwrap_err().code,
        code::NOT_IMPLEMENTED
    );
}

#[test]
fn readers_can_change_only_listed_settings() {
    let request =
        as_reader("/?max_execution_time=5&output_format_json_quote_64bit_integers=1&readonly=0");
    assert_eq!(request.unwrap().settings.len(), 2);
    assert_eq!(
        as_reader("/?max_memory_usage=1").unwrap_err().code,
        code::READONLY
    );
    assert_eq!(
        as_reader("/?max_threads=64").unwrap_err().code,
        code::READONLY
    );
}

#[test]
fn compression_is_negotiated_unless_switched_off() {
    let ask = |uri: &str| {
        let builder = Request::post(uri).header("Accept-Encoding", "lz4");
        read(
            builder
                .header("X-ClickHouse-User", "etappe")
                .header("X-ClickHouse-Key", "w"),
        )
        .unwrap()
    };
    assert_eq!(ask("/").encoding, Encoding::Lz4);
    assert_eq!(
        ask("/?enable_http_compression=0").encoding,
        Encoding::Identity
    );
    assert_eq!(ask("/?compress=1").encoding, Encoding::Blocks);
}
