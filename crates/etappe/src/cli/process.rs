//! Arguments of the commands that run or prepare processes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{AddressFlags, ConfigSource, KafkaFlag, OutsideFlags, ServerFlags};
use crate::data_dir::parts::Part;

/// Arguments of `etappe up`.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    /// The folder for all data; created if missing.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) address: AddressFlags,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
    /// Start with an empty part in place of one that is missing from the data folder: `sites`, `log`
    /// or `engine`.
    #[arg(long, value_name = "PART", value_enum)]
    pub(crate) accept_missing: Vec<Part>,
    /// Print one line of JSON on standard output once everything is ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe collector`.
#[derive(Debug, Args)]
pub(crate) struct CollectorArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    #[command(flatten)]
    pub(crate) kafka: KafkaFlag,
    #[command(flatten)]
    pub(crate) address: AddressFlags,
    /// The folder of the spool and of a copy of the sites; each collector needs its own.
    #[arg(long, value_name = "DIR", default_value = "etappe-collector-data")]
    pub(crate) data: PathBuf,
    /// Print one line of JSON on standard output once everything is ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe classifier`.
#[derive(Debug, Args)]
pub(crate) struct ClassifierArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    /// A name in Kafka's group that no other classifier has, such as the host's: a classifier
    /// restarted under the same name after a crash gets its partitions back at once.
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// The admin address: metrics and health [default: 127.0.0.1:7071].
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
    /// Print one line of JSON on standard output once everything is ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe insights`.
#[derive(Debug, Args)]
pub(crate) struct InsightsArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    #[command(flatten)]
    pub(crate) address: AddressFlags,
    /// A folder for a copy of the sites, so that it can start while Kafka is down.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one line of JSON on standard output once everything is ready.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `etappe move`.
#[derive(Debug, Args)]
pub(crate) struct MoveArguments {
    #[command(flatten)]
    pub(crate) config: ConfigSource,
    #[command(flatten)]
    pub(crate) outside: OutsideFlags,
    /// The data folder of the installation; no Etappe may be running on it.
    #[arg(long, value_name = "DIR", default_value = "etappe-data")]
    pub(crate) data: PathBuf,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
    /// Print one line of JSON on standard output at the end.
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
    /// Only fetch the library if it is missing, and print its path.
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Only print the address that the engine listens on, with its password, for the variable
    /// `ETAPPE_CLICKHOUSE__URL`.
    #[arg(long, requires = "data")]
    pub(crate) url: bool,
    /// Stop when standard input ends instead of on a signal; `up` uses this.
    #[arg(long, hide = true)]
    pub(crate) child: bool,
    /// The loopback address to listen on; port 0 means any free port.
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
    /// The data folder whose embedded engine is migrated.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "etappe-data",
        conflicts_with = "clickhouse"
    )]
    pub(crate) data: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerFlags,
    /// The file libchdb.so; by default the one in the cache, fetched if missing.
    #[arg(long, value_name = "FILE", env = "ETAPPE_ENGINE_LIBRARY")]
    pub(crate) engine_library: Option<PathBuf>,
}
