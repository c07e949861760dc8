//! Arguments of the commands that ask a running service about a site.

use std::path::PathBuf;

use clap::Args;

/// The maximum number of names that a service lists.
const MOST_NAMES: i64 = 1_000;

/// Arguments of `etappe unmapped`.
#[derive(Debug, Args)]
pub(crate) struct UnmappedArguments {
    /// The site.
    #[arg(long)]
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// The first day or instant; by default 30 days before the last one.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// The day or instant after the last one; by default tomorrow, so that today is included.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Also list names that have a milestone but no stage in this model.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Only events of this kind.
    #[arg(long, value_parser = ["track", "page", "screen"])]
    pub(crate) kind: Option<String>,
    /// Whether events of bots count.
    #[arg(long, value_parser = ["exclude", "include", "only"])]
    pub(crate) bots: Option<String>,
    /// How many names to list [default: 100].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST_NAMES))]
    pub(crate) limit: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which service is asked.
#[derive(Debug, Args)]
pub(crate) struct ServiceArguments {
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
    /// A read token of the site there; better in the variable or a file, because everyone on the
    /// machine can read a command line.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ETAPPE_READ_TOKEN",
        hide_env_values = true
    )]
    pub(crate) read_token: Option<String>,
    /// A file with the read token.
    #[arg(long, value_name = "FILE", conflicts_with = "read_token")]
    pub(crate) read_token_file: Option<PathBuf>,
}
