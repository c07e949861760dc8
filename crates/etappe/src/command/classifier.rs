//! `etappe classifier`: reads events from Kafka, assigns stages, and stores rows in ClickHouse.

use anyhow::Context;
use etappe_core::watermark::Watermark;
use etappe_log::dead_letters::DeadLetterStore;
use etappe_log::medium::Source;
use tokio::net::TcpListener;

use crate::cli::ClassifierArguments;
use crate::config::{Config, Needs};
use crate::service::greeting::RoleGreeting;
use crate::service::health::Absence;
use crate::service::{ClassifierInputs, Service, WatermarkScope, bind, health, routes};

/// Runs until a signal or a failure; a clean stop is a success.
pub(crate) async fn run(arguments: ClassifierArguments) -> anyhow::Result<()> {
    let admin = arguments.admin.map(|admin| ("admin", admin.to_string()));
    let instance = arguments.instance.map(|name| ("kafka.instance", name));
    let flags = arguments.outside.flags().chain(admin).chain(instance);
    let needs = Needs {
        kafka: true,
        server: true,
    };
    let config = Config::load(&arguments.config, flags.collect(), needs)?;
    let service = Service::start(config)?;
    let admin = bind(service.config.admin, "admin", "--admin").await?;
    service.run(work(&service, admin, arguments.json)).await
}

async fn work(service: &Service, admin: TcpListener, json: bool) -> anyhow::Result<()> {
    let admin_address = admin.local_addr()?;
    let kafka = service.health.register("kafka");
    let stored = service.health.register("warehouse");
    let report = service.health.register("classifier");
    service.serve_admin(admin, routes::admin(service));
    let cluster = service.kafka()?;
    service.ensure_topics(&cluster, &kafka).await?;
    kafka.ready();
    service.watch_kafka(&cluster, kafka, Absence::Stops)?;
    let warehouse = service.connect_server(&stored).await?;
    let sites = service.share_sites(&cluster, None).await?;
    let partitions = service.config.kafka.partitions;
    let source = cluster.source()?;
    let inputs = ClassifierInputs {
        source: Source::Kafka(source.clone()),
        letters: DeadLetterStore::Kafka(cluster.dead_letters()?),
        warehouse: warehouse.clone(),
        sites: sites.subscribe(),
        partitions,
        watermark: Watermark::new(usize::try_from(partitions)?),
        scope: WatermarkScope::Everywhere,
    };
    let stop = service.shutdown.token().child_token();
    let classifier = service.start_classifier(inputs, &stop)?;
    report.ready();
    let watch = health::watch_warehouse(warehouse, stored, service.shutdown.token());
    service.tasks.spawn(watch);
    let greeting = RoleGreeting {
        role: "classifier",
        listen: None,
        admin: admin_address.to_string(),
        collector: None,
    };
    greeting.print(json)?;
    let ended = classifier.await.context("the classifier failed")?;
    source.close().await;
    ended
}
