//! Parses a request: its login, its query and its settings.

use http::{HeaderMap, Method, request::Parts};
use percent_encoding::percent_decode;

use super::decode::{ContentEncoding, UploadEncoding};
use super::encode::Encoding;
use super::multipart;
use super::reader_settings::is_reader_setting;
use crate::credentials::{EngineSecrets, Role};
use crate::exception::{Exception, code};
use crate::statement::names::is_file_setting;

/// Parameters without effect here: there are no sessions across requests and no quotas.
const IGNORED: &[&str] = &[
    "buffer_size",
    "close_session",
    "quota_key",
    "role",
    "session_check",
    // Some clients generate a session id for every connection; no session state is kept.
    "session_id",
    "session_timeout",
    "stacktrace",
];

/// A request for a query.
#[derive(Debug)]
pub(crate) struct QueryRequest {
    pub(crate) role: Role,
    /// Whether the request is a `GET`, which must not change anything.
    pub(crate) is_read_only: bool,
    /// The query, or its beginning; the body may contain the rest.
    pub(crate) query: Vec<u8>,
    pub(crate) settings: Vec<(String, String)>,
    /// Values of `{name:Type}` placeholders.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) database: Option<String>,
    pub(crate) default_format: Option<String>,
    pub(crate) query_id: Option<String>,
    pub(crate) log_comment: String,
    pub(crate) upload: UploadEncoding,
    pub(crate) encoding: Encoding,
    /// Whether to send nothing before the query has ended.
    pub(crate) waits_for_end: bool,
    /// The version of the `Native` format that the client expects.
    pub(crate) protocol_version: u64,
    compresses_over_http: bool,
}

impl QueryRequest {
    /// Parses everything except the body.
    pub(crate) fn read(parts: &Parts, secrets: &EngineSecrets) -> Result<Self, Exception> {
        let pairs = url_parameters(parts.uri.query().unwrap_or_default());
        let role = authenticate(&parts.headers, &pairs, secrets)?;
        let header = |name: &str| header_text(&parts.headers, name);
        let mut request = Self {
            role,
            is_read_only: parts.method != Method::POST,
            query: Vec::new(),
            settings: Vec::new(),
            parameters: Vec::new(),
            database: header("x-clickhouse-database").filter(|name| !name.is_empty()),
            default_format: header("x-clickhouse-format"),
            query_id: None,
            log_comment: String::new(),
            upload: UploadEncoding::default(),
            encoding: Encoding::Identity,
            waits_for_end: false,
            protocol_version: 0,
            compresses_over_http: true,
        };
        if let Some(encoding) = header("content-encoding") {
            request.upload.content = ContentEncoding::parse(&encoding)?;
        }
        for (name, value) in pairs {
            request.apply(&name, value)?;
        }
        if request.encoding == Encoding::Identity && request.compresses_over_http {
            request.encoding = Encoding::accepted(&header("accept-encoding").unwrap_or_default());
        }
        Ok(request)
    }

