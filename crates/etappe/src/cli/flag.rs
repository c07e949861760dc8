//! Flags shared by several commands: configuration sources, outside services, addresses.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

/// An outside Kafka.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KafkaFlag {
    /// Kafka's bootstrap servers, such as `kafka-1:9092,kafka-2:9092`.
    #[arg(long, value_name = "HOST:PORT,…")]
    pub(crate) kafka: Option<String>,
}

/// An outside Kafka and an outside ClickHouse.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutsideFlags {
    #[command(flatten)]
    pub(crate) kafka: KafkaFlag,
    #[command(flatten)]
    pub(crate) server: ServerFlags,
}

/// An outside ClickHouse.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServerFlags {
    /// ClickHouse's address, such as `https://user@host:8443/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) clickhouse: Option<String>,
    /// A file with the password for it; everyone on the machine can read a command line.
    #[arg(long, value_name = "FILE")]
    pub(crate) clickhouse_password_file: Option<String>,
}

/// The addresses to listen on.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AddressFlags {
    /// The public address [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// The admin address: metrics, health, control [default: 127.0.0.1:7071].
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin: Option<SocketAddr>,
}

/// A setting's name and the value given by a flag.
pub(crate) type FlagSetting = (&'static str, String);

impl KafkaFlag {
    /// Returns the setting given by the flag.
    pub(crate) fn flags(&self) -> impl Iterator<Item = FlagSetting> + use<> {
        self.kafka
            .clone()
            .map(|brokers| ("kafka.brokers", brokers))
            .into_iter()
    }
}

impl OutsideFlags {
    /// Returns the settings given by the flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = FlagSetting> + use<> {
        self.kafka.flags().chain(self.server.flags())
    }
}

impl ServerFlags {
    /// Returns the settings given by the flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = FlagSetting> + use<> {
        let url = self.clickhouse.clone().map(|url| ("clickhouse.url", url));
        let file = self.clickhouse_password_file.clone();
        let file = file.map(|file| ("clickhouse.password_file", file));
        url.into_iter().chain(file)
    }
}

impl AddressFlags {
    /// Returns the settings given by the flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = FlagSetting> + use<> {
        let listen = self.listen.map(|address| ("listen", address.to_string()));
        let admin = self.admin.map(|address| ("admin", address.to_string()));
        listen.into_iter().chain(admin)
    }
}

/// Where configuration comes from, besides flags and `ETAPPE_<SECTION>__<NAME>` variables.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigSource {
    /// A configuration file (TOML); see `etappe config print`.
    #[arg(long = "config", value_name = "FILE", env = "ETAPPE_CONFIG")]
    pub(crate) file: Option<PathBuf>,
}
