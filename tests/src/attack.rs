//! Attacks that anyone on the network can make on an address, whatever it serves.
//!
//! [`Target::attack`] makes all of them and reports what did not hold. It leaves connections open,
//! so that a shutdown can happen in the middle of an attack. Attacks come from 127.0.0.1, other
//! clients from 127.0.0.2. The target is expected to run with [`CONFIG`].

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Settings with which attacks end soon, and only through the server's limits.
pub const CONFIG: &str = "[server]\nheader_timeout = \"5m\"\nbody_timeout = \"2s\"\n\
                          write_timeout = \"2s\"\n";

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The number of connections that send half a head each: more than one network may have anywhere.
const HALF_HEADS: usize = 1_500;
/// How many bytes of a head each of them sends.
const HALF_HEAD_BYTES: usize = 8 * 1024;
/// How much a process's memory may grow under attack, in bytes.
const MEMORY: u64 = 160 << 20;
/// The timeout for any single step on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An address under attack.
#[derive(Debug)]
pub struct Target {
    /// Its name in failure messages.
    pub name: String,
    /// Host and port.
    pub address: String,
    /// The process behind it.
    pub pid: u32,
    /// A path that is served, and the status of the answer to `GET`.
    pub path: (&'static str, u16),
    /// The head of a request whose body is read to its full length, for addresses that read bodies.
    pub with_body: Option<String>,
}

/// Connections that an attack left open.
#[derive(Debug)]
pub struct LeftOpen(#[expect(dead_code, reason = "they are closed when dropped")] Vec<TcpStream>);

impl Target {
    /// Attacks the address in every way and checks after each attack that other clients are served.
    ///
    /// # Errors
    /// The promise that did not hold.
    pub async fn attack(&self) -> anyhow::Result<LeftOpen> {
        let context = |what: &str| format!("{}: {what}", self.name);
        self.served().await.with_context(|| context("at first"))?;
        self.bad_heads()
            .await
            .with_context(|| context("bad heads"))?;
        self.slow_body()
            .await
            .with_context(|| context("slow body"))?;
        self.slow_reader()
            .await
            .with_context(|| context("slow reader"))?;
        let before = resident_bytes(self.pid)?;
        let mut open = self
            .half_heads()
            .await
            .with_context(|| context("half heads"))?;
        self.served()
            .await
            .with_context(|| context("beside half heads"))?;
        let more = resident_bytes(self.pid)?.saturating_sub(before);
        ensure!(
            more <= MEMORY,
            context(&format!("it uses {more} more bytes under attack"))
        );
        open.push(self.idle().await.with_context(|| context("idle"))?);
        Ok(LeftOpen(open))
    }

    /// Checks that another client is served normally.
    async fn served(&self) -> anyhow::Result<()> {
        let (path, expected) = self.path;
        let answer = self.answer(&get(path, "")).await?;
        ensure!(answer.status == expected, "another one gets {answer:?}");
        Ok(())
    }

    async fn bad_heads(&self) -> anyhow::Result<()> {
        let (path, _) = self.path;
        let request = |headers: &str| format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
        let large = format!("Host: a\r\nX-Large: {}\r\n", "x".repeat(270_000));
        let many: String = (0..200)
            .map(|number| format!("X-{number}: 1\r\n"))
            .collect();
        let bad = [
            (request("X-No: host\r\n"), 400),
            (request("Host: a\r\nHost: b\r\n"), 400),
            (request("Host: a\r\nhost: a\r\n"), 400),
            (request("Host: a b\r\n"), 400),
            (
                request("Host: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n"),
                400,
            ),
            (request(&large), 431),
            (request(&format!("Host: a\r\n{many}")), 431),
            (get("/nothing/here", ""), 404),
        ];
        for (request, status) in bad {
            let answer = self.answer(&request).await?;
            let start: String = request.chars().take(80).collect();
            ensure!(
                answer.status == status,
                "expected {status} to `{start}`, got {answer:?}"
            );
            if status == 404 {
                let is_problem = answer.text.contains("application/problem+json")
                    && answer.text.contains("urn:etappe:problem:not-found");
                ensure!(is_problem, "404 without problem details: {answer:?}");
            }
        }
        Ok(())
    }

    /// Sends only the first byte of a body.
    async fn slow_body(&self) -> anyhow::Result<()> {
        let Some(head) = &self.with_body else {
            return Ok(());
        };
        let request = format!("{head}Host: a\r\nContent-Length: 100\r\n\r\n{{");
        let answer = self.answer(&request).await?;
        ensure!(answer.status == 408, "expected 408, got {answer:?}");
        Ok(())
    }

    /// Sends requests without reading the answers, until the server closes the connection.
    async fn slow_reader(&self) -> anyhow::Result<()> {
        let mut connection = self.connect(ATTACKER).await?;
        let (path, _) = self.path;
        let requests = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(500);
        let asking = async { while connection.write_all(requests.as_bytes()).await.is_ok() {} };
        timeout(PATIENCE, asking)
            .await
            .context("a client that reads no answers is not cut off")
    }

    /// Opens many connections that send half a head each.
    async fn half_heads(&self) -> anyhow::Result<Vec<TcpStream>> {
        let filler = "x".repeat(HALF_HEAD_BYTES);
        let half = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Half: {filler}");
        let mut open = Vec::with_capacity(HALF_HEADS);
        for _ in 0..HALF_HEADS {
            let mut connection = self.connect(ATTACKER).await?;
            // A refused connection may be closed meanwhile.
            if connection.write_all(half.as_bytes()).await.is_ok() {
                open.push(connection);
            }
        }
        let answer = self.answer_to(ATTACKER, "").await?;
        ensure!(
            answer.status == 429,
            "one network may have any number of connections: {answer:?}"
        );
        Ok(open)
    }

    /// Opens a connection, receives one answer, and keeps it open.
    async fn idle(&self) -> anyhow::Result<TcpStream> {
        let mut connection = self.connect(OTHER).await?;
        let (path, _) = self.path;
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut first = [0; 12];
        timeout(PATIENCE, connection.read_exact(&mut first))
            .await
            .context("no answer")??;
        Ok(connection)
    }

    async fn answer(&self, request: &str) -> anyhow::Result<RawAnswer> {
        self.answer_to(OTHER, request).await
    }

    /// Sends a request and reads until the server closes the connection.
    async fn answer_to(&self, from: Ipv4Addr, request: &str) -> anyhow::Result<RawAnswer> {
        let mut connection = self.connect(from).await?;
        // The server may refuse a request before all of it is sent.
        connection.write_all(request.as_bytes()).await.ok();
        let mut bytes = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        let reading = async {
            loop {
                match connection.read(&mut piece).await {
                    Ok(0) | Err(_) => return,
                    Ok(size) => bytes.extend_from_slice(piece.get(..size).unwrap_or_default()),
                }
            }
        };
        timeout(PATIENCE, reading)
            .await
            .context("the server neither answers nor closes")?;
        RawAnswer::parse(&bytes)
    }

    async fn connect(&self, from: Ipv4Addr) -> anyhow::Result<TcpStream> {
        let address: SocketAddr = self.address.parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let connecting = timeout(PATIENCE, socket.connect(address)).await;
        connecting
            .context("no connection is accepted")?
            .with_context(|| format!("cannot connect to {address}"))
    }
}

/// An answer as received.
#[derive(Debug)]
struct RawAnswer {
    status: u16,
    text: String,
}

impl RawAnswer {
    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        match status {
            Some(status) => Ok(Self { status, text }),
            None => bail!("not an HTTP answer: `{text}`"),
        }
    }
}

/// Returns a request that asks to close the connection afterwards.
fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}Connection: close\r\n\r\n")
}

fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("the system does not report its memory")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib * 1024)
}
