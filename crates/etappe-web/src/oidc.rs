//! Signing in with an account of an OpenID Connect provider.
//!
//! The authorization code flow with PKCE. `start` sends the browser to the provider; `callback`
//! takes the code that it comes back with, asks the provider for an ID token, and begins a session
//! of the user who has the token's verified address. Nobody is created here.
//!
//! Its limits: nothing of the provider is kept beyond this. Its tokens are dropped, and the
//! session that begins is like that of a password.
//!
//! Invariants: nothing is redirected outside the interface, except to the provider. A failure is
//! told to the browser as one of four reasons, and to the log in full; neither contains a secret.

mod client;
mod pending;
mod place;
mod provider;
mod starts;

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::response::{IntoResponse, Response};
use etappe_core::account::Email;
use etappe_core::ports::{AccountStore, Clock};
use etappe_runtime::authorization::cookie;
use etappe_runtime::forwarded::client_address;
use etappe_runtime::tls::UnusableCertificates;
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use openidconnect::IssuerUrl;
use serde::Deserialize;
use tokio::time::Instant;

use crate::config::{self, OidcConfig, WebConfig};
use crate::cookie::signing_in;
use crate::error::WebError;
use crate::response::private;
use crate::sign_in::new_session;
use crate::state::WebState;
use client::ProviderClient;
use pending::{LASTS, Pending, PendingKeys};
use place::Place;
use provider::{Proof, Provider, ProviderError};
use starts::Starts;

