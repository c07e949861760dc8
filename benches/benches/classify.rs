//! Measures how many events per second one core classifies, with all shipped vocabularies and
//! models.
//!
//! Events are decoded beforehand. The benchmark covers finding the milestone, the stages of every
//! model, and the shared outcome. `mix` is the traffic of a shop with several trackers; the other
//! groups show the cost of each kind of event. Time is the thread's own CPU time, so the figures
//! are per core, whatever else the machine does.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etappe_benches::cpu_time::CpuTime;
use etappe_core::event::{Event, EventKind, KeyScope};
use etappe_core::id::SiteId;
use etappe_core::json::JsonObject;
use etappe_core::rules::{ActorHistory, RuleClassifier, RuleSet};
use etappe_core::time::Timestamp;

/// The context that browser libraries add to every event.
const SEGMENT: &str = r#"{"active":true,"campaign":{"name":"spring","source":"newsletter","medium":"email"},"locale":"nl-NL","page":{"path":"/collections/all","referrer":"https://www.google.com/","search":"?page=2","title":"All products","url":"https://shop.example/collections/all?page=2"},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36","library":{"name":"analytics.js","version":"next-1.70.0"},"timezone":"Europe/Amsterdam"}"#;
const MATOMO: &str = r#"{"library":{"name":"matomo","version":"5"},"ip":"192.0.2.0"}"#;
const PLAUSIBLE: &str = r#"{"library":{"name":"plausible","version":"1"},"ip":"192.0.2.0"}"#;
const OTHER: &str = r#"{"library":{"name":"posthog-js","version":"1.180.0"},"ip":"192.0.2.0","userAgent":"Mozilla/5.0"}"#;

