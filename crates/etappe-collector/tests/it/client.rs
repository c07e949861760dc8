//! An HTTP client that can misbehave as a test needs.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything takes here; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Returns the error's code after checking that the answer is one of ours.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        assert_eq!(json["success"], false, "{json}");
        assert!(
            json["error"]["message"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{json}"
        );
        json["error"]["code"].as_str().expect("a code").to_owned()
    }

    /// Checks status and code at once.
    #[track_caller]
    pub(crate) fn expect_error(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code));
    }

    /// Checks for success and returns the number of accepted messages and the rejections.
    #[track_caller]
    pub(crate) fn expect_accepted(&self) -> (u64, Vec<(u64, String)>) {
        let json = self.json();
        assert_eq!(
            (self.status, &json["success"]),
            (200, &Value::Bool(true)),
            "{json}"
        );
        (json["accepted"].as_u64().expect("a number"), reasons(&json))
    }
}

/// Returns the index and reason of every rejected message.
pub(crate) fn reasons(json: &Value) -> Vec<(u64, String)> {
    let rejected = json["rejected"].as_array().expect("a list");
    let reason = |one: &Value| {
        assert!(one.get("messageId").is_some(), "{one}");
        (
            one["index"].as_u64().expect("a number"),
            one["reason"].as_str().expect("text").to_owned(),
        )
    };
    rejected.iter().map(reason).collect()
}

/// A connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .await
            .expect("the server reads");
    }

    /// Sends a request with a content length.
    pub(crate) async fn request(&mut self, head: &str, headers: &[&str], body: &[u8]) {
        let mut text = format!("{head} HTTP/1.1\r\nHost: etappe\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        self.write(&[text.as_bytes(), body].concat()).await;
    }

    /// Reads the next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("an answer")
    }

    /// Reads the next answer; `None` if the connection ends before it.
    pub(crate) async fn try_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = String::from_utf8(self.buffer[..end].to_vec()).expect("text");
                self.buffer.drain(..end + 4);
                return Some(self.rest(head).await);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn rest(&mut self, head: String) -> Answer {
        let status = head
            .get(9..12)
            .and_then(|digits| digits.parse().ok())
            .expect("a status");
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        let length: usize = answer
            .header("content-length")
            .map_or(0, |length| length.parse().expect("a number"));
        while self.buffer.len() < length {
            assert!(self.fill().await, "the answer ended early");
        }
        answer.body = self.buffer.drain(..length).collect();
        answer
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        while self.fill().await {}
    }

    /// Reads to the end and returns the number of bytes.
    pub(crate) async fn drain(&mut self) -> usize {
        let mut taken = 0;
        while self.fill().await {
            taken += self.buffer.len();
            self.buffer.clear();
        }
        taken
    }

    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("the server answers in time"), Ok(1..))
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
