//! `etappe collector`: receives events and publishes them to Kafka, using a spool during outages.

use etappe_collector::metrics::CollectorMetrics;
use etappe_log::medium::Publisher;
use tokio::net::TcpListener;

use crate::cli::CollectorArguments;
use crate::config::{Config, Needs};
use crate::data_dir::DataDir;
use crate::service::event_log;
use crate::service::front_page::{self, Purpose};
use crate::service::greeting::RoleGreeting;
use crate::service::{Service, bind, health, routes};

/// Runs until a signal or a failure; a clean stop is a success.
pub(crate) async fn run(arguments: CollectorArguments) -> anyhow::Result<()> {
    let flags = arguments.kafka.flags().chain(arguments.address.flags());
    let needs = Needs {
        kafka: true,
        server: false,
    };
    let config = Config::load(&arguments.config, flags.collect(), needs)?;
    let service = Service::start(config)?;
    let data = DataDir::open(&arguments.data)?;
    let _lock = data.lock().await?;
    let public = bind(service.config.listen, "public", "--listen").await?;
    let admin = bind(service.config.admin, "admin", "--admin").await?;
    let work = work(&service, &data, (public, admin), arguments.json);
    service.run(work).await
}

async fn work(
    service: &Service,
    data: &DataDir,
    (public, admin): (TcpListener, TcpListener),
    json: bool,
) -> anyhow::Result<()> {
    let (listen, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let kafka = service.health.register("kafka");
    let events = service.health.register("event_log");
    service.serve_admin(admin, routes::admin(service));
    let cluster = service.kafka()?;
    service
        .ensure_topics_meanwhile(cluster.clone(), kafka)
        .await?;
    let copy = data.path("sites.json");
    let sites = service.share_sites(&cluster, Some(copy)).await?;
    let shared = (service.clock, &service.registry);
    let spool = event_log::open_spool(&service.config, data, &cluster, shared).await?;
    let publisher = Publisher::Kafka(spool.clone());
    let metrics = CollectorMetrics::register(&service.registry)?;
    let collector = service.build_collector(publisher.clone(), &sites, metrics);
    let watch = health::watch_event_log(publisher, events, service.shutdown.token());
    service.tasks.spawn(watch);
    let greeting = RoleGreeting {
        role: "collector",
        listen: Some(listen.to_string()),
        admin: admin_address.to_string(),
        collector: Some(spool.collector()),
    };
    greeting.print(json)?;
    let router = routes::intake(&collector, &sites).merge(front_page::router(Purpose::Events));
    let served = service.serve_public(public, router).await;
    spool.close().await;
    served
}
