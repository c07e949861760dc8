//! One keep-alive HTTP/1 connection, reopened when it breaks.

use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::request_pool::PreparedRequest;

const TIMEOUT: Duration = Duration::from_secs(60);
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
const ANSWER_LIMIT: usize = 1024 * 1024;

/// Why a request's events were not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The status was not 200.
    Status {
        /// The status.
        status: StatusCode,
        /// Whether the answer said when to retry.
        says_when: bool,
    },
    /// The answer does not follow the contract.
    Answer,
    /// The connection broke or could not be opened.
    Connection,
    /// No answer came in time.
    Timeout,
}

/// A connection; not shared, so it carries one request at a time.
#[derive(Debug)]
pub struct Connection {
    address: String,
    host: HeaderValue,
    authorization: HeaderValue,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// The task that drives the connection; ends when this is dropped.
    driver: JoinSet<()>,
}

impl Connection {
    /// Connects to `address`; requests carry the write key.
    ///
    /// # Errors
    ///
    /// When nothing listens there.
    pub async fn open(address: &str, write_key: &str) -> anyhow::Result<Self> {
        let token = BASE64_STANDARD.encode(format!("{write_key}:"));
        let mut connection = Self {
            address: address.to_owned(),
            host: HeaderValue::from_str(address).context("the address is not a valid host")?,
            authorization: HeaderValue::from_str(&format!("Basic {token}"))?,
            sender: None,
            driver: JoinSet::new(),
        };
        connection.connect().await?;
        Ok(connection)
    }

    /// Sends a request and returns the body of an answer of 200.
    ///
    /// # Errors
    ///
    /// Any other answer, and no answer.
    pub async fn send(&mut self, request: &PreparedRequest) -> Result<Bytes, Failure> {
        let request = self.prepare(request);
        tokio::time::timeout(TIMEOUT, self.exchange(request))
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Drops the connection; the next request opens a new one after a short pause.
    pub async fn reopen_soon(&mut self) {
        self.sender = None;
        self.driver.abort_all();
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }

    fn prepare(&self, request: &PreparedRequest) -> Request<Full<Bytes>> {
        let mut prepared = Request::new(Full::new(request.body.clone()));
        *prepared.method_mut() = Method::POST;
        *prepared.uri_mut() = hyper::Uri::from_static(request.path);
        let headers = prepared.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(encoding) = request.encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        prepared
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let sender = self.ready().await.ok_or(Failure::Connection)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| Failure::Connection)?;
        let status = response.status();
        let says_when = response.headers().contains_key(RETRY_AFTER);
        let body = read(response).await.ok_or(Failure::Connection)?;
        if status == StatusCode::OK {
            Ok(body)
        } else {
            Err(Failure::Status { status, says_when })
        }
    }

    /// Returns the connection once it can take a request. If the server has closed it between two
    /// requests, for instance while draining, a new one is opened.
    async fn ready(&mut self) -> Option<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            self.connect().await.ok()?;
        }
        self.sender.as_mut()
    }

    async fn connect(&mut self) -> anyhow::Result<()> {
        self.sender = None;
        self.driver.abort_all();
        while self.driver.try_join_next().is_some() {}
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        self.driver.spawn(async move {
            // The request in flight shows how the connection ended.
            connection.await.ok();
        });
        self.sender = Some(sender);
        Ok(())
    }
}

async fn read(response: Response<Incoming>) -> Option<Bytes> {
    let body = Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await;
    body.ok().map(http_body_util::Collected::to_bytes)
}