/// Kind, name, properties, context, and how many out of a hundred events are like it.
type Sample = (EventKind, &'static str, &'static str, &'static str, usize);

const PRODUCT: &str = r#"{"product_id":"507f1f77bcf86cd799439011","sku":"G-32","category":"Games","name":"Monopoly","brand":"Hasbro","price":18.99,"quantity":1,"currency":"EUR","value":18.99}"#;
const ORDER: &str = r#"{"order_id":"50314b8e9bcf000000000000","total":27.50,"revenue":25.00,"shipping":3,"tax":2,"currency":"EUR","products":[{"product_id":"507f","price":19},{"product_id":"505b","price":3}]}"#;

const PAGES: &[Sample] = &[
    (
        EventKind::Page,
        "page",
        r#"{"path":"/","referrer":"https://www.google.com/","search":"","title":"Shop","url":"https://shop.example/"}"#,
        SEGMENT,
        10,
    ),
    (
        EventKind::Page,
        "page",
        r#"{"path":"/products/monopoly","referrer":"","search":"?variant=1","title":"Monopoly","url":"https://shop.example/products/monopoly?variant=1"}"#,
        SEGMENT,
        12,
    ),
    (
        EventKind::Page,
        "page",
        r#"{"path":"/over-ons/team","referrer":"","search":"?utm_source=x&utm_medium=y","title":"Over ons","url":"https://shop.example/over-ons/team?utm_source=x&utm_medium=y"}"#,
        SEGMENT,
        10,
    ),
    (
        EventKind::Track,
        "page_view",
        r#"{"page_location":"https://shop.example/blog/zo-speel-je?utm_source=x","page_title":"Zo speel je","page_referrer":"https://www.google.com/","ga_session_id":"1700000000"}"#,
        OTHER,
        8,
    ),
    (
        EventKind::Track,
        "$pageview",
        r#"{"$current_url":"https://app.example/project/1/insights","$host":"app.example","$pathname":"/project/1/insights","$referrer":"$direct","$browser":"Chrome"}"#,
        OTHER,
        8,
    ),
    (
        EventKind::Screen,
        "screen",
        r#"{"name":"Settings"}"#,
        OTHER,
        2,
    ),
];
const KNOWN: &[Sample] = &[
    (EventKind::Track, "Product Viewed", PRODUCT, SEGMENT, 12),
    (EventKind::Track, "Product Added", PRODUCT, SEGMENT, 4),
    (EventKind::Track, "Checkout Started", ORDER, SEGMENT, 2),
    (EventKind::Track, "Order Completed", ORDER, SEGMENT, 2),
    (
        EventKind::Track,
        "$autocapture",
        r#"{"$event_type":"click","$current_url":"https://app.example/"}"#,
        OTHER,
        8,
    ),
    (
        EventKind::Track,
        "add_to_cart",
        r#"{"currency":"EUR","value":18.99,"items":[{"item_id":"G-32"}]}"#,
        OTHER,
        3,
    ),
    (
        EventKind::Track,
        "purchase",
        r#"{"transaction_id":"T1","currency":"EUR","value":25.0}"#,
        OTHER,
        1,
    ),
];
const CUSTOM: &[Sample] = &[
    (
        EventKind::Track,
        "newsletter_signup",
        r#"{"list":"weekly"}"#,
        OTHER,
        2,
    ),
    (
        EventKind::Track,
        "offerte_aangevraagd",
        r#"{"product":"keuken"}"#,
        OTHER,
        2,
    ),
    (
        EventKind::Track,
        "dashboard_opened",
        r#"{"dashboard":"sales"}"#,
        OTHER,
        5,
    ),
    (
        EventKind::Track,
        "Filter toggled",
        r#"{"filter":"color"}"#,
        OTHER,
        4,
    ),
];
const BY_VALUES: &[Sample] = &[
    (
        EventKind::Track,
        "request",
        r#"{"idsite":"1","rec":"1","idgoal":"0","ec_id":"A1","revenue":"25.00"}"#,
        MATOMO,
        1,
    ),
    (
        EventKind::Track,
        "request",
        r#"{"idsite":"1","rec":"1","e_c":"Footer","e_a":"Nieuwsbrief","ca":"1"}"#,
        MATOMO,
        2,
    ),
    (
        EventKind::Track,
        "Wedding cake",
        r#"{"revenue":{"amount":"320.00","currency":"EUR"}}"#,
        PLAUSIBLE,
        1,
    ),
    (
        EventKind::Track,
        "form_submit",
        r#"{"form_id":"contact-form","form_name":"Contact"}"#,
        OTHER,
        1,
    ),
];

fn decode((kind, name, properties, context, _): &Sample) -> Event<'static> {
    Event {
        scope: KeyScope::Browser,
        anonymous_id: Some("a1".into()),
        properties: JsonObject::parse(properties).expect("an object"),
        context: JsonObject::parse(context).expect("an object"),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").expect("a valid name")),
            *kind,
            (*name).into(),
            "ajs-next-1".into(),
            Timestamp::from_millis(1_700_000_000_000),
        )
    }
}

/// Makes events in the proportions of the samples, with unlike neighbours.
fn events(samples: &[&[Sample]]) -> Vec<Event<'static>> {
    let samples: Vec<&Sample> = samples.iter().copied().flatten().collect();
    let most = samples.iter().map(|sample| sample.4).max().unwrap_or(0);
    (0..most)
        .flat_map(|round| samples.iter().filter(move |sample| round < sample.4))
        .map(|sample| decode(sample))
        .collect()
}

fn classify(criterion: &mut Criterion<CpuTime>) {
    let rules = Arc::new(RuleSet::shipped());
    let mut group = criterion.benchmark_group("classify");
    for (name, samples) in [
        ("mix", &[PAGES, KNOWN, CUSTOM, BY_VALUES][..]),
        ("pages", &[PAGES]),
        ("known-names", &[KNOWN]),
        ("custom-names", &[CUSTOM]),
        ("by-values", &[BY_VALUES]),
    ] {
        let events = events(samples);
        let mut classifier = RuleClassifier::new(Arc::clone(&rules));
        let history = ActorHistory::default();
        group.throughput(Throughput::Elements(events.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for event in &events {
                    let classified = classifier.classify(black_box(event), &history);
                    black_box(classified.outcome.id);
                }
            });
        });
    }
    group.finish();
}

/// Compiling all shipped files, which happens at every start and reload.
fn compile(criterion: &mut Criterion<CpuTime>) {
    criterion.bench_function("compile-shipped", |bencher| bencher.iter(RuleSet::shipped));
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = classify, compile
}
criterion_main!(benches);
