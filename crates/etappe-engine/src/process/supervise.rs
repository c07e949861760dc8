//! The parent's handle to the engine's process.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;

use super::ReadyLine;
use crate::error::EngineError;

/// How many of the process's last lines an error quotes.
const LAST_WORDS: usize = 20;
/// How much of stderr is read at a time if a line does not end.
const LINE_BYTES: u64 = 64 * 1024;
/// Quoted lines are cut at this length.
const LINE_LIMIT: usize = 2_000;
/// How long to wait for the process's last lines after its end.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(500);

/// Timeouts for starting and stopping the engine's process.
#[derive(Debug, Clone, Copy)]
pub struct EngineProcessOptions {
    /// From the start to the ready line; default 120 s, for opening a large data folder.
    pub ready_timeout: Duration,
    /// From closing the control pipe to the end of the process; default 25 s. Must be longer than
    /// the engine's own [`drain_timeout`](crate::config::EngineConfig::drain_timeout).
    pub stop_timeout: Duration,
}

impl Default for EngineProcessOptions {
    fn default() -> Self {
        Self {
            ready_timeout: Duration::from_secs(120),
            stop_timeout: Duration::from_secs(25),
        }
    }
}

/// A running engine. Dropping it closes the control pipe; the process then drains and ends.
#[derive(Debug)]
pub struct EngineProcess {
    child: Child,
    control: Option<ChildStdin>,
    address: SocketAddr,
    last_words: LastWords,
    stop_timeout: Duration,
    /// Forwards stderr; ends with the process.
    _forwarding: JoinSet<()>,
}

impl EngineProcess {
    /// Starts the engine and waits until it is ready. `command` must run
    /// [`run_engine`](super::run_engine) with stdin as control pipe and stdout for the ready line;
    /// it stays in this process's group. Its stderr is copied to this process's stderr.
    ///
    /// # Errors
    ///
    /// If it cannot be started, ends, writes something other than a ready line, or is not ready in
    /// time; it is then no longer running.
    pub async fn spawn(
        command: std::process::Command,
        options: EngineProcessOptions,
    ) -> Result<Self, EngineError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut command = Command::from(command);
        command
            // The engine formats and parses times without a zone in the machine's time zone.
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|source| EngineError::io(format!("start `{program}`"), source))?;
        let control = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout was piped above");
        let stderr = child.stderr.take().expect("stderr was piped above");
        let last_words = LastWords::default();
        let mut forwarding = JoinSet::new();
        forwarding.spawn(forward(stderr, last_words.clone()));
        let ready = tokio::time::timeout(options.ready_timeout, ready_line(stdout)).await;
        let reason = match ready {
            Ok(Ok(address)) => {
                return Ok(Self {
                    child,
                    control,
                    address,
                    last_words,
                    stop_timeout: options.stop_timeout,
                    _forwarding: forwarding,
                });
            }
            Ok(Err(NotReady::Ended)) => {
                let status = tokio::time::timeout(options.stop_timeout, child.wait()).await;
                match status {
                    Ok(Ok(status)) => format!("its process ended with {status}"),
                    Ok(Err(_)) | Err(_) => "its process closed its output".to_owned(),
                }
            }
            Ok(Err(NotReady::Line(line))) => {
                format!("its process wrote `{line}` instead of a ready line")
            }
            Err(_) => format!("it was not ready within {:?}", options.ready_timeout),
        };
        // It may have ended already.
        drop(child.kill().await);
        let ended = async { while forwarding.join_next().await.is_some() {} };
        drop(tokio::time::timeout(LAST_WORDS_TIMEOUT, ended).await);
        Err(EngineError::StartFailed {
            reason,
            stderr: last_words.lines(),
        })
    }

    /// Returns the address that the engine listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the process id; `None` after the process has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the process has ended, by itself or through [`Self::kill`]. Cancellation-safe.
    ///
    /// # Errors
    ///
    /// If the system cannot report the status.
    pub async fn wait(&mut self) -> Result<ExitStatus, EngineError> {
        // `Child::wait` would close the control pipe, but the pipe was already taken out.
        self.child
            .wait()
            .await
            .map_err(|source| EngineError::io("wait for the engine's process", source))
    }

    /// Returns the last lines that the process wrote to stderr.
    pub fn last_words(&self) -> Vec<String> {
        self.last_words.lines()
    }

    /// Kills the process at once, as a crash would.
    ///
    /// # Errors
    ///
    /// If the system cannot kill it.
    pub async fn kill(&mut self) -> Result<(), EngineError> {
        self.child
            .kill()
            .await
            .map_err(|source| EngineError::io("kill the engine's process", source))
    }

    /// Closes the control pipe and waits until the process has ended.
    ///
    /// # Errors
    ///
    /// If it takes too long, in which case it is killed, or if it ends with an error.
    pub async fn stop(mut self) -> Result<(), EngineError> {
        drop(self.control.take());
        let waited = self.stop_timeout;
        match tokio::time::timeout(waited, self.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(EngineError::Stopped {
                status,
                stderr: self.last_words.lines(),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.kill().await?;
                Err(EngineError::StopTimedOut { waited })
            }
        }
    }
}

enum NotReady {
    /// The process closed its stdout.
    Ended,
    /// It wrote another line.
    Line(String),
}

async fn ready_line(stdout: ChildStdout) -> Result<SocketAddr, NotReady> {
    let mut lines: Lines<BufReader<ChildStdout>> = BufReader::new(stdout).lines();
    let line = lines
        .next_line()
        .await
        .ok()
        .flatten()
        .ok_or(NotReady::Ended)?;
    match serde_json::from_str::<ReadyLine>(&line) {
        Ok(ready) => Ok(ready.listen),
        Err(_) => Err(NotReady::Line(line)),
    }
}

/// The last lines of the process's stderr.
#[derive(Debug, Clone, Default)]
struct LastWords(Arc<Mutex<VecDeque<String>>>);

impl LastWords {
    fn push(&self, line: &[u8]) {
        let line = line.get(..LINE_LIMIT).unwrap_or(line);
        let mut lines = self.0.lock();
        if lines.len() == LAST_WORDS {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(line).trim_end().to_owned());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }
}

/// Copies stderr line by line to this process's stderr.
async fn forward(stderr: ChildStderr, last_words: LastWords) {
    let mut reader = BufReader::new(stderr);
    let mut ours = tokio::io::stderr();
    let mut line = Vec::new();
    while let Ok(1..) = (&mut reader)
        .take(LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await
    {
        last_words.push(&line);
        // This process's stderr may be closed; that must not stop the engine.
        drop(ours.write_all(&line).await);
        line.clear();
    }
}
