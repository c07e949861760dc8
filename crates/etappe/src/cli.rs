//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use etappe_core::event::KeyScope;

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
    /// Run ClickHouse's engine alone on a folder (`up` does this by itself).
    Engine(EngineArguments),
    /// Bring the tables of a database up to date.
    Migrate(MigrateArguments),
    /// Import files of events; can be interrupted and resumed.
    Import(ImportArguments),
    /// Say which milestone and stages an event gets, and which rule decided.
    Explain(ExplainArguments),
    /// Journey models and vocabularies.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Sites and their keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Where configuration comes from, besides flags and `ETAPPE_<SECTION>__<NAME>` variables.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigSource {
    /// A configuration file (TOML); see `etappe config print`.
    #[arg(long = "config", value_name = "FILE", env = "ETAPPE_CONFIG")]
    pub(crate) file: Option<PathBuf>,
}

/// Arguments of `etappe up`.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The folder that holds all data; made if missing.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    /// The public address: events in, KPIs out [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The admin address: metrics, health, control [default: 127.0.0.1:7071].
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
    /// Print one line of JSON on standard output once everything is ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe engine`.
#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The folder of ClickHouse's files.
    #[arg(long, value_name = "DIR", required_unless_present = "fetch")]
    pub(crate) data: Option<PathBuf>,
    /// Only make sure that the library is there, and print its path.
    #[arg(long)]
    pub(crate) fetch: bool,
    /// The loopback address to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
}

/// Arguments of `etappe migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The folder of an installation whose embedded engine is brought up to date.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "etappe-data",
        conflicts_with = "clickhouse"
    )]
    pub(crate) data: PathBuf,
    /// A ClickHouse server instead, such as `http://user:password@host:8123/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) clickhouse: Option<String>,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
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
    #[arg(long, value_name = "URL", requires = "write_key")]
    pub(crate) url: Option<String>,
    /// A write key of the site there.
    #[arg(long, value_name = "KEY", env = "ETAPPE_WRITE_KEY")]
    pub(crate) write_key: Option<String>,
    /// Where to remember how far an import to `--url` came.
    #[arg(long, value_name = "DIR", default_value = "etappe-import-state")]
    pub(crate) state: PathBuf,
    /// Print one line of JSON per file on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Files of events, one JSON object a line; gzip and zstd are understood.
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
    /// Check model and vocabulary files; every mistake is shown with file and line.
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

/// The commands about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a site, or another pair of keys for it; the keys are shown this once.
    Create {
        /// The site's name.
        #[arg(long)]
        site: String,
        #[command(flatten)]
        data: KeysData,
        /// Where the write key will be used.
        #[arg(long, value_enum, default_value_t = ScopeArgument::Browser)]
        scope: ScopeArgument,
    },
    /// List sites, settings and the hashes of keys.
    List {
        #[command(flatten)]
        data: KeysData,
    },
    /// Take a key away.
    Revoke {
        /// The site's name.
        #[arg(long)]
        site: String,
        /// The start of the key's hash, as `keys list` shows it.
        #[arg(long)]
        hash: String,
        #[command(flatten)]
        data: KeysData,
    },
    /// Change a site's settings: time zone, currency, origins, pixel revenue, rate.
    Set {
        /// The site's name.
        #[arg(long)]
        site: String,
        /// `name=value`, such as `timezone=Europe/Amsterdam` or `allowed_origins=https://a.example,https://b.example`.
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
        #[command(flatten)]
        data: KeysData,
    },
}

/// Whose keys.
#[derive(Debug, Args)]
pub(crate) struct KeysData {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a write key will be used.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ScopeArgument {
    /// In web pages and apps, where anybody can read it.
    Browser,
    /// On a server, kept secret.
    Server,
    /// In image addresses.
    Pixel,
}

impl From<ScopeArgument> for KeyScope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::Browser => Self::Browser,
            ScopeArgument::Server => Self::Server,
            ScopeArgument::Pixel => Self::Pixel,
        }
    }
}

/// The commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the configuration that results from all layers; secrets are left out.
    Print {
        #[command(flatten)]
        config: ConfigSource,
    },
    /// Check it; every problem is shown at once.
    Check {
        #[command(flatten)]
        config: ConfigSource,
    },
}
