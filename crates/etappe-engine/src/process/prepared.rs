//! Preparation of the engine while the process has one thread and no fence yet.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use crate::config::EngineConfig;
use crate::credentials::EngineSecrets;
use crate::engine::{DataLock, Engine, clickhouse_dir};
use crate::error::EngineError;
use crate::fence::{self, FenceGaps};
use crate::server_config::write_server_config;

/// An engine that holds its data folder and its address behind its fence, but is not loaded yet.
pub struct PreparedEngine {
    pub(super) config: EngineConfig,
    pub(super) lock: DataLock,
    pub(super) secrets: EngineSecrets,
    pub(super) listener: TcpListener,
    pub(super) server_config: PathBuf,
}

impl PreparedEngine {
    /// Locks the data folder, reads the secrets, binds the address, and raises the fence, which
    /// covers this thread and the threads it starts. Call it while the process has no other thread.
    /// Read everything outside the fence before; nothing there can be read afterwards. Blocks.
    ///
    /// # Errors
    ///
    /// If the configuration is invalid, the data folder cannot be locked, the address cannot be
    /// bound, or the fence is required and cannot be raised.
    pub fn prepare(config: EngineConfig) -> Result<Self, EngineError> {
        config.validate()?;
        let lock = DataLock::acquire(&config.data_dir, config.lock_timeout)?;
        let secrets = EngineSecrets::load_or_create(&config.data_dir)?;
        let clickhouse = clickhouse_dir(&config.data_dir);
        fs::create_dir_all(&clickhouse).map_err(|source| {
            EngineError::io(
                format!("make the folder `{}`", clickhouse.display()),
                source,
            )
        })?;
        let written = write_server_config(&config)?;
        let listener = TcpListener::bind(config.listen)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| EngineError::io(format!("listen on {}", config.listen), source))?;
        let gaps = FenceGaps {
            writable: vec![clickhouse],
            readable: vec![
                config.library.clone(),
                written.config.clone(),
                written.users,
            ],
            network: config.network,
        };
        fence::raise(config.fence, &gaps)?;
        Ok(Self {
            config,
            lock,
            secrets,
            listener,
            server_config: written.config,
        })
    }
}

/// Runs statements on a prepared engine without login or statement checks. It exists to test the
/// fence, which is then the only protection.
///
/// # Errors
///
/// If the engine cannot be opened. A failed statement is one of the outcomes.
pub fn run_statements(
    prepared: PreparedEngine,
    statements: Vec<String>,
) -> Result<Vec<Result<String, String>>, EngineError> {
    let work = move || {
        let engine = Engine::open(&prepared.config, &prepared.server_config, prepared.lock)?;
        let mut outcomes = Vec::new();
        for statement in statements {
            let outcome = match engine.session() {
                Ok(mut session) => session
                    .run(statement.as_bytes(), "TSVRaw", &[])
                    .map(|output| String::from_utf8_lossy(output.as_ref()).into_owned()),
                Err(exception) => Err(exception.to_string()),
            };
            outcomes.push(outcome);
        }
        engine.close();
        Ok(outcomes)
    };
    let thread = std::thread::Builder::new()
        .name("engine-open".to_owned())
        .stack_size(super::OPEN_STACK)
        .spawn(work)
        .map_err(|source| EngineError::io("start a thread", source))?;
    thread.join().expect("the engine does not panic")
}