    /// Returns the non-empty values of a setting.
    pub(crate) fn setting(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.settings.iter().filter(move |(key, _)| key == name);
        values
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Adds the fields of a multipart form.
    pub(crate) fn add_form(&mut self, body: &[u8], boundary: &str) -> Result<(), Exception> {
        for (name, value) in multipart::fields(body, boundary)? {
            self.apply(&name, value)?;
        }
        Ok(())
    }

    /// Applies one URL parameter or form field.
    fn apply(&mut self, name: &str, value: Vec<u8>) -> Result<(), Exception> {
        if name == "query" {
            self.query.extend_from_slice(&value);
            return Ok(());
        }
        let value = String::from_utf8(value)
            .map_err(|_| bad_argument(format!("the value of `{name}` is not UTF-8")))?;
        if let Some(parameter) = name.strip_prefix("param_") {
            self.parameters.push((parameter.to_owned(), value));
            return Ok(());
        }
        match name {
            "user" | "password" => {}
            "database" => self.database = Some(value).filter(|name| !name.is_empty()),
            "default_format" => self.default_format = Some(value),
            "query_id" => self.query_id = Some(value).filter(|id| is_query_id(id)),
            "log_comment" => self.log_comment = value,
            "decompress" => self.upload.has_blocks = is_on(&value),
            "compress" if is_on(&value) => self.encoding = Encoding::Blocks,
            "compress" => {}
            "wait_end_of_query" | "http_wait_end_of_query" => self.waits_for_end = is_on(&value),
            "enable_http_compression" => self.compresses_over_http = is_on(&value),
            "client_protocol_version" => {
                self.protocol_version = value
                    .parse()
                    .map_err(|_| bad_argument(format!("`{value}` is not a protocol version")))?;
            }
            "role" if !value.is_empty() => {
                let text = "roles are not supported. (NOT_IMPLEMENTED)";
                return Err(Exception::new(code::NOT_IMPLEMENTED, text));
            }
            _ if IGNORED.contains(&name) => {}
            _ => self.add_setting(name, value)?,
        }
        Ok(())
    }

    fn add_setting(&mut self, name: &str, value: String) -> Result<(), Exception> {
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .chars()
                .all(|other| other.is_ascii_alphanumeric() || other == '_');
        if !is_name {
            return Err(Exception::new(
                code::UNKNOWN_SETTING,
                format!("Unknown setting '{name}'. (UNKNOWN_SETTING)"),
            ));
        }
        if is_file_setting(name) {
            return Err(Exception::new(
                code::ACCESS_DENIED,
                format!("the setting `{name}` is refused: it names a file. (ACCESS_DENIED)"),
            ));
        }
        if self.role == Role::Reader {
            // A reader's session is always read-only, whatever level it asks for.
            if name == "readonly" {
                return Ok(());
            }
            if !is_reader_setting(name) {
                return Err(Exception::new(
                    code::READONLY,
                    format!("Cannot modify '{name}' setting in readonly mode. (READONLY)"),
                ));
            }
        }
        self.settings.push((name.to_owned(), value));
        Ok(())
    }
}

/// Determines the role from HTTP Basic, `X-ClickHouse-User` and `-Key`, or `user` and `password`.
pub(crate) fn authenticate(
    headers: &HeaderMap,
    pairs: &[(String, Vec<u8>)],
    secrets: &EngineSecrets,
) -> Result<Role, Exception> {
    let pair = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let login = if let Some(basic) = header_text(headers, "authorization") {
        basic_login(&basic)
    } else if let Some(user) = header_text(headers, "x-clickhouse-user") {
        Some((
            user,
            header_text(headers, "x-clickhouse-key").unwrap_or_default(),
        ))
    } else {
        pair("user").map(|user| (user, pair("password").unwrap_or_default()))
    };
    let Some((user, password)) = login else {
        return Err(Exception::new(
            code::REQUIRED_PASSWORD,
            "user name and password are required. (REQUIRED_PASSWORD)",
        ));
    };
    secrets.role_of(&user, &password).ok_or_else(|| {
        Exception::new(
            code::AUTHENTICATION_FAILED,
            format!(
                "{user}: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)"
            ),
        )
    })
}

fn basic_login(header: &str) -> Option<(String, String)> {
    use base64::Engine as _;
    let (scheme, encoded) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then_some(())?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Splits a URL's query string into names and decoded values.
pub(crate) fn url_parameters(query: &str) -> Vec<(String, Vec<u8>)> {
    let decode = |text: &str| {
        let spaced: Vec<u8> = text
            .bytes()
            .map(|byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        percent_decode(&spaced).collect::<Vec<u8>>()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                String::from_utf8_lossy(&decode(name)).into_owned(),
                decode(value),
            )
        })
        .collect()
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_on(value: &str) -> bool {
    !matches!(value, "" | "0" | "false")
}

/// Returns whether a client's query id is valid; it is returned in a header, so it must fit in one.
fn is_query_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 256 && id.chars().all(|character| character.is_ascii_graphic())
}

fn bad_argument(text: String) -> Exception {
    Exception::new(code::BAD_ARGUMENTS, format!("{text}. (BAD_ARGUMENTS)"))
}

#[cfg(test)]
#[path = "request/tests.rs"]
mod tests;
