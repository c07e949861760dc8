//! Tests of the configuration: what is refused, what is passed on, and what is never shown.

use super::super::security::{SaslMechanism, Secret, SecurityProtocol};
use super::*;

fn problems(change: impl FnOnce(&mut KafkaConfig)) -> Vec<String> {
    let mut config = KafkaConfig::default();
    change(&mut config);
    config.validate().err().unwrap_or_default()
}

fn secured() -> KafkaConfig {
    KafkaConfig {
        brokers: "broker-1:9093,broker-2:9093".to_owned(),
        security: KafkaSecurity {
            protocol: SecurityProtocol::SaslSsl,
            mechanism: SaslMechanism::ScramSha256,
            username: Some("etappe".to_owned()),
            password: Some(Secret::new("hush-1")),
            key_password: Some(Secret::new("hush-2")),
            ca_file: Some("ca.pem".into()),
            certificate_file: Some("own.pem".into()),
            key_file: Some("own.key".into()),
            ..KafkaSecurity::default()
        },
        properties: BTreeMap::from([
            ("client.rack".to_owned(), "ams-1".to_owned()),
            (
                "sasl.oauthbearer.client.secret".to_owned(),
                "hush-3".to_owned(),
            ),
        ]),
        ..KafkaConfig::default()
    }
}

#[test]
fn the_defaults_are_valid_and_mean_no_kafka() {
    let config = KafkaConfig::default();
    assert_eq!(config.validate(), Ok(()));
    assert!(!config.is_enabled());
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<KafkaConfig>(&text).unwrap(), config);
    assert!(serde_json::from_str::<KafkaConfig>(r#"{"broker":""}"#).is_err());
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems(|config| {
        config.brokers = "somewhere".to_owned();
        config.topic = "no spaces".to_owned();
        config.group = String::new();
        config.instance = "one of two".to_owned();
        config.partitions = 0;
        config.max_record_bytes = 1;
        config.retention = Duration::ZERO;
        config.security.username = Some("me".to_owned());
        config.properties = BTreeMap::from([("acks".to_owned(), "1".to_owned())]);
    });
    assert_eq!(found.len(), 9, "{found:#?}");
}

#[test]
fn a_login_needs_a_name_and_a_password() {
    let found = problems(|config| config.security.protocol = SecurityProtocol::SaslSsl);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("security.password"), "{found:?}");
    let found = problems(|config| {
        config.security.protocol = SecurityProtocol::Ssl;
        config.security.key_file = Some("key.pem".into());
    });
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("certificate_file"), "{found:?}");
}

#[test]
fn a_property_that_librdkafka_does_not_know_is_refused() {
    let found = problems(|config| {
        config.properties = BTreeMap::from([("cleint.rack".to_owned(), "a".to_owned())]);
    });
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("cleint.rack"), "{found:?}");
}

#[test]
fn security_settings_reach_librdkafka() {
    let config = secured();
    let client = config.client("test");
    for (name, value) in [
        ("bootstrap.servers", "broker-1:9093,broker-2:9093"),
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", "etappe"),
        ("sasl.password", "hush-1"),
        ("ssl.ca.location", "ca.pem"),
        ("ssl.certificate.location", "own.pem"),
        ("ssl.key.location", "own.key"),
        ("ssl.key.password", "hush-2"),
        ("client.rack", "ams-1"),
    ] {
        assert_eq!(client.get(name), Some(value), "{name}");
    }
}

#[test]
fn secrets_never_show() {
    let config = secured();
    let shown = [
        format!("{config:?}"),
        serde_json::to_string(&config).unwrap(),
    ];
    for text in shown {
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("ams-1") && text.contains("***"), "{text}");
    }
}

#[test]
fn no_secret_shows_in_the_messages_of_the_client() {
    let secrets = secured().secrets();
    let said = "conf: sasl.password = hush-1, hush-2 and hush-3 for broker-1";
    assert_eq!(
        secrets.mask(said),
        "conf: sasl.password = ***, *** and *** for broker-1"
    );
    assert_eq!(secrets.mask("nothing"), "nothing");
    assert!(!format!("{secrets:?}").contains("hush"));
    let nested = Secrets::of(["hush", "hush-long", ""]);
    assert_eq!(nested.mask("hush-long hush"), "*** ***");
}

#[test]
fn the_refusal_of_a_property_does_not_show_a_value_that_may_be_secret() {
    for (name, value) in [
        ("sasl.oauthbearer.methd", "hush-4"),
        ("ssl.keystore.pasword", "hush-4"),
        ("sasl.oauthbearer.method", "hush-4"),
        ("ssl.key.pem", "hush-4"),
    ] {
        let found = problems(|config| {
            config.brokers = "h:1".to_owned();
            config.properties = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        });
        let found = found.join("; ");
        assert!(!found.contains("hush"), "{name}: {found}");
    }
    let found = problems(|config| {
        config.properties = BTreeMap::from([("client.dns.lookup".to_owned(), "never".to_owned())]);
    });
    assert!(found[0].contains("never"), "{found:?}");
}
