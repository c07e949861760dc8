//! The files of the front end, from within the binary.
//!
//! Names of files under `assets/` contain a hash of their content, so browsers keep them for good.
//! Each has a compressed twin (`.gz`), made when the front end is built.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use etappe_core::share::Origin;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Only this server's own files run, and nothing else is asked for. Who may show the page within a
/// page of theirs comes after it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const PAGE: &str = "index.html";

/// The page of a binary that was built without the front end.
const MISSING: &str = "<!doctype html><html lang=en><title>Etappe</title><h1>No web interface</h1>\
     <p>This binary was built without it. <code>make build</code> builds both; it needs Node.js.</p>\
     <p>The figures are at <code>/v1/sites/SITE/…</code>; <a href=\"../openapi.json\">/openapi.json</a> \
     lists the questions.</p></html>";

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// Answers with the page; which of its views is shown, the address says.
///
/// The page refers to its files relative to itself, since the prefix of a proxy in front is not
/// known here. How many folders up they are depends on the address.
pub(crate) async fn page(uri: Uri) -> Response {
    let mut response = document(|html| relocated(html, uri.path()), &[]);
    let referrer = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(REFERRER_POLICY, referrer);
    response
}

/// Answers with the page at the address of a share link, which the sites of `origins` may show within
/// theirs. The address is a secret, so it is kept from search engines and from other servers.
pub(crate) fn shared_page(origins: &[Origin]) -> Response {
    let below = |html: &str| html.replace("\"./assets/", "\"../app/assets/");
    let mut response = document(below, origins);
    let headers = response.headers_mut();
    let none = HeaderValue::from_static("no-referrer");
    headers.insert(REFERRER_POLICY, none);
    let hidden = HeaderValue::from_static("noindex, nofollow");
    headers.insert(HeaderName::from_static("x-robots-tag"), hidden);
    response
}

fn document(place: impl Fn(&str) -> String, origins: &[Origin]) -> Response {
    let found = Files::get(PAGE).and_then(|page| String::from_utf8(page.data.into_owned()).ok());
    let mut response = match found {
        Some(html) => Html(place(&html)).into_response(),
        None => (StatusCode::NOT_FOUND, Html(MISSING)).into_response(),
    };
    let headers = response.headers_mut();
    let guard: [(HeaderName, &'static str); 2] = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in guard {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let within: Vec<_> = origins.iter().map(Origin::as_str).collect();
    let policy = if within.is_empty() {
        // For browsers without `frame-ancestors`; it cannot name sites.
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        format!("{POLICY} 'none'")
    } else {
        format!("{POLICY} {}", within.join(" "))
    };
    let policy = HeaderValue::try_from(policy).expect("origins are letters, digits and : / . -");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Returns the page for the address `path`: `/app/shop/today` is one folder below the files.
fn relocated(html: &str, path: &str) -> String {
    let view = path.strip_prefix("/app/").unwrap_or_default();
    let up = "../".repeat(view.matches('/').count());
    html.replace("\"./assets/", &format!("\"./{up}assets/"))
}

/// Answers with a file.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    file(&format!("assets/{name}"), &headers)
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(plain) = Files::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = etag(&plain);
    if headers.get(IF_NONE_MATCH) == Some(&etag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response();
    }
    let compressed = accepts_gzip(headers)
        .then(|| Files::get(&format!("{name}.gz")))
        .flatten();
    let is_compressed = compressed.is_some();
    let content = compressed.unwrap_or(plain).data;
    let mut response = content.into_owned().into_response();
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD));
    answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(ETAG, etag);
    if is_compressed {
        answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let text: String = hash.iter().take(12).map(|it| format!("{it:02x}")).collect();
    HeaderValue::try_from(format!("\"{text}\"")).expect("hexadecimal digits")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    let mut codings = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    codings.any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && quality.replace(' ', "") != "q=0"
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_finds_its_files_from_every_address() {
        let html = "<script src=\"./assets/a.js\"></script>";
        for (path, source) in [
            ("/app/", "./assets/a.js"),
            ("/app/sign-in", "./assets/a.js"),
            ("/app/shop/today", "./../assets/a.js"),
            ("/app/shop/", "./../assets/a.js"),
            ("/app/shop/people/anna", "./../../assets/a.js"),
        ] {
            let expected = format!("<script src=\"{source}\"></script>");
            assert_eq!(relocated(html, path), expected, "{path}");
        }
    }

    #[test]
    fn a_compressed_file_is_sent_only_to_those_who_take_it() {
        let accepts = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(text));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("deflate,gzip"));
        assert!(!accepts("br") && !accepts("gzip; q=0") && !accepts("identity"));
    }
}
