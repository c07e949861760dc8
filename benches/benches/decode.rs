//! From a request's body to log records: the part of the collector with a cost per event.
//!
//! A batch of 100 events of 0.7 KB, as a browser's tracker sends them, is split, checked and
//! written as records: from gzip, from text, and in single steps. Throughput is in events. Time is
//! the thread's CPU time, so a busy machine changes little.

use std::hint::black_box;
use std::io::{Read, Write};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use etappe_benches::cpu_time::CpuTime;
use etappe_core::event::KeyScope;
use etappe_core::id::SiteId;
use etappe_core::money_terms::MoneyTerms;
use etappe_core::time::Timestamp;
use etappe_wire::native::{Body, Limits, Reception, Redactor};
use etappe_wire::record;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use uuid::Uuid;

const EVENTS: u64 = 100;

fn event(number: u64) -> String {
    let visitor = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let click = u128::from(visitor).wrapping_mul(0x2545_f491_4f6c_dd1d_9e37_79b9_7f4a_7c15);
    format!(
        r#"{{"timestamp":"2024-03-10T11:{:02}:{:02}.{:03}Z","type":"track","event":"Product Viewed","messageId":"ajs-next-17100720{number:05}-{visitor:016x}","anonymousId":"{visitor:016x}-4d2f-9b1c","userId":null,"properties":{{"product_id":"sku-{:06}","name":"Garden chair, oak","category":"Garden","price":{}.{:02},"currency":"EUR","quantity":1,"coupon":null}},"context":{{"page":{{"path":"/garden/chairs/oak-{number}","referrer":"https://www.example.org/search?q=chair","search":"?utm_source=mail&click={click:032x}","title":"Garden chair, oak","url":"https://shop.example/garden/chairs/oak-{number}"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64)","locale":"nl-NL","timezone":"Europe/Amsterdam","campaign":{{"source":"mail","medium":"email"}}}}}}"#,
        number % 60,
        number * 7 % 60,
        number * 13 % 1000,
        number * 31 % 1_000_000,
        number % 400,
        number % 100,
    )
}

fn batch() -> Vec<u8> {
    let events: Vec<String> = (0..EVENTS).map(event).collect();
    format!(
        "{{\"batch\":[{}],\"sentAt\":\"2024-03-10T11:59:59.000Z\"}}",
        events.join(",")
    )
    .into_bytes()
}

fn gunzip(zipped: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(128 * 1024);
    MultiGzDecoder::new(zipped)
        .read_to_end(&mut text)
        .expect("it was compressed here");
    text
}

fn encode(body: &Body, reception: &Reception, out: &mut Vec<u8>) -> u64 {
    let limits = Limits::default();
    let mut keys = 0;
    for index in 0..body.len() {
        let message = body
            .message(index, reception, &limits)
            .expect("every event is valid");
        message.encode(reception.redactor.as_ref(), out);
        keys ^= record::partition_key(&message.event);
    }
    keys
}

fn decode(criterion: &mut Criterion<CpuTime>) {
    let site = SiteId::try_new("shop").expect("a name");
    let redactor = Redactor::of("etw_V2hhdCBkb2VzIGl0IG1hdHRlcg");
    let text = batch();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&text).expect("a vector takes all bytes");
    let zipped = encoder.finish().expect("a vector takes all bytes");
    let sizes = (text.len() / 100, zipped.len() / 100);
    let mut group =
        criterion.benchmark_group(format!("decode/{}-bytes-{}-zipped", sizes.0, sizes.1));
    group.throughput(Throughput::Elements(EVENTS));
    for (name, scope) in [("browser", KeyScope::Browser), ("server", KeyScope::Server)] {
        let reception = Reception {
            site: site.clone(),
            scope,
            counts_money: true,
            money_terms: MoneyTerms::default(),
            received_at: Timestamp::from_millis(1_710_072_000_000),
            address: Some([203, 0, 113, 77].into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
            country: None,
            first_id: Uuid::from_u128(0x018d_0000_0000_7000_8000_0000_0000_0001),
            redactor: redactor.clone(),
        };
        let mut out = Vec::with_capacity(256 * 1024);
        group.bench_function(BenchmarkId::new("gzip to records", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                let body = Body::of_batch(gunzip(black_box(&zipped)), 1000).expect("a batch");
                encode(&body, &reception, &mut out)
            });
        });
        group.bench_function(BenchmarkId::new("text to records", name), |bencher| {
            bencher.iter(|| {
                out.clear();
                let body = Body::of_batch(black_box(&text).clone(), 1000).expect("a batch");
                encode(&body, &reception, &mut out)
            });
        });
    }
    group.bench_function("gunzip alone", |bencher| {
        bencher.iter(|| gunzip(black_box(&zipped)))
    });
    group.bench_function("take apart alone", |bencher| {
        bencher.iter(|| Body::of_batch(black_box(&text).clone(), 1000).map(|body| body.len()));
    });
    group.finish();
}

fn records(criterion: &mut Criterion<CpuTime>) {
    let record = {
        let site = SiteId::try_new("shop").expect("a name");
        let reception = Reception {
            site,
            scope: KeyScope::Server,
            counts_money: true,
            money_terms: MoneyTerms::default(),
            received_at: Timestamp::from_millis(1_710_072_000_000),
            address: None,
            user_agent: None,
            country: None,
            first_id: Uuid::nil(),
            redactor: None,
        };
        let text = format!("{{\"batch\":[{}]}}", event(7));
        let body = Body::of_batch(text.into_bytes(), 1).expect("a batch");
        let mut out = Vec::new();
        encode(&body, &reception, &mut out);
        out
    };
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            record::decode(black_box(&record))
                .expect("a record")
                .occurred_at
        });
    });
    let event = record::decode(&record).expect("a record");
    let mut out = Vec::with_capacity(4096);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            record::encode(black_box(&event), &mut out);
            out.len()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = decode, records
}
criterion_main!(benches);
