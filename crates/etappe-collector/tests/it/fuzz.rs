//! Arbitrary input never causes a panic or a 5xx, and every member is accounted for.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Builder;

use crate::client::reasons;
use crate::harness::{Service, gzip};

fn member() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "\"track\"",
        "\"page\"",
        "\"u\"",
        "1",
        "-1e999",
        "null",
        "{}",
        "[]",
        "\"\"",
        "true",
        "{\"ip\":\"1.2.3.4\",\"userAgent\":null}",
        "\"2024-03-01T00:00:00Z\"",
        "\"0000-01-01\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[[[[]]]]",
        "nope",
    ]);
    let name = prop::sample::select(vec![
        "type",
        "event",
        "messageId",
        "userId",
        "anonymousId",
        "timestamp",
        "sentAt",
        "properties",
        "traits",
        "context",
        "name",
        "writeKey",
    ]);
    let pair = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let object =
        prop::collection::vec(pair, 0..8).prop_map(|pairs| format!("{{{}}}", pairs.join(",")));
    prop_oneof![
        4 => object,
        1 => Just(r#"{"type":"track","event":"e","userId":"u"}"#.to_owned()),
        1 => prop::sample::select(vec!["1", "null", "\"x\"", "[]", "{}", "tru"]).prop_map(str::to_owned),
    ]
}

/// Runs `test` on a fresh service with many values of `strategy`.
fn check<S: Strategy>(strategy: &S, test: impl AsyncFn(&Service, S::Value)) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let service = runtime.block_on(Service::start());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        service.log.clear();
        runtime.block_on(test(&service, value));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn every_member_is_either_accepted_or_rejected() {
    let strategy = (prop::collection::vec(member(), 1..12), any::<bool>());
    check(&strategy, async |service, (members, zipped)| {
        let text = format!("{{\"batch\":[{}]}}", members.join(","));
        let body = if zipped {
            gzip(text.as_bytes())
        } else {
            text.clone().into_bytes()
        };
        let answer = service.post("/v1/batch", body).await;
        let json = answer.json();
        let accepted = json["accepted"].as_u64().expect("a number");
        let rejected = reasons(&json);
        assert_eq!(
            answer.status,
            if accepted > 0 { 200 } else { 400 },
            "{text}"
        );
        assert_eq!(
            usize::try_from(accepted).unwrap() + rejected.len(),
            members.len(),
            "{text}"
        );
        assert_eq!(
            service.log.texts().len(),
            usize::try_from(accepted).unwrap()
        );
        assert!(rejected.is_sorted_by_key(|(index, _)| *index));
    });
}

#[test]
fn no_body_causes_a_server_error() {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let heads = vec![&b""[..], b"\x1f\x8b\x08", b"{\"batch\":[", b"\xef\xbb\xbf{"];
    let paths = vec!["/v1/batch", "/v1/track", "/v1/i"];
    let strategy = (
        prop::sample::select(heads),
        bytes,
        prop::sample::select(paths),
    );
    check(&strategy, async |service, (head, bytes, path)| {
        let answer = service.post(path, [head, &bytes].concat()).await;
        assert!(
            answer.status == 200 || (400..500).contains(&answer.status),
            "{}",
            answer.status
        );
        assert_eq!(!service.log.texts().is_empty(), answer.status == 200);
    });
}
