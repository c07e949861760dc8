//! `etappe engine`: runs ClickHouse's engine alone, as its own process or as a child of `up`; or
//! only fetches its library or prints its address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use etappe_engine::credentials::EngineSecrets;
use etappe_engine::process::{PreparedEngine, run_engine};
use etappe_runtime::shutdown::{Reason, Shutdown};
use prometheus::Registry;

use crate::answer::answer;
use crate::cli::EngineArguments;
use crate::config::{Config, Needs};
use crate::data_dir::rights::close_to_others;
use crate::service::engine::verified_library;
use crate::service::warehouse::DATABASE;

/// The files that identify a data folder of `up`, and its subfolder with ClickHouse's files.
const SITES: &str = "sites.json";
const SECRET_OF_UP: &str = "engine/engine-secret.json";
const ENGINE: &str = "engine";

/// Serves until a signal or, as a child, until standard input ends. Must be called while the
/// process has a single thread: the engine's fence applies to that thread and those it starts.
pub(crate) fn run(arguments: EngineArguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config, Vec::new(), Needs::NOTHING)?;
    if arguments.fetch {
        answer!("{}", verified_library(arguments.engine_library)?.display());
        return Ok(());
    }
    etappe_runtime::telemetry::init(&config.telemetry)?;
    let data = arguments
        .data
        .context("--data is required: the folder of ClickHouse's files")?;
    let data = if arguments.child {
        data
    } else {
        folder_of_engine(data)
    };
    std::fs::create_dir_all(&data)
        .with_context(|| format!("cannot create the folder {}", data.display()))?;
    // The engine resolves relative paths against its own folder.
    let data = data
        .canonicalize()
        .with_context(|| format!("cannot enter the folder {}", data.display()))?;
    close_to_others(&data);
    if arguments.url {
        answer!("{}", url(&data, arguments.listen)?);
        return Ok(());
    }
    let library = verified_library(arguments.engine_library)?;
    let mut engine = config.engine.to_engine_config(data, library);
    engine.listen = arguments.listen;
    let engine = PreparedEngine::prepare(engine)?;
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    runtime.block_on(serve(engine, arguments.child))
}

/// Returns the folder of ClickHouse's files; `data` may be the data folder of `up`, where a second,
/// empty database would otherwise be created silently.
fn folder_of_engine(data: PathBuf) -> PathBuf {
    let is_of_up = [SITES, SECRET_OF_UP]
        .iter()
        .any(|name| data.join(name).exists());
    if !is_of_up {
        return data;
    }
    let inner = data.join(ENGINE);
    tracing::info!(
        folder = %inner.display(),
        "this is a folder of `etappe up`; its ClickHouse files are used"
    );
    inner
}

async fn serve(engine: PreparedEngine, is_child: bool) -> anyhow::Result<()> {
    let (registry, stdout) = (Registry::new(), tokio::io::stdout());
    if is_child {
        run_engine(engine, tokio::io::stdin(), stdout, &registry).await?;
        return Ok(());
    }
    // The engine stops when its control pipe closes; here a signal closes it.
    let (control, held) = tokio::io::duplex(1);
    let shutdown = Shutdown::default();
    let release = async {
        let listened = shutdown.listen_to_signals().await;
        drop(held);
        listened
    };
    let (served, listened) = tokio::join!(
        async {
            let served = run_engine(engine, control, stdout, &registry).await;
            shutdown.begin(Reason::Failure("the engine has ended".to_owned()));
            served
        },
        release
    );
    served?;
    Ok(listened?)
}

/// Returns the address for `--clickhouse`, with the login that has all rights.
fn url(data: &Path, listen: SocketAddr) -> anyhow::Result<String> {
    let login = EngineSecrets::load(data)?.writer;
    Ok(format!(
        "http://{}:{}@{listen}/{DATABASE}",
        login.user, login.password
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_folder_inside_a_data_folder_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |name: &str| {
            let data = folder.path().join(name);
            folder_of_engine(data.clone()) == data.join(ENGINE)
        };
        let make = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "").expect("written");
        };
        make("alone/engine-secret.json");
        make("used/engine/engine-secret.json");
        make("new/sites.json");
        assert!(of("used") && of("new"));
        assert!(!of("alone") && !of("missing"));
    }
}
