//! What clients can do to the server, and how it shuts down.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use etappe_runtime::http_server::{
    Address, Proxies, ServeError, ServerConfig, ServerMetrics, ViaProxy, serve,
};
use prometheus::{Registry, TextEncoder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes here; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    registry: Registry,
    stop: CancellationToken,
    server: JoinHandle<Result<(), ServeError>>,
}

async fn who(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: axum::extract::Request,
) -> String {
    let is_proxied = request.extensions().get::<ViaProxy>().is_some();
    format!("{} {is_proxied}", peer.ip())
}

static NEVER_BEGUN: Notify = Notify::const_new();

async fn never() {
    NEVER_BEGUN.notify_one();
    std::future::pending::<()>().await;
}

fn router() -> Router {
    Router::new()
        .route("/who", get(who))
        .route("/echo", post(|body: String| async move { body }))
        .route("/never", get(never))
}

impl Running {
    #[expect(
        clippy::disallowed_methods,
        reason = "the handle is kept and joined in `stopped`"
    )]
    async fn start(config: ServerConfig, proxies: &[&str]) -> Self {
        let registry = Registry::new();
        let metrics = ServerMetrics::register(&registry).unwrap();
        let proxies: Vec<String> = proxies.iter().map(|&text| text.to_owned()).collect();
        let address =
            Address::new("public", config, metrics).behind(Proxies::parse(&proxies).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let server =
            tokio::spawn(async move { serve(listener, router(), stopped, &address).await });
        Self {
            address: local,
            registry,
            stop,
            server,
        }
    }

    async fn connect(&self, from: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::from((Ipv4Addr::from(from), 0)))
            .unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn ask(&self, from: [u8; 4], request: &str) -> String {
        let mut connection = self.connect(from).await;
        connection.write_all(request.as_bytes()).await.ok();
        everything(&mut connection).await
    }

    async fn stopped(self) -> Result<(), ServeError> {
        self.stop.cancel();
        timeout(PATIENCE, self.server)
            .await
            .expect("the server ends")
            .unwrap()
    }

    fn metrics(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap()
    }
}

/// Reads until the server closes the connection.
async fn everything(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = connection.read(&mut piece).await {
            bytes.extend_from_slice(&piece[..read]);
        }
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the server closes the connection");
    String::from_utf8(bytes).unwrap()
}

/// Waits for the first line of an answer and leaves the connection open.
async fn first_line(connection: &mut TcpStream) -> String {
    let mut line = vec![0; 15];
    timeout(PATIENCE, connection.read_exact(&mut line))
        .await
        .expect("the server answers")
        .unwrap();
    String::from_utf8(line).unwrap()
}

const ONE: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];
const WHO: &str = "GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_network_with_its_share_of_connections_gets_429_and_others_are_served() {
    let config = ServerConfig {
        network_connections: 2,
        ..ServerConfig::default()
    };
    let running = Running::start(config, &["127.0.0.3"]).await;
    let mut held = [running.connect(ONE).await, running.connect(ONE).await];
    for connection in &mut held {
        connection
            .write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(first_line(connection).await, "HTTP/1.1 200 OK");
    }
    let refused = running.ask(ONE, "").await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    let other = running.ask(OTHER, WHO).await;
    assert!(other.ends_with("127.0.0.2 false"), "{other}");
    // An own proxy may carry any number of clients, and its header is trusted.
    let mut proxied = Vec::new();
    for _ in 0..5 {
        proxied.push(running.connect([127, 0, 0, 3]).await);
    }
    let proxy = running.ask([127, 0, 0, 3], WHO).await;
    assert!(proxy.ends_with("127.0.0.3 true"), "{proxy}");
    let line = "etappe_runtime_connections_total{address=\"public\",result=\"refused_network\"} 1";
    let metrics = running.metrics();
    assert!(metrics.contains(line), "{metrics}");
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn half_heads_and_idle_connections_do_not_delay_the_end_and_a_request_in_progress_has_its_time()
 {
    let config = ServerConfig {
        header_timeout: Duration::from_secs(3_000),
        drain_timeout: Duration::from_secs(3_000),
        ..ServerConfig::default()
    };
    let running = Running::start(config.clone(), &[]).await;
    let mut silent = running.connect(ONE).await;
    let mut half = running.connect(ONE).await;
    half.write_all(b"GET /who HTTP/1.1\r\nHo").await.unwrap();
    let mut idle = running.connect(ONE).await;
    idle.write_all(b"GET /who HTTP/1.1\r\nHost: a\r\n\r\nGET /wh")
        .await
        .unwrap();
    assert_eq!(first_line(&mut idle).await, "HTTP/1.1 200 OK");
    running.stopped().await.unwrap();
    everything(&mut silent).await;
    everything(&mut half).await;
    everything(&mut idle).await;

    let config = ServerConfig {
        drain_timeout: Duration::from_millis(50),
        ..config
    };
    let running = Running::start(config, &[]).await;
    let mut busy = running.connect(ONE).await;
    busy.write_all(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    timeout(PATIENCE, NEVER_BEGUN.notified())
        .await
        .expect("the request is begun");
    let outcome = running.stopped().await;
    let cut_off = matches!(
        outcome,
        Err(ServeError::DrainTimeout { connections: 1, .. })
    );
    assert!(cut_off, "{outcome:?}");
    assert_eq!(everything(&mut busy).await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_whatever_the_handler_makes_of_it() {
    let config = ServerConfig {
        body_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let running = Running::start(config, &[]).await;
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n";
    let slow = running.ask(ONE, &format!("{head}\r\nhalf")).await;
    assert!(slow.starts_with("HTTP/1.1 408"), "{slow}");
    assert!(slow.contains("urn:etappe:problem:body-timeout"), "{slow}");
    let whole = format!("{head}Connection: close\r\n\r\nall of it");
    let whole = running.ask(ONE, &whole).await;
    assert!(whole.ends_with("all of it"), "{whole}");
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn requests_without_exactly_one_host_and_unknown_paths_get_problem_details() {
    let running = Running::start(ServerConfig::default(), &[]).await;
    let cases = [
        ("GET /who HTTP/1.1\r\n\r\n", "HTTP/1.1 400", "bad-host"),
        (
            "GET /who HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "HTTP/1.1 400",
            "bad-host",
        ),
        (
            "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 404",
            "not-found",
        ),
    ];
    for (request, status, kind) in cases {
        let answer = running.ask(ONE, request).await;
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        let kind = format!("urn:etappe:problem:{kind}");
        assert!(answer.contains(&kind), "{answer}");
    }
    let old = running.ask(ONE, "GET /who HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    running.stopped().await.unwrap();
}