const COOKIE: &str = "etappe_oidc";
/// The most characters of a cause in the log: a part of it is the provider's own words.
const CAUSE_LETTERS: usize = 300;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableOidc {
    /// A setting is invalid; [`OidcConfig::validate`] finds it before.
    #[error("{0}")]
    Setting(String),
    /// The file of certificates is unusable.
    #[error("oidc.ca_file cannot be used")]
    Certificates(#[from] UnusableCertificates),
}

/// The provider cannot be reached, or is not what the settings say.
#[derive(Debug, thiserror::Error)]
#[error("the provider cannot be used")]
pub struct UnusableProvider(#[from] ProviderError);

/// The provider whose accounts people may sign in with.
pub struct Oidc {
    name: String,
    issuer: String,
    place: Place,
    pending: PendingKeys,
    provider: Provider,
    starts: Starts,
}

impl Oidc {
    /// Prepares signing in with the provider of the settings; `None` if they name none. Asks the
    /// provider nothing.
    ///
    /// # Errors
    /// [`UnusableOidc`] if a setting is invalid or a file unreadable.
    pub fn try_new(oidc: &OidcConfig, web: &WebConfig) -> Result<Option<Self>, UnusableOidc> {
        if !oidc.is_set() {
            return Ok(None);
        }
        let place = config::public_url(&web.public_url).map_err(UnusableOidc::Setting)?;
        let issuer = IssuerUrl::new(oidc.issuer.clone())
            .map_err(|error| UnusableOidc::Setting(format!("oidc.issuer: {error}")))?;
        let place = Place(place);
        let client = ProviderClient::try_new(oidc)?;
        Ok(Some(Self {
            name: oidc.shown_name(),
            issuer: oidc.issuer.clone(),
            pending: PendingKeys::of(&oidc.client_secret),
            provider: Provider::new(client, issuer, oidc, place.callback()),
            place,
            starts: Starts::default(),
        }))
    }

    /// Fetches the provider's description and keys, and returns the address that the provider must
    /// know to send people back to. The secret is not tried: that takes a person.
    ///
    /// # Errors
    /// [`UnusableProvider`] with the cause.
    pub async fn reach(&self) -> Result<String, UnusableProvider> {
        self.provider.metadata().await?;
        Ok(self.place.callback().to_string())
    }

    /// Returns what the button calls the provider.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn proof(&self, pending: &Pending) -> Proof {
        Proof {
            verifier: self.pending.verifier(pending),
            nonce: self.pending.nonce(pending),
        }
    }

    /// Returns the `Set-Cookie` header that keeps a sign-in, or ends it.
    ///
    /// Sent on the way back from the provider, so it is `Lax`, and to no other address of ours.
    fn cookie(&self, pending: Option<&Pending>) -> HeaderValue {
        let (value, max_age) = pending.map_or_else(Default::default, |pending| {
            (self.pending.cookie(pending), LASTS.as_secs())
        });
        let secure = if self.place.is_tls() { "; Secure" } else { "" };
        let path = self.place.path("app/api/oidc");
        HeaderValue::try_from(format!(
            "{COOKIE}={value}; Path={path}; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        ))
        .expect("the value is letters and signs, and the path is part of an address")
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc")
            .field("issuer", &self.issuer)
            .finish()
    }
}

#[derive(Deserialize)]
pub(crate) struct Start {
    #[serde(rename = "return")]
    back: Option<String>,
}

/// What the provider sends the browser back with.
#[derive(Default, Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoAccount,
    Unverified,
    Cancelled,
    Failed,
}

impl Refusal {
    /// Returns what the sign-in page is told.
    const fn reason(self) -> &'static str {
        match self {
            Self::NoAccount => "no-account",
            Self::Unverified => "unverified",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Returns the value of the metric's label.
    const fn result(self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::Unverified => "unverified",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// Sends the browser to the provider.
pub(crate) async fn start<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    asked: Result<Query<Start>, QueryRejection>,
) -> Result<Response, WebError> {
    let parts = state.parts();
    let Some(oidc) = &parts.oidc else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer);
    let client = client_address(&headers, peer, parts.trusted_proxies);
    if let Some(wait) = client.and_then(|it| oidc.starts.wait(it, Instant::now())) {
        parts.metrics.record_sign_in("throttled");
        return Err(WebError::TooManyTries(wait));
    }
    let asked = asked.ok().and_then(|Query(asked)| asked.back);
    let back = oidc.place.back(asked.as_deref());
    let pending = oidc.pending.begin(state.now(), back);
    let proof = oidc.proof(&pending);
    match oidc.provider.address(&pending.state, &proof).await {
        Ok(address) => Ok(redirect(address.as_str(), [oidc.cookie(Some(&pending))])),
        Err(error) => {
            tell(oidc, &error);
            let place = refuse(&state, oidc, Refusal::Failed, &pending.back);
            Ok(redirect(&place, []))
        }
    }
}

/// Takes the provider's answer, and begins a session.
///
/// The browser comes from another site, and a redirect goes on from there, so it does not send the
/// session's strict cookie for the page that follows. The page is the same for everybody, and its
/// own questions are sent with the cookie.
pub(crate) async fn callback<A: AccountStore, C: Clock>(
    State(state): State<WebState<A, C>>,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Response {
    let Some(oidc) = &state.parts().oidc else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Query(answer) = answer.unwrap_or_default();
    let kept = cookie(&headers, COOKIE).and_then(|it| oidc.pending.read(it, state.now()));
    let pending = kept.filter(|it| answer.state.as_ref() == Some(&it.state));
    let Some(pending) = pending.filter(|it| oidc.pending.take(it, state.now())) else {
        let issuer = &oidc.issuer;
        tracing::warn!(
            issuer,
            "an answer of the provider belongs to no sign-in of this browser: it is late or used, \
             or the sign-in did not begin at web.public_url"
        );
        // The cookie stays: another site may have made the browser come here, within a sign-in.
        let home = oidc.place.path("app/");
        return redirect(&refuse(&state, oidc, Refusal::Failed, &home), []);
    };
    match sign_in(&state, oidc, answer, &pending).await {
        Ok(token) => {
            state.parts().metrics.record_sign_in("signed_in");
            let cookies = [signing_in(&token, &headers), oidc.cookie(None)];
            redirect(&pending.back, cookies)
        }
        Err(refusal) => {
            let place = refuse(&state, oidc, refusal, &pending.back);
            redirect(&place, [oidc.cookie(None)])
        }
    }
}

/// Returns the token of a new session of whoever the provider answers about.
async fn sign_in<A: AccountStore, C: Clock>(
    state: &WebState<A, C>,
    oidc: &Oidc,
    answer: Answer,
    pending: &Pending,
) -> Result<String, Refusal> {
    let issuer = &oidc.issuer;
    // Where it is sent, it tells answers of several providers apart (RFC 9207).
    if answer.iss.is_some_and(|it| it != *issuer) {
        tracing::warn!(issuer, "an answer came from another provider");
        return Err(Refusal::Failed);
    }
    if let Some(error) = answer.error {
        if error == "access_denied" {
            return Err(Refusal::Cancelled);
        }
        let error: String = error.chars().take(CAUSE_LETTERS).collect();
        tracing::warn!(issuer, error, "the provider signs nobody in");
        return Err(Refusal::Failed);
    }
    let code = answer.code.ok_or(Refusal::Failed)?;
    let proof = oidc.proof(pending);
    let found = oidc.provider.verified_email(code, proof, state.now()).await;
    let email = found.map_err(|error| {
        tell(oidc, &error);
        Refusal::Failed
    })?;
    let email = email.and_then(|it| Email::try_new(&it).ok());
    let email = email.ok_or(Refusal::Unverified)?;
    let directory = state.directory();
    let user = directory.accounts().user_of(&email);
    let user = user.ok_or(Refusal::NoAccount)?;
    let session = new_session(state, user).await;
    // The reason was logged where it came up.
    session.map_err(|_| Refusal::Failed)
}

fn tell(oidc: &Oidc, error: &ProviderError) {
    let (issuer, error) = (&oidc.issuer, Causes(error));
    tracing::warn!(issuer, %error, "the provider signs nobody in");
}

/// Counts a refusal and returns the path of the sign-in page that tells it.
fn refuse<A, C>(state: &WebState<A, C>, oidc: &Oidc, refusal: Refusal, back: &str) -> String {
    state.parts().metrics.record_sign_in(refusal.result());
    oidc.place.sign_in(refusal.reason(), back)
}

fn redirect<const N: usize>(address: &str, cookies: [HeaderValue; N]) -> Response {
    let address = HeaderValue::try_from(address).expect("an address is ASCII");
    let mut response = (StatusCode::FOUND, [(LOCATION, address)]).into_response();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    private(response)
}

/// Shows an error with its causes. Their details are left out, which may hold tokens.
struct Causes<'a>(&'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut separator = "";
        while let Some(cause) = next {
            let text: String = cause.to_string().chars().take(CAUSE_LETTERS).collect();
            write!(f, "{separator}{text}")?;
            (next, separator) = (cause.source(), ": ");
        }
        Ok(())
    }
}
