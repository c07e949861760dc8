//! The command `etappe`: only the command line and the wiring.
//!
//! Each command has its own file in `command/`. Answers go to standard output, everything else to
//! standard error. Exit codes: 0, 1 failed, 64 bad configuration or usage.

mod allocator;
mod answer;
mod backup;
mod cli;
mod command;
mod config;
mod control;
mod data_dir;
mod letters;
mod reader;
mod service;
mod simulated;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::config::BadConfiguration;
use crate::data_dir::parts::MissingParts;

/// `EX_USAGE` of sysexits.h: bad configuration or usage.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    data_dir::rights::keep_to_owner();
    raise_file_limit();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_answer = !error.use_stderr();
            // A closed pipe is not an error.
            error.print().ok();
            return if is_answer {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(EXIT_USAGE)
            };
        }
    };
    if cli.command.is_service() {
        allocator::limit_arenas();
    }
    let command = match cli.command {
        // Must run before there are threads: its fence applies to the threads started after it.
        Command::Engine(arguments) => return ended(command::engine::run(arguments)),
        command => command,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&anyhow::Error::new(error).context("cannot start the async runtime"));
        }
    };
    let outcome = ended(runtime.block_on(run(command)));
    // A copy that cannot be interrupted must not delay the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    outcome
}

fn ended(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Raises the limit of open files to the maximum: each connection needs one.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    // If this fails, the collector allows fewer connections.
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limits.maximum,
            ..limits
        },
    )
    .ok();
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Up(arguments) => command::up::run(arguments).await,
        Command::Collector(arguments) => command::collector::run(arguments).await,
        Command::Classifier(arguments) => command::classifier::run(arguments).await,
        Command::Insights(arguments) => command::insights::run(arguments).await,
        Command::Engine(arguments) => command::engine::run(arguments),
        Command::Migrate(arguments) => command::migrate::run(arguments).await,
        Command::Import(arguments) => command::import::run(arguments).await,
        Command::Simulate(arguments) => command::simulate::run(arguments).await,
        Command::Explain(arguments) => command::explain::run(arguments).await,
        Command::Unmapped(arguments) => command::unmapped::run(arguments).await,
        Command::Models(command) => command::models::run(command),
        Command::Keys(command) => command::keys::run(command).await,
        Command::Users(command) => command::users::run(command).await,
        Command::DeadLetters(command) => command::dead_letters::run(command).await,
        Command::Collectors(command) => command::collectors::run(command).await,
        Command::Audit(arguments) => command::audit::run(arguments).await,
        Command::Backup(arguments) => command::backup::back_up(arguments).await,
        Command::Restore(arguments) => command::backup::restore(arguments).await,
        Command::Move(arguments) => command::transfer::run(arguments).await,
        Command::Config(command) => command::config::run(command).await,
    }
}

#[expect(clippy::print_stderr, reason = "the error message of a failed command")]
fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(problems) = error.downcast_ref::<BadConfiguration>() {
        eprintln!("etappe: the configuration has problems:");
        problems
            .0
            .iter()
            .for_each(|problem| eprintln!("  {problem}"));
        return ExitCode::from(EXIT_USAGE);
    }
    if let Some(missing) = error.downcast_ref::<MissingParts>() {
        eprintln!("etappe: the data folder is incomplete:");
        missing.0.iter().for_each(|part| eprintln!("  {part}"));
        return ExitCode::from(EXIT_USAGE);
    }
    eprintln!("etappe: {error:#}");
    ExitCode::FAILURE
}
