//! `etappe engine`: ClickHouse's engine alone, as `up` runs it, or only its library fetched.

use anyhow::Context;
use etappe_engine::library::{LibraryRequest, cache_dir, find_library};
use etappe_engine::process::run_engine;
use prometheus::Registry;
use std::path::PathBuf;

use crate::cli::EngineArguments;
use crate::config::Config;

/// Serves until standard input ends.
#[expect(clippy::print_stdout, reason = "the path is the command's answer")]
pub(crate) async fn run(arguments: EngineArguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config, Vec::new())?;
    if arguments.fetch {
        println!("{}", library(arguments.engine_library).await?.display());
        return Ok(());
    }
    etappe_runtime::telemetry::init(&config.telemetry)?;
    let data = arguments
        .data
        .context("--data names the folder of ClickHouse's files")?;
    let library = library(arguments.engine_library).await?;
    let mut engine = config.engine.to_engine_config(data, library);
    engine.listen = arguments.listen;
    run_engine(
        engine,
        tokio::io::stdin(),
        tokio::io::stdout(),
        &Registry::new(),
    )
    .await?;
    Ok(())
}

/// Finds the engine's library, fetching it where it is missing.
pub(crate) async fn library(explicit: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = cache_dir(
        folder("XDG_CACHE_HOME").as_deref(),
        folder("HOME").as_deref(),
    );
    let cache = cache.context("neither XDG_CACHE_HOME nor HOME names a folder for the cache")?;
    let request = LibraryRequest::new(explicit, cache);
    let found = tokio::task::spawn_blocking(move || find_library(&request));
    found
        .await
        .context("the search stopped")?
        .context("no engine library")
}
