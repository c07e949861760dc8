//! Runs loads against the bare relay and against servers that stall or refuse.

use std::io::{Read, Write};

use etappe_core::time::Timestamp;

use super::*;

#[test]
fn the_number_of_accepted_events_is_read_from_the_answer() {
    assert_eq!(
        accepted_in(br#"{"success":true,"accepted":97,"rejected":[]}"#),
        Some(97)
    );
    assert_eq!(accepted_in(br#"{"accepted": 3}"#), Some(3));
    assert_eq!(accepted_in(br#"{"accepted":null}"#), None);
    assert_eq!(accepted_in(b"ok"), None);
}

fn pool() -> Arc<RequestPool> {
    Arc::new(RequestPool::new(Shape::Single, Timestamp::EPOCH, 1).unwrap())
}

fn plan(address: String, arrival: Arrival) -> LoadPlan {
    LoadPlan {
        address,
        write_key: "key".to_owned(),
        target: Target::Etappe,
        shape: Shape::Single,
        arrival,
        connections: 1,
        duration: Duration::from_millis(500),
        watch: Vec::new(),
        nonce: 1,
        ledger: true,
    }
}

/// Answers every request of one connection with `answer`, the first one after `stall`.
fn serve_one_connection(answer: &'static str, stall: Duration) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        let mut buffer = [0; 65_536];
        let mut stall = Some(stall);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..count]);
            // A sample ends with the closing braces of the context and of itself.
            while let Some(end) = received.windows(3).position(|window| window == b"\"}}") {
                received.drain(..end + 3);
                if let Some(stall) = stall.take() {
                    std::thread::park_timeout(stall);
                }
                if stream.write_all(answer.as_bytes()).is_err() {
                    return;
                }
            }
        }
    });
    address
}

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\n{\"success\":true,\"accepted\":1,\"rejected\":[]}\n";

#[tokio::test]
async fn a_stall_of_the_server_shows_in_the_latency_of_every_request_that_was_due_meanwhile() {
    let address = serve_one_connection(ACCEPTED, Duration::from_millis(300));
    let plan = plan(address, Arrival::Open { per_second: 100.0 });
    let report = run(&plan, pool()).await.unwrap();
    assert_eq!(
        (report.offered_events, report.accepted_events),
        (50, 50),
        "{report}"
    );
    let ledger = report.ledger.as_ref().unwrap();
    assert_eq!(
        (&ledger.accepted, ledger.unknown.len()),
        (&vec![(0, 49)], 0)
    );
    // 30 of 50 requests were due during the stall and waited at least 150 ms on average; only one
    // of them was in flight.
    assert!(
        report.latency.mean_ms > 80.0 && report.latency.max_ms >= 300.0,
        "{report}"
    );
    assert!(report.service.mean_ms < report.latency.mean_ms, "{report}");
}

#[tokio::test]
async fn refused_requests_are_counted_by_status() {
    let refusal = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let address = serve_one_connection(refusal, Duration::ZERO);
    let report = run(&plan(address, Arrival::Open { per_second: 20.0 }), pool())
        .await
        .unwrap();
    assert_eq!(report.accepted_events, 0);
    assert_eq!(report.errors.get("503"), Some(&10), "{report}");
    assert_eq!(report.without_retry_after, 10);
    assert_eq!(
        report.ledger.map(|ledger| ledger.accepted),
        Some(Vec::new())
    );
}

#[tokio::test]
async fn an_answer_without_a_count_is_not_a_success() {
    let address = serve_one_connection(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Duration::ZERO,
    );
    let report = run(&plan(address, Arrival::Open { per_second: 20.0 }), pool())
        .await
        .unwrap();
    assert_eq!(
        (report.accepted_events, report.errors.get("answer")),
        (0, Some(&10)),
        "{report}"
    );
}

#[tokio::test]
async fn a_closed_loop_is_marked_and_counts_what_it_sent() {
    let address = serve_one_connection(ACCEPTED, Duration::ZERO);
    let report = run(&plan(address, Arrival::Closed), pool()).await.unwrap();
    assert_eq!(report.loop_kind, "closed");
    assert!(
        report.accepted_events > 0 && report.is_complete(),
        "{report}"
    );
    let text = serde_json::to_string(&report).unwrap();
    let again: LoadReport = serde_json::from_str(&text).unwrap();
    // CPU seconds are sums of hundredths, and parsing the text may round their last bit.
    assert_eq!(again.accepted_events, report.accepted_events);
    assert_eq!(
        (again.latency, again.service),
        (report.latency, report.service)
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_error_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert!(run(&plan(address, Arrival::Closed), pool()).await.is_err());
}
