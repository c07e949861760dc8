//! The provider's endpoints and keys, and its claims about a person.
//!
//! Its description and keys are fetched when they are first needed and kept for an hour. When a
//! token is signed with a key that is not among them, the keys are fetched once more. One request
//! fetches at a time, and those who waited for one that failed do not try again one by one.

use std::sync::Arc;
use std::time::Duration;

use etappe_core::time::Timestamp;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreIdToken,
    CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    ConfigurationError, CsrfToken, DiscoveryError, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, TokenResponse,
};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use super::client::{AskError, ProviderClient};
use crate::config::OidcConfig;

/// How long the description and the keys are kept: no longer is a key trusted that was withdrawn.
const LASTS: Duration = Duration::from_secs(3_600);
/// How long they are kept on when they cannot be fetched again.
const LASTS_ON: Duration = Duration::from_secs(60);
/// The signatures that are accepted: those with a pair of keys. With a shared secret everybody who
/// knows it could make tokens.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Metadata = Arc<CoreProviderMetadata>;
type KnownClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why the provider says nothing that counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    /// Its description or its keys cannot be fetched or used.
    #[error("its description or keys cannot be used")]
    Discovery(#[from] DiscoveryError<AskError>),
    /// They could not be fetched for another request, which this one waited for.
    #[error("its description could not be fetched a moment ago")]
    FailedMeanwhile,
    /// Its description has no address for tokens.
    #[error("its description cannot be used")]
    Description(#[from] ConfigurationError),
    /// It gave no token for the code.
    #[error("it gave no token for its code")]
    Exchange(#[from] RequestTokenError<AskError, StandardErrorResponse<CoreErrorResponseType>>),
    /// It gave an access token alone.
    #[error("its answer has no ID token")]
    NoIdToken,
    /// The ID token is not by this provider, for this client and this sign-in, and valid now.
    #[error("its ID token cannot be trusted")]
    Token(#[from] ClaimsVerificationError),
}

/// The secrets of one sign-in.
pub(super) struct Proof {
    pub(super) verifier: PkceCodeVerifier,
    pub(super) nonce: Nonce,
}

/// The provider.
pub(super) struct Provider {
    client: ProviderClient,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    callback: RedirectUrl,
    known: Mutex<Known>,
    /// The turn of whoever fetches.
    turn: Semaphore,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Metadata, Instant)>,
    failed: Option<Instant>,
}

impl Provider {
    pub(super) fn new(
        client: ProviderClient,
        issuer: IssuerUrl,
        config: &OidcConfig,
        callback: RedirectUrl,
    ) -> Self {
        Self {
            client,
            issuer,
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: ClientSecret::new(config.client_secret.clone()),
            callback,
            known: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Returns the provider's address to send a person to.
    pub(super) async fn address(&self, state: &str, proof: &Proof) -> Result<Url, ProviderError> {
        let client = self.client_of(&*self.metadata().await?);
        let (state, nonce) = (CsrfToken::new(state.to_owned()), proof.nonce.clone());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || state,
                move || nonce,
            )
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(
                &proof.verifier,
            ));
        Ok(request.url().0)
    }

    /// Returns the address of the person for whom the provider gave `code`, if it has verified it.
    pub(super) async fn verified_email(
        &self,
        code: String,
        proof: Proof,
        now: Timestamp,
    ) -> Result<Option<String>, ProviderError> {
        let metadata = self.metadata().await?;
        let client = self.client_of(&metadata);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code))?
            .set_pkce_verifier(proof.verifier);
        let answer = exchange.request_async(&self.client).await?;
        let token = answer.id_token().ok_or(ProviderError::NoIdToken)?;
        match email_of(&client, token, &proof.nonce, now) {
            // It may have new keys. It made the token just now, so nobody can cause many requests.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
                | SignatureVerificationError::CryptoError(_),
            )) => {
                let client = self.client_of(&*self.with_new_keys(&metadata).await?);
                Ok(email_of(&client, token, &proof.nonce, now)?)
            }
            found => Ok(found?),
        }
    }

    fn client_of(&self, metadata: &CoreProviderMetadata) -> KnownClient {
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        );
        let client = client.set_redirect_uri(self.callback.clone());
        // Where it does not say, it takes the secret in the header (OpenID Connect Discovery, 3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_header =
            methods.is_none_or(|it| it.contains(&CoreClientAuthMethod::ClientSecretBasic));
        client.set_auth_type(if takes_header {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        })
    }

    fn fresh(&self) -> Option<Metadata> {
        let known = self.known.lock();
        let (metadata, until) = known.metadata.as_ref()?;
        (Instant::now() < *until).then(|| Arc::clone(metadata))
    }

    /// Returns the description and the keys, and fetches them if they are unknown or old.
    pub(super) async fn metadata(&self) -> Result<Metadata, ProviderError> {
        let asked = Instant::now();
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let _turn = self.turn.acquire().await;
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        if self.known.lock().failed.is_some_and(|at| at > asked) {
            return Err(ProviderError::FailedMeanwhile);
        }
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.client).await;
        let now = Instant::now();
        let mut known = self.known.lock();
        match (found, &mut known.metadata) {
            (Ok(found), metadata) => {
                let found = Arc::new(found);
                *metadata = Some((Arc::clone(&found), now + LASTS));
                Ok(found)
            }
            (Err(error), Some((kept, until))) => {
                let error = super::Causes(&error);
                tracing::warn!(%error, "the provider's description is kept: it cannot be fetched again");
                *until = now + LASTS_ON;
                Ok(Arc::clone(kept))
            }
            (Err(error), None) => {
                known.failed = Some(now);
                Err(error.into())
            }
        }
    }

    /// Fetches the keys again, unless that has happened since `metadata` was read.
    async fn with_new_keys(&self, metadata: &Metadata) -> Result<Metadata, ProviderError> {
        let _turn = self.turn.acquire().await;
        if let Some(fresh) = self.fresh().filter(|it| !Arc::ptr_eq(it, metadata)) {
            return Ok(fresh);
        }
        let keys = CoreJsonWebKeySet::fetch_async(metadata.jwks_uri(), &self.client).await?;
        let found = Arc::new(CoreProviderMetadata::clone(metadata).set_jwks(keys));
        let mut known = self.known.lock();
        if let Some((kept, _)) = &mut known.metadata {
            *kept = Arc::clone(&found);
        }
        Ok(found)
    }
}

fn email_of(
    client: &KnownClient,
    token: &CoreIdToken,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<Option<String>, ClaimsVerificationError> {
    let now = now.to_utc().expect("the clock shows a year of few digits");
    let verifier = client
        .id_token_verifier()
        .set_allowed_algs(SIGNATURES)
        .set_time_fn(move || now);
    let claims = token.claims(&verifier, nonce)?;
    let email = claims
        .email()
        .filter(|_| claims.email_verified() == Some(true));
    Ok(email.map(|it| it.to_string()))
}
