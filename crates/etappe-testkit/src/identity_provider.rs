//! An OpenID Connect provider on loopback, which can also misbehave.
//!
//! It shares no code with what it tests: tokens are made of bytes here. It checks what a provider
//! must: the client and its secret, the address to return to, each code once, and PKCE's verifier.
//! Whoever comes is signed in without being asked anything.

mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use keys::SigningKey;

/// The name of the client that the provider knows.
pub const CLIENT_ID: &str = "etappe";
/// Its secret, which has signs that must be encoded.
pub const CLIENT_SECRET: &str = "hush +&%: hush";
/// A moment in the year 2100.
const LATE: i64 = 4_102_444_800;

/// Where the description of the provider is.
pub const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where codes are exchanged.
pub const TOKEN: &str = "/token";
/// Where the keys are.
pub const KEYS: &str = "/keys";

/// What the provider says and does; a test changes it on the way.
#[derive(Debug, Default)]
pub struct Behaviour {
    /// Claims of the next tokens, beside and instead of the usual ones; null leaves one out.
    pub claims: BTreeMap<&'static str, Value>,
    /// Whether the person calls it off.
    pub is_called_off: bool,
    /// Whether a token's claims are changed after it was signed.
    pub is_tampered_with: bool,
    /// Addresses that never answer.
    pub stuck: BTreeSet<&'static str>,
    /// Addresses whose answer does not end.
    pub endless: BTreeSet<&'static str>,
    /// Where codes are exchanged, in place of its own address.
    pub token_address: Option<&'static str>,
    /// Whether it wants the client's secret in the body.
    pub wants_secret_in_body: bool,
}

struct Grant {
    nonce: String,
    challenge: String,
    callback: String,
}

struct Shared {
    address: String,
    issuer: Mutex<String>,
    keys: Mutex<Vec<SigningKey>>,
    behaviour: Mutex<Behaviour>,
    grants: Mutex<BTreeMap<String, Grant>>,
    asked: Mutex<BTreeMap<String, usize>>,
}

/// A running provider. It ends when it is dropped.
pub struct IdentityProvider {
    shared: Arc<Shared>,
    browser: reqwest::Client,
    _server: JoinSet<()>,
}

impl IdentityProvider {
    /// Starts a provider at a free address. It signs with an elliptic curve, and says that the
    /// person is `anna@example.com`, verified.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            issuer: Mutex::new(address.clone()),
            address,
            keys: Mutex::new(vec![SigningKey::elliptic("first")]),
            behaviour: Mutex::default(),
            grants: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route(DISCOVERY, get(describe))
            .route(KEYS, get(list_keys))
            .route("/authorize", get(authorize))
            .route(TOKEN, post(give_token))
            .layer(middleware::from_fn_with_state(
                Arc::clone(&shared),
                misbehave,
            ))
            .with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move {
            // It only ends with the set.
            axum::serve(listener, router).await.ok();
        });
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            shared,
            browser: browser.build().map_err(io::Error::other)?,
            _server: server,
        })
    }

    /// Returns the issuer, which is also its address.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.shared.issuer.lock().clone()
    }

    /// Takes the address of something in front of it, as issuer and in its description.
    pub fn answer_as(&self, issuer: String) {
        *self.shared.issuer.lock() = issuer;
    }

    /// Returns where it listens itself.
    #[must_use]
    pub fn host(&self) -> &str {
        self.shared.address.trim_start_matches("http://")
    }

    /// Changes what it says and does from now on.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock());
    }

    /// Replaces its keys by a new one.
    pub fn rotate_keys(&self) {
        *self.shared.keys.lock() = vec![SigningKey::elliptic("second")];
    }

    /// Replaces its keys by one of RSA.
    pub fn use_rsa(&self) {
        *self.shared.keys.lock() = vec![SigningKey::rsa("rsa")];
    }

    /// Returns how often an address was asked.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.shared.asked.lock().get(path).copied().unwrap_or(0)
    }

    /// Opens an address that a browser was sent to, and returns where it is sent from there.
    ///
    /// # Errors
    /// When the provider does not answer.
    ///
    /// # Panics
    /// When it refuses to send anybody on.
    pub async fn visit(&self, address: &str) -> reqwest::Result<String> {
        let address = address.replacen(&self.issuer(), &self.shared.address, 1);
        let answer = self.browser.get(&address).send().await?;
        assert_eq!(answer.status(), 302, "{address} is refused");
        let location = answer.headers()["location"].to_str();
        Ok(location.expect("an address is ASCII").to_owned())
    }
}

