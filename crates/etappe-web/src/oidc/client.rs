//! Asks the provider over HTTP, with an end to the time and to the size of its answers.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use etappe_runtime::tls::{self, UnusableCertificates};
use http::Uri;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::config::{OidcConfig, keeps_secrets};

/// How long an answer may take, from the connection to its last byte.
const WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of an answer. Descriptions, keys and tokens have a few thousand.
const MOST_BYTES: usize = 256 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The provider's description names an address without TLS.
    #[error("{0} is not protected by TLS")]
    Unprotected(Uri),
    /// Nothing, or not everything, came in time.
    #[error("it took longer than {} s", WITHIN.as_secs())]
    TooSlow,
    /// The answer is too large.
    #[error("its answer has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// The connection ended within the answer.
    #[error("its answer did not arrive whole")]
    CutOff,
    /// The request failed.
    #[error("it cannot be asked")]
    Failed(#[from] hyper_util::client::legacy::Error),
}

/// The client for requests to the provider. It follows no redirects.
#[derive(Debug)]
pub(super) struct ProviderClient(Client<HttpsConnector<HttpConnector>, Body>);

impl ProviderClient {
    pub(super) fn try_new(config: &OidcConfig) -> Result<Self, UnusableCertificates> {
        let authorities = tls::authorities(config.ca_file.as_deref())?;
        let mut connector = HttpConnector::new();
        // The name of the scheme is the business of the layer around it.
        connector.enforce_http(false);
        let connector = tls::connector(connector, authorities);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, AskError> {
        let uri = request.uri();
        if !Url::parse(&uri.to_string()).is_ok_and(|url| keeps_secrets(&url)) {
            return Err(AskError::Unprotected(uri.clone()));
        }
        let (head, body) = self.0.request(request.map(Body::from)).await?.into_parts();
        let read = Limited::new(body, MOST_BYTES).collect().await;
        let body = read.map_err(|error| {
            if error.is::<LengthLimitError>() {
                AskError::TooLarge
            } else {
                AskError::CutOff
            }
        })?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().into()))
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderClient {
    type Error = AskError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AskError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = tokio::time::timeout(WITHIN, self.ask(request)).await;
            answer.unwrap_or(Err(AskError::TooSlow))
        })
    }
}
