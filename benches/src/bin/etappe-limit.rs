//! `etappe-limit`: does the same work without any code of ours.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use etappe_benches::process::Pid;
use etappe_benches::relay::{self, Body, FileStore, KafkaPlan, KafkaStore};
use etappe_benches::rows::{self, Database, EncodedRows, RowPlan, RowTarget};
use etappe_core::ports::Clock;
use etappe_runtime::clock::SystemClock;
use tokio::net::TcpListener;

/// Limits to compare Etappe with.
#[derive(Debug, Parser)]
#[command(name = "etappe-limit", version)]
struct Arguments {
    #[command(subcommand)]
    limit: Limit,
}

#[derive(Debug, Subcommand)]
enum Limit {
    /// A bare HTTP server: append the body, group-commit fdatasync, answer 200. Prints its address
    /// and runs until it is ended.
    Relay {
        /// The address to listen on.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
        listen: String,
        /// The folder of the file, on the disk that Etappe's log would be on.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The form of the lines that are appended.
        #[arg(long, value_enum, default_value = "raw")]
        body: Body,
    },
    /// A bare HTTP server that publishes to Kafka: one record per message, acks=all, answer 200.
    /// Prints its address and runs until it is ended.
    KafkaRelay {
        /// The address to listen on.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
        listen: String,
        /// Where it publishes, and how.
        #[command(flatten)]
        kafka: KafkaPlan,
        /// The form of the records that are published.
        #[arg(long, value_enum, default_value = "events")]
        body: Body,
    },
    /// Insert rows encoded beforehand.
    Rows {
        /// The URL of ClickHouse's HTTP interface, database included.
        #[arg(long, value_name = "URL")]
        url: String,
        /// The user.
        #[arg(long)]
        user: String,
        /// The user's password.
        #[arg(long, env = "ETAPPE_LIMIT_PASSWORD", hide_env_values = true)]
        password: String,
        /// Where rows go.
        #[arg(long, value_enum, default_value = "bare")]
        target: RowTarget,
        /// Rows in an insert.
        #[arg(long, default_value_t = 20_000)]
        rows_per_insert: u64,
        /// Inserts at a time.
        #[arg(long, default_value_t = 2)]
        inserters: u32,
        /// For how long.
        #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
        duration: f64,
        /// Report the engine's CPU time and memory too.
        #[arg(long, value_name = "PID")]
        watch: Option<Pid>,
    },
}

#[tokio::main]
#[expect(
    clippy::print_stdout,
    reason = "the address and the report are what callers wait for"
)]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().limit {
        Limit::Relay { listen, dir, body } => {
            let listener = TcpListener::bind(&listen).await?;
            println!("{}", listener.local_addr()?);
            relay::serve(listener, FileStore::create(dir, body)?).await
        }
        Limit::KafkaRelay {
            listen,
            kafka,
            body,
        } => {
            let store = KafkaStore::connect(&kafka, body).await?;
            let listener = TcpListener::bind(&listen).await?;
            println!("{}", listener.local_addr()?);
            relay::serve(listener, store).await
        }
        Limit::Rows {
            url,
            user,
            password,
            target,
            rows_per_insert,
            inserters,
            duration,
            watch,
        } => {
            let now = SystemClock.now();
            let rows = EncodedRows::new(rows_per_insert, now, etappe_benches::nonce(now))?;
            let database = Database::new(&url, &user, &password);
            rows::prepare(&database, target).await?;
            let duration = Duration::try_from_secs_f64(duration)?;
            let plan = RowPlan {
                target,
                inserters,
                duration,
                watch,
            };
            let report = rows::run(&database, &plan, Arc::new(rows)).await?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
    }
}
