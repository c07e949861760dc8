//! The command line.

mod flag;
mod process;
mod question;
mod simulate;
mod site;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use flag::{
    AddressFlags, ConfigSource, FlagSetting, KafkaFlag, OutsideFlags, ServerFlags,
};
pub(crate) use process::{
    ClassifierArguments, CollectorArguments, EngineArguments, InsightsArguments, MigrateArguments,
    MoveArguments, UpArguments,
};
pub(crate) use question::{ServiceArguments, UnmappedArguments};
pub(crate) use simulate::SimulateArguments;
pub(crate) use site::{KeysCommand, KeysData, RoleArgument, UsersCommand};

/// Measures customer journeys: tracking events in, stages and KPIs out.
#[derive(Debug, Parser)]
#[command(name = "etappe", version, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine, with its data in one folder.
    Up(UpArguments),
    /// Receive events and publish them to Kafka, through a spool while Kafka is down.
    Collector(CollectorArguments),
    /// Read events from Kafka, assign stages, store rows in ClickHouse.
    Classifier(ClassifierArguments),
    /// Serve the KPI API from ClickHouse.
    Insights(InsightsArguments),
    /// Run ClickHouse's engine alone on a folder (`up` starts its own).
    Engine(EngineArguments),
    /// Migrate the tables of a database.
    Migrate(MigrateArguments),
    /// Import files of events; can be interrupted and resumed.
    Import(ImportArguments),
    /// Invent people and their journeys: a site to practise on, or a file of events.
    Simulate(SimulateArguments),
    /// Show which milestone and stages an event gets, and which rule decided.
    Explain(ExplainArguments),
    /// List event names without a milestone, and what they may mean.
    Unmapped(UnmappedArguments),
    /// Journey models and vocabularies.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Sites and their keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// People who sign in to the web interface.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Inspect and replay records that could not be stored.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Collectors that write to a shared Kafka.
    #[command(subcommand)]
    Collectors(CollectorsCommand),
    /// Check that every consumed record is stored exactly once.
    Audit(AuditArguments),
    /// Back up a running `etappe up` into a folder.
    Backup(BackupArguments),
    /// Restore a data folder from a backup.
    Restore(RestoreArguments),
    /// Move an installation from one folder to Kafka and ClickHouse; can be run again.
    Move(MoveArguments),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

impl Command {
    /// Returns whether the command runs until it is stopped, and receives requests.
    pub(crate) const fn is_service(&self) -> bool {
        matches!(
            self,
            Self::Up(_) | Self::Collector(_) | Self::Classifier(_) | Self::Insights(_)
        )
    }
}

/// Arguments of `etappe import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The site that the events belong to.
    #[arg(long)]
    pub(crate) site: String,
    /// The data folder of a running `etappe up` on this machine.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "etappe-data",
        conflicts_with = "url"
    )]
    pub(crate) data: PathBuf,
    /// The address of an Etappe elsewhere, such as `http://host:7070`.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A write key of the site there; better in the variable or a file, because everyone on the
    /// machine can read a command line.
    #[arg(
        long,
        value_name = "KEY",
        env = "ETAPPE_WRITE_KEY",
        hide_env_values = true
    )]
    pub(crate) write_key: Option<String>,
    /// A file with the write key.
    #[arg(long, value_name = "FILE", conflicts_with = "write_key")]
    pub(crate) write_key_file: Option<PathBuf>,
    /// Where to store the progress of an import to `--url`.
    #[arg(long, value_name = "DIR", default_value = "etappe-import-state")]
    pub(crate) state: PathBuf,
    /// Also send the lines of a file that were imported with an earlier, shorter version of it; by
    /// default only the new lines are sent.
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one line of JSON per file on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Files of events, one JSON object a line; gzip and zstd are supported.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `etappe explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// An event as JSON, `@FILE`, `-` for standard input, or the messageId of a stored event.
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// The site that a messageId is looked up in.
    #[arg(long, default_value = "demo")]
    pub(crate) site: String,
    /// The data folder of a running `etappe up`, for a messageId and for its own rules.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The commands about models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the journey models and vocabularies.
    List {
        #[command(flatten)]
        config: ConfigSource,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check model and vocabulary files; every error is shown with file and line.
    Check {
        #[command(flatten)]
        config: ConfigSource,
        /// Files or folders; without any, those of the configuration.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `etappe audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The data folder of a running `etappe up`.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    /// The folder to write to, new or empty.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The data folder of a running `etappe up`.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The folder of the backup.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The data folder to create, new or empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
}

/// The commands about dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them with their position, time and reason.
    List {
        #[command(flatten)]
        place: LettersPlace,
    },
    /// Show one with its bytes.
    Show {
        /// The letter, `TOPIC:PARTITION:OFFSET` as `list` shows it.
        #[arg(value_name = "LETTER")]
        letter: String,
        #[command(flatten)]
        place: LettersPlace,
    },
    /// Send letters again; one that is already stored does not count a second time.
    Replay {
        /// The letters, `TOPIC:PARTITION:OFFSET`; or `--all`.
        #[arg(value_name = "LETTER", required_unless_present = "all")]
        letters: Vec<String>,
        /// All letters that were not sent again yet.
        #[arg(long, conflicts_with = "letters")]
        all: bool,
        #[command(flatten)]
        place: LettersPlace,
    },
}

/// Where the dead letters are.
#[derive(Debug, Args)]
pub(crate) struct LettersPlace {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The data folder of a running `etappe up`.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The commands about collectors.
#[derive(Debug, Subcommand)]
pub(crate) enum CollectorsCommand {
    /// List the known collectors and when each last reported.
    List {
        #[command(flatten)]
        config: ConfigSource,
        #[command(flatten)]
        outside: OutsideFlags,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop waiting for a collector that will not come back; the events in its spool are lost. If
    /// ClickHouse is given, an unknown name is refused.
    Retire {
        /// The collector, as `list` and `/readyz` name it.
        #[arg(value_name = "COLLECTOR")]
        collector: String,
        #[command(flatten)]
        config: ConfigSource,
        #[command(flatten)]
        outside: OutsideFlags,
    },
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the configuration that results from all layers; secrets are omitted.
    Print {
        #[command(flatten)]
        config: ConfigSource,
    },
    /// Check it; every problem is shown at once.
    Check {
        /// Also try to connect and log in to the configured Kafka and ClickHouse, and to find the
        /// topics; nothing is created or changed there.
        #[arg(long)]
        connect: bool,
        #[command(flatten)]
        outside: OutsideFlags,
        #[command(flatten)]
        config: ConfigSource,
    },
}
