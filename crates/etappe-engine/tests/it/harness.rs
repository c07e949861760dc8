//! Starts engines for tests and sends them requests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use etappe_engine::credentials::{EngineSecrets, Login};
use etappe_engine::library::{cache_dir, cached_library};
use etappe_engine::process::{EngineProcess, EngineProcessOptions};
use tempfile::TempDir;

/// How long an answer may take on a machine that is busy with other tests.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// An engine with its own data folder. Dropping it stops it.
pub(crate) struct TestEngine {
    pub(crate) process: EngineProcess,
    pub(crate) client: Client,
    pub(crate) reader: Client,
    pub(crate) data: TempDir,
}

/// Returns the library that the tests use.
pub(crate) fn library() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let path = variable("ETAPPE_ENGINE_LIBRARY").unwrap_or_else(|| {
        let home = variable("HOME");
        let cache = cache_dir(variable("XDG_CACHE_HOME").as_deref(), home.as_deref());
        cached_library(&cache.expect("a home folder"))
    });
    assert!(path.is_file(), "no engine library at `{}`", path.display());
    path
}

/// Returns the command that runs an engine on a data folder.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etappe-engine-dev"));
    command
        .arg("--data")
        .arg(data)
        .arg("--library")
        .arg(library())
        .args(arguments);
    command
}

pub(crate) fn options() -> EngineProcessOptions {
    EngineProcessOptions {
        ready_timeout: Duration::from_secs(60),
        stop_timeout: Duration::from_secs(30),
    }
}

impl TestEngine {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let process = EngineProcess::spawn(command(data.path(), arguments), options()).await;
        let process = process.expect("the engine starts");
        let secrets = EngineSecrets::load(data.path()).expect("the engine made its secrets");
        let client = Client::new(process.address(), secrets.writer);
        let reader = Client::new(process.address(), secrets.reader);
        Self {
            process,
            client,
            reader,
            data,
        }
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Waits until a counter, named with its labels, has this value.
    pub(crate) async fn wait_for_metric(&self, name: &str, value: u64) {
        let url = format!("http://{}/metrics", self.process.address());
        let line = format!("{name} {value}");
        let mut text = String::new();
        for _ in 0..4_000 {
            let login = &self.reader.login;
            let request = self.reader.http.get(&url);
            let request = request.basic_auth(&login.user, Some(&login.password));
            text = self.reader.send(request).await.text();
            if text.lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no `{line}` in\n{text}");
    }

    /// Kills the process as a crash would and starts another one on the same data.
    pub(crate) async fn crash_and_restart(&mut self) {
        self.process
            .kill()
            .await
            .expect("a running process can be killed");
        let process = EngineProcess::spawn(command(self.data.path(), &[]), options()).await;
        self.process = process.expect("the engine starts again");
        self.client = Client::new(self.process.address(), self.client.login.clone());
        self.reader = Client::new(self.process.address(), self.reader.login.clone());
    }
}

/// An HTTP client with a login.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) login: Login,
    pub(crate) http: reqwest::Client,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: Option<i32>,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim_end().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a text header").to_owned())
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, login: Login) -> Self {
        Self {
            address,
            login,
            http: reqwest::Client::builder()
                .timeout(ANSWERED_WITHIN)
                .build()
                .expect("a client"),
        }
    }

    pub(crate) fn url(&self, pairs: &[(&str, &str)]) -> String {
        let mut url = reqwest::Url::parse(&format!("http://{}/", self.address)).expect("a URL");
        url.query_pairs_mut().extend_pairs(pairs).finish();
        url.to_string()
    }

    pub(crate) fn post(&self, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
        self.http
            .post(self.url(pairs))
            .header("X-ClickHouse-User", &self.login.user)
            .header("X-ClickHouse-Key", &self.login.password)
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let code = headers.get("x-clickhouse-exception-code");
        let code = code.map(|code| code.to_str().expect("a number").parse().expect("a number"));
        let body = response.bytes().await.expect("a whole body").to_vec();
        Answer {
            status,
            code,
            headers,
            body,
        }
    }

    /// Runs a statement with settings and returns any response.
    pub(crate) async fn try_query(&self, pairs: &[(&str, &str)], statement: &str) -> Answer {
        self.send(self.post(pairs).body(statement.to_owned())).await
    }

    /// Runs a statement that must succeed and returns its result.
    pub(crate) async fn query(&self, statement: &str) -> String {
        let answer = self.try_query(&[], statement).await;
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
        answer.text()
    }

    /// Inserts data that must be accepted.
    pub(crate) async fn insert(&self, statement: &str, settings: &[(&str, &str)], data: Vec<u8>) {
        let answer = self.try_insert(statement, settings, data).await;
        assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
    }

    pub(crate) async fn try_insert(
        &self,
        statement: &str,
        settings: &[(&str, &str)],
        data: Vec<u8>,
    ) -> Answer {
        let mut pairs = vec![("query", statement)];
        pairs.extend_from_slice(settings);
        self.send(self.post(&pairs).body(data)).await
    }
}
