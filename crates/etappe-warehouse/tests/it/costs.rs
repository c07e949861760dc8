//! The cost limits and the turns of queries.

use etappe_core::id::SiteId;
use etappe_core::journey::KnownFigures;
use etappe_core::ports::{Cost, JourneyStore, Retryable, RowSink};
use etappe_core::query::{Bots, Unit, UnitQuery};
use etappe_warehouse::{Warehouse, WarehouseConfig};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::engine::TestWarehouse;
use crate::fixture::{TestEvent, all_time, batch, scope};

fn units(site: &str) -> UnitQuery {
    UnitQuery {
        site: SiteId::try_new(site).unwrap(),
        unit: Unit::Actor,
        bots: Bots::Exclude,
        range: all_time(),
    }
}

#[tokio::test]
async fn an_expensive_query_names_the_limit_that_it_exceeds() {
    let test = TestWarehouse::new().await;
    let events: Vec<TestEvent> = (0..1_000)
        .map(|number| TestEvent {
            message_id: number.to_string(),
            offset: number,
            ..TestEvent::of(&format!("user-{number}"), 1_000, None)
        })
        .collect();
    test.warehouse.insert(&batch(&events)).await.unwrap();
    let limited = |change: fn(&mut WarehouseConfig)| {
        let mut config = test.config.clone();
        change(&mut config);
        Warehouse::connect(config, &Registry::new()).unwrap()
    };
    let cases = [
        (limited(|config| config.question_rows = 10), Cost::Rows),
        (limited(|config| config.question_bytes = 10), Cost::Bytes),
        (
            limited(|config| config.question_memory_bytes = 10),
            Cost::Memory,
        ),
    ];
    for (warehouse, cost) in cases {
        let error = warehouse.count_units(&units("demo")).await.unwrap_err();
        assert_eq!(error.exhausted(), Some(cost), "{error}");
        let error = warehouse
            .kpi_figures(&scope(all_time()), KnownFigures::default())
            .await
            .unwrap_err();
        assert_eq!(error.exhausted(), Some(cost), "{error}");
        // The limits do not apply to the program's own queries.
        warehouse.migrate().await.unwrap();
    }
    let unlimited = limited(|config| {
        config.question_rows = 0;
        config.question_bytes = 0;
        config.question_memory_bytes = 0;
    });
    assert_eq!(unlimited.count_units(&units("demo")).await.unwrap(), 1_000);
}

#[tokio::test]
async fn queries_about_one_site_leave_capacity_for_other_sites() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = WarehouseConfig {
        concurrent_questions: 4,
        ..WarehouseConfig::new(&url, "etappe", "u", "p")
    };
    let warehouse = Warehouse::connect(config, &Registry::new()).unwrap();
    let mut queries = JoinSet::new();
    let mut query = |site: &'static str| {
        let warehouse = warehouse.clone();
        queries.spawn(async move { warehouse.count_units(&units(site)).await });
    };
    // The server accepts connections and never answers.
    let mut taken = Vec::new();
    (0..20).for_each(|_| query("busy"));
    for _ in 0..2 {
        taken.push(listener.accept().await.unwrap());
    }
    query("quiet");
    taken.push(listener.accept().await.unwrap());
    let (stream, _) = taken.last().unwrap();
    let mut request = vec![0; 16 * 1024];
    let mut length = 0;
    while !String::from_utf8_lossy(&request[..length]).contains("quiet") {
        stream.readable().await.unwrap();
        match stream.try_read(&mut request[length..]) {
            Ok(read) => {
                assert!(read > 0, "the query of the quiet site is not the next one");
                length += read;
            }
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        let text = String::from_utf8_lossy(&request[..length]);
        assert!(!text.contains("busy"), "{text}");
    }
}
