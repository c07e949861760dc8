//! Processes report an outage of Kafka or the database, with the reason, and without repeating
//! themselves.

use etappe_testkit::kafka::KafkaNode;
use etappe_testkit::wait::{PATIENCE, until};
use etappe_tests::fleet::{Fleet, Sizes};
use etappe_tests::rig::proxy::{Proxy, Treatment};
use etappe_tests::role::RoleProcess;
use etappe_tests::site::TestSite;
use serde_json::{Value, json};

/// Returns the status of a role's `/readyz` and the state of a component.
async fn readiness(role: &RoleProcess, component: &str) -> (u16, Value) {
    let url = format!("http://{}/readyz", role.said("admin"));
    let answer = reqwest::get(url).await.expect("the admin address answers");
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("JSON");
    (status, body["components"][component].clone())
}

/// Waits until a component is in a state and returns the reason given.
async fn reported_reason(role: &RoleProcess, component: &str, expected: (u16, &str)) -> String {
    let what = format!("{} reports {component}: {expected:?}", role.name());
    let mut reason = String::new();
    until(&what, PATIENCE, async || {
        let (status, said) = readiness(role, component).await;
        reason = said["reason"].as_str().unwrap_or_default().to_owned();
        (status, said["state"].as_str().unwrap_or_default()) == expected
    })
    .await;
    reason
}

/// The maximum number of warnings while [`MANY_FAILURES`] happen: each place in the code shows three
/// reasons per minute, and about seven places log something.
const FEW_WARNINGS: usize = 20;
/// So many failures that a log without filtering would show.
const MANY_FAILURES: f64 = 40.0;

/// What a role had logged and met with when an outage began.
struct Before {
    warnings: usize,
    failures: f64,
}

impl Before {
    async fn of(role: &RoleProcess) -> anyhow::Result<Self> {
        Ok(Self {
            warnings: warnings(role),
            failures: failures(role).await?,
        })
    }

    /// Waits until `role` has met with many failures, and fails if it logged them all.
    async fn assert_few_warnings(&self, role: &RoleProcess) {
        let what = format!("{} has failed {MANY_FAILURES} times", role.name());
        until(&what, PATIENCE, async || {
            let failures = failures(role).await.expect("the admin address answers");
            failures - self.failures >= MANY_FAILURES
        })
        .await;
        let logged = warnings(role) - self.warnings;
        assert!(logged <= FEW_WARNINGS, "{logged} warnings: {}", role.log());
    }
}

/// Counts the warnings in a role's log.
fn warnings(role: &RoleProcess) -> usize {
    let log = role.log();
    log.lines().filter(|line| line.contains(" WARN ")).count()
}

/// Counts what failed in a classifier: requests to the database, and its clients of Kafka.
async fn failures(role: &RoleProcess) -> anyhow::Result<f64> {
    let kafka = role.metric("etappe_log_kafka_errors_total").await?;
    Ok(kafka + role.metric("etappe_classifier_retries_total").await?)
}

fn event(id: &str) -> Value {
    json!({ "type": "track", "event": "a", "userId": "u", "messageId": id })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_reports_why_kafka_or_the_database_is_unavailable() -> anyhow::Result<()> {
    let sizes = Sizes {
        brokers: 1,
        collectors: 1,
        classifiers: 1,
    };
    let (fleet, proxy) = Fleet::start_for_faults(sizes).await?;
    let site = fleet.create_site("outages", 0).await?;
    site.send(&[event("1")]).await?;
    assert_eq!(site.settle(1).await?, 1);
    for role in [&fleet.collectors[0], &fleet.classifiers[0], &fleet.insights] {
        reported_reason(role, "kafka", (200, "ready")).await;
    }
    lose_kafka(&fleet, &site).await?;
    lose_the_database(&fleet, &proxy, &site).await?;
    fleet.stop().await
}

async fn lose_kafka(fleet: &Fleet, site: &TestSite) -> anyhow::Result<()> {
    let (collector, classifier) = (&fleet.collectors[0], &fleet.classifiers[0]);
    let broker = &fleet.kafka.nodes()[0];
    let before = Before::of(classifier).await?;
    broker.stop().await?;
    for (role, expected) in [
        (collector, (200, "degraded")),
        (classifier, (503, "not_ready")),
        (&fleet.insights, (200, "degraded")),
    ] {
        let reason = reported_reason(role, "kafka", expected).await;
        assert!(
            reason.contains("Connection refused"),
            "{}: {reason}",
            role.name()
        );
    }
    let reason = reported_reason(collector, "event_log", (200, "degraded")).await;
    assert!(reason.contains("events go to the spool"), "{reason}");
    site.send(&[event("2")]).await?;
    before.assert_few_warnings(classifier).await;
    broker.start_again().await?;
    for role in [collector, classifier, &fleet.insights] {
        reported_reason(role, "kafka", (200, "ready")).await;
    }
    assert_eq!(site.settle(2).await?, 2);
    Ok(())
}

async fn lose_the_database(fleet: &Fleet, proxy: &Proxy, site: &TestSite) -> anyhow::Result<()> {
    let (collector, classifier) = (&fleet.collectors[0], &fleet.classifiers[0]);
    let before = Before::of(classifier).await?;
    proxy.treat(Treatment::HangUp);
    for role in [classifier, &fleet.insights] {
        let reason = reported_reason(role, "warehouse", (503, "not_ready")).await;
        assert!(!reason.is_empty(), "{}", role.name());
    }
    let (status, _) = readiness(collector, "kafka").await;
    assert_eq!(status, 200, "a collector has no need of it");
    site.send(&[event("3")]).await?;
    before.assert_few_warnings(classifier).await;
    proxy.treat(Treatment::Pass);
    for role in [classifier, &fleet.insights] {
        reported_reason(role, "warehouse", (200, "ready")).await;
    }
    assert_eq!(site.settle(3).await?, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_check_connects_on_request() -> anyhow::Result<()> {
    let kafka = KafkaNode::start().await?;
    let brokers = kafka.brokers();
    let folder = tempfile::tempdir()?;
    let (mut engine, clickhouse) = etappe_tests::fleet::start_engine(folder.path()).await?;
    let check = async |brokers: &str, url: &str| {
        let words = [
            "config",
            "check",
            "--connect",
            "--kafka",
            brokers,
            "--clickhouse",
            url,
        ];
        crate::run(&words).await
    };
    let (code, said, _) = check(&brokers, &clickhouse).await?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("creates the missing topics"), "{said}");
    assert!(said.contains("the configuration is valid"), "{said}");
    let password = clickhouse.split(['@', ':']).nth(2).unwrap_or_default();
    assert!(!said.contains(password), "a password is shown: {said}");
    let wrong = clickhouse.replace(password, "wrong");
    for (brokers, url, part) in [
        ("127.0.0.1:9", clickhouse.as_str(), "Connection refused"),
        (brokers.as_str(), "http://127.0.0.1:9", "Connection refused"),
        (
            brokers.as_str(),
            wrong.as_str(),
            "check `user` and `password`",
        ),
    ] {
        let (code, said, errors) = check(brokers, url).await?;
        assert_eq!(code, Some(1), "{said} {errors}");
        assert!(said.contains(part), "{said}");
        assert!(errors.contains("cannot be used"), "{errors}");
        assert!(!said.contains("is valid"), "{said}");
    }
    engine.stop().await
}
