//! Measures how many rows per second one core encodes for the warehouse.
//!
//! Events, facts and outcomes are made beforehand. The benchmark covers writing rows into a buffer
//! of a batch's size. `shop` is a page view and an order as web shops send them, `small` is an
//! event without content. Time is the thread's own CPU time, so the figures are per core, whatever
//! else the machine does.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etappe_benches::cpu_time::CpuTime;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::facts::EventFacts;
use etappe_core::id::{Offset, PartitionId, SiteId};
use etappe_core::json::JsonObject;
use etappe_core::milestone::Milestone;
use etappe_core::money::Amount;
use etappe_core::ports::MessageHash;
use etappe_core::rules::{Outcome, OutcomeId};
use etappe_core::time::Timestamp;
use etappe_wire::row::{self, RowInput};

/// Rows written per iteration.
const ROWS: u64 = 1_000;

const CONTEXT: &str = r#"{"active":true,"campaign":{"name":"spring","source":"newsletter","medium":"email"},"locale":"nl-NL","page":{"path":"/collections/all","referrer":"https://www.google.com/","search":"?page=2","title":"All products","url":"https://shop.example/collections/all?page=2"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36","library":{"name":"analytics.js","version":"next-1.70.0"},"timezone":"Europe/Amsterdam"}"#;
const ORDER: &str = r#"{"order_id":"50314b8e9bcf000000000000","total":27.50,"revenue":25.00,"shipping":3,"tax":2,"currency":"EUR","products":[{"product_id":"507f","price":19},{"product_id":"505b","price":3}]}"#;

fn event(name: &'static str, properties: &'static str, context: &'static str) -> Event<'static> {
    let object = |text| JsonObject::parse(text).expect("an object");
    Event {
        scope: KeyScope::Browser,
        anonymous_id: Some("5b3c8a52-7c1d-4f3e-9d0a-1f2e3d4c5b6a".into()),
        user_id: Some("customer-48151623".into()),
        received_at: Timestamp::from_millis(1_709_294_400_999),
        properties: object(properties),
        traits: object("{}"),
        context: object(context),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").expect("a good name")),
            EventKind::Track,
            name.into(),
            "ajs-next-1709294400123-5b3c8a52-7c1d-4f3e-9d0a-1f2e3d4c5b6a".into(),
            Timestamp::from_millis(1_709_294_400_123),
        )
    }
}

fn web_facts() -> EventFacts<'static> {
    EventFacts {
        campaign_source: "newsletter".into(),
        campaign_medium: "email".into(),
        campaign_name: "spring".into(),
        page_path: "/collections/all".into(),
        page_url: "https://shop.example/collections/all?page=2".into(),
        referrer: "https://www.google.com/".into(),
        locale: "nl-NL".into(),
        device: "desktop".into(),
        touchpoint: "web".into(),
        touchpoint_kind: "digital".into(),
        ..EventFacts::default()
    }
}

fn outcome(milestone: Milestone) -> Outcome {
    Outcome {
        id: OutcomeId(0x0123_4567_89ab_cdef),
        milestone: Some(milestone),
        vocabulary: None,
        stages: Box::default(),
    }
}

fn measure(
    bench: &mut Criterion<CpuTime>,
    name: &str,
    rows: &[(Event<'_>, EventFacts<'_>, Outcome)],
) {
    let mut buffer = Vec::with_capacity(4 << 20);
    let mut group = bench.benchmark_group("encode");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            buffer.clear();
            for (number, (event, facts, outcome)) in (0..ROWS).zip(rows.iter().cycle()) {
                let row = RowInput {
                    event,
                    facts,
                    outcome,
                    actor: event.actor_id().unwrap_or_default(),
                    message_hash: MessageHash::of(&event.site, event.scope, &event.message_id),
                    topic: "etappe.events.v1",
                    partition: PartitionId(1),
                    offset: Offset(number),
                    duplicate: false,
                };
                row::encode(black_box(&row), &mut buffer);
            }
            black_box(buffer.len())
        });
    });
    group.finish();
}

fn encode(bench: &mut Criterion<CpuTime>) {
    let order = EventFacts {
        revenue: Amount::parse("25.00"),
        currency: "EUR".into(),
        order_id: "50314b8e9bcf000000000000".into(),
        ..web_facts()
    };
    let shop = [
        (
            event("page", "{}", CONTEXT),
            web_facts(),
            outcome(Milestone::Visit),
        ),
        (
            event("Order Completed", ORDER, CONTEXT),
            order,
            outcome(Milestone::Purchase),
        ),
    ];
    measure(bench, "shop", &shop);
    let small = [(
        event("Clicked", "{}", "{}"),
        EventFacts::default(),
        outcome(Milestone::Engage),
    )];
    measure(bench, "small", &small);
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = encode
}
criterion_main!(benches);
