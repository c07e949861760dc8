//! `etappe insights`: answers questions about the data in ClickHouse.

use tokio::net::TcpListener;

use crate::cli::InsightsArguments;
use crate::config::{Config, Needs};
use crate::data_dir::DataDir;
use crate::service::front_page::Purpose;
use crate::service::greeting::RoleGreeting;
use crate::service::health::Absence;
use crate::service::journeys::JourneysPlace;
use crate::service::{Service, bind, health, routes};

/// Runs until a signal or a failure; a clean stop is a success.
pub(crate) async fn run(arguments: InsightsArguments) -> anyhow::Result<()> {
    let flags = arguments.outside.flags().chain(arguments.address.flags());
    let needs = Needs {
        kafka: true,
        server: true,
    };
    let config = Config::load(&arguments.config, flags.collect(), needs)?;
    let service = Service::start(config)?;
    let data = arguments.data.as_deref().map(DataDir::open).transpose()?;
    let public = bind(service.config.listen, "public", "--listen").await?;
    let admin = bind(service.config.admin, "admin", "--admin").await?;
    let work = work(&service, data.as_ref(), (public, admin), arguments.json);
    service.run(work).await
}

async fn work(
    service: &Service,
    data: Option<&DataDir>,
    (public, admin): (TcpListener, TcpListener),
    json: bool,
) -> anyhow::Result<()> {
    let (listen, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let stored = service.health.register("warehouse");
    let kafka = service.health.register("kafka");
    service.serve_admin(admin, routes::admin(service));
    let cluster = service.kafka()?;
    service.watch_kafka(&cluster, kafka, Absence::GoesOn)?;
    let copy = data.map(|data| data.path("sites.json"));
    let sites = service.share_sites(&cluster, copy).await?;
    let warehouse = service.connect_server(&stored).await?;
    let watermark = service.follow_watermark(&warehouse);
    let journeys = data.map(|data| JourneysPlace::new(data, &service.config.kafka.topic));
    let router = routes::insights(service, (warehouse.clone(), watermark), &sites, journeys)?
        .merge(routes::web(service, &sites, Purpose::Figures, None)?);
    let watch = health::watch_warehouse(warehouse, stored, service.shutdown.token());
    service.tasks.spawn(watch);
    let greeting = RoleGreeting {
        role: "insights",
        listen: Some(listen.to_string()),
        admin: admin_address.to_string(),
        collector: None,
    };
    greeting.print(json)?;
    service.serve_public(public, router).await
}