async fn misbehave(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    *shared.asked.lock().entry(path.clone()).or_default() += 1;
    let (is_stuck, is_endless) = {
        let behaviour = shared.behaviour.lock();
        let has = |set: &BTreeSet<&str>| set.contains(path.as_str());
        (has(&behaviour.stuck), has(&behaviour.endless))
    };
    if is_stuck {
        return std::future::pending().await;
    }
    if is_endless {
        let head = [(header::CONTENT_TYPE, "application/json")];
        return (head, format!("{{\"issuer\":\"{}", "x".repeat(4 << 20))).into_response();
    }
    next.run(request).await
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    let head = [(header::CONTENT_TYPE, "application/json")];
    (status, head, value.to_string()).into_response()
}

async fn describe(State(shared): State<Arc<Shared>>) -> Response {
    let issuer = shared.issuer.lock().clone();
    let behaviour = shared.behaviour.lock();
    let method = match behaviour.wants_secret_in_body {
        true => "client_secret_post",
        false => "client_secret_basic",
    };
    let own = format!("{issuer}{TOKEN}");
    let token_address = behaviour.token_address.map_or(own, str::to_owned);
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": token_address,
        "jwks_uri": format!("{issuer}{KEYS}"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        "token_endpoint_auth_methods_supported": [method],
        "code_challenge_methods_supported": ["S256"],
    });
    json_answer(StatusCode::OK, &document)
}

async fn list_keys(State(shared): State<Arc<Shared>>) -> Response {
    let keys: Vec<_> = shared.keys.lock().iter().map(SigningKey::to_jwk).collect();
    json_answer(StatusCode::OK, &json!({ "keys": keys }))
}

type Fields = BTreeMap<String, String>;

async fn authorize(State(shared): State<Arc<Shared>>, Query(asked): Query<Fields>) -> Response {
    let field = |name: &str| asked.get(name).map_or("", String::as_str);
    let is_right = field("client_id") == CLIENT_ID
        && field("response_type") == "code"
        && field("code_challenge_method") == "S256"
        && field("scope").split(' ').any(|it| it == "openid")
        && !field("nonce").is_empty();
    if !is_right {
        return (StatusCode::BAD_REQUEST, format!("{asked:?}")).into_response();
    }
    let mut grants = shared.grants.lock();
    let code = format!("code {}", grants.len());
    let grant = Grant {
        nonce: field("nonce").to_owned(),
        challenge: field("code_challenge").to_owned(),
        callback: field("redirect_uri").to_owned(),
    };
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let answer = if shared.behaviour.lock().is_called_off {
        "error=access_denied&error_description=called+off".to_owned()
    } else {
        format!(
            "code={}&iss={}",
            encoded(&code),
            encoded(&shared.issuer.lock())
        )
    };
    let location = format!(
        "{}?{answer}&state={}",
        grant.callback,
        encoded(field("state"))
    );
    grants.insert(code, grant);
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

async fn give_token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let fields: Fields = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(decoded)
        .collect();
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let refuse = |error| json_answer(StatusCode::BAD_REQUEST, &json!({ "error": error }));
    let in_body = (
        field("client_id").to_owned(),
        field("client_secret").to_owned(),
    );
    let known = (CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned());
    let is_known = match shared.behaviour.lock().wants_secret_in_body {
        true => in_body == known,
        false => login(&headers) == Some(known),
    };
    if !is_known {
        return refuse("invalid_client");
    }
    let Some(grant) = shared.grants.lock().remove(field("code")) else {
        return refuse("invalid_grant");
    };
    let verifier = ring::digest::digest(&ring::digest::SHA256, field("code_verifier").as_bytes());
    let is_proven = URL_SAFE_NO_PAD.encode(verifier) == grant.challenge;
    if !is_proven || field("redirect_uri") != grant.callback {
        return refuse("invalid_grant");
    }
    let token = id_token(&shared, &grant.nonce);
    let answer = json!({
        "access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": token,
    });
    json_answer(StatusCode::OK, &answer)
}

fn id_token(shared: &Shared, nonce: &str) -> String {
    let mut claims = json!({
        "iss": *shared.issuer.lock(), "aud": CLIENT_ID, "sub": "1", "iat": 0, "exp": LATE,
        "nonce": nonce, "email": "anna@example.com", "email_verified": true,
    });
    let behaviour = shared.behaviour.lock();
    for (name, value) in &behaviour.claims {
        claims[*name] = value.clone();
    }
    if let Some(members) = claims.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let keys = shared.keys.lock();
    let token = keys.first().expect("there is always a key").token(&claims);
    if !behaviour.is_tampered_with {
        return token;
    }
    claims["email"] = "bob@example.com".into();
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

fn decoded((name, value): (&str, &str)) -> (String, String) {
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
    (name.to_owned(), value)
}

/// Reads the client's name and secret, which are encoded as in a form (RFC 6749, section 2.3.1).
fn login(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let text = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (name, secret) = text.split_once(':')?;
    Some((decoded(("", name)).1, decoded(("", secret)).1))
}
