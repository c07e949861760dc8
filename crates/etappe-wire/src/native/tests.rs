//! Bodies and messages as clients send them, valid and invalid.

use proptest::prelude::*;

use super::*;
use crate::record;

const RECEIVED: &str = "2024-03-10T12:00:00Z";

fn reception(scope: KeyScope) -> Reception {
    Reception {
        site: SiteId::try_new("demo").unwrap(),
        scope,
        counts_money: true,
        money_terms: MoneyTerms::default(),
        received_at: Timestamp::parse(RECEIVED).unwrap(),
        address: Some("2001:db8:1:2:3::9".parse().unwrap()),
        user_agent: Some("Browser/1".to_owned()),
        country: None,
        first_id: Uuid::from_u128(0x018d_0000_0000_7000_8000_0000_0000_0001),
        redactor: None,
    }
}

fn outcomes(body: &Body, scope: KeyScope) -> Vec<Result<String, (Reason, Option<String>)>> {
    let reception = reception(scope);
    (0..body.len())
        .map(
            |index| match body.message(index, &reception, &Limits::default()) {
                Ok(message) => {
                    let mut out = Vec::new();
                    message.encode(None, &mut out);
                    let event = record::decode(&out).expect("a record");
                    let key = record::partition_key(&message.event);
                    assert_eq!(record::partition_key(&event), key);
                    let mut again = Vec::new();
                    record::encode(&event, &mut again);
                    assert_eq!(again, out);
                    Ok(String::from_utf8(out).unwrap())
                }
                Err(rejection) => {
                    Err((rejection.reason, rejection.message_id.map(Cow::into_owned)))
                }
            },
        )
        .collect()
}

/// Decodes one message of a batch and returns its record from the member after the site on.
fn check(message: &str) -> Result<String, Reason> {
    check_as(message, KeyScope::Server)
}

fn check_as(message: &str, scope: KeyScope) -> Result<String, Reason> {
    let text = format!("{{\"batch\":[{message}]}}");
    let body = Body::of_batch(text.into_bytes(), 10).expect("a body");
    let outcome = outcomes(&body, scope).pop().expect("one message");
    let record = outcome.map_err(|(reason, _)| reason)?;
    let (_, tail) = record.split_once(r#""type":"#).unwrap();
    Ok(tail.to_owned())
}

#[test]
fn a_message_becomes_a_record() {
    assert_eq!(
        check(r#"{"type":"track","event":"Order Completed","messageId":"m1","userId":7.0,"anonymousId":null,"writeKey":"secret","timestamp":"2024-03-01T12:00:00+01:00","properties":{"revenue":1e999,"writeKeys":1},"integrations":{"All":true},"context":{"locale":"nl"}}"#).as_deref(),
        Ok(r#""track","event":"Order Completed","messageId":"m1","userId":"7.0","timestamp":"2024-03-01T11:00:00.000Z","receivedAt":"2024-03-10T12:00:00.000Z","properties":{"revenue":1e999,"writeKeys":1},"context":{"locale":"nl"}}"#)
    );
}

#[test]
fn a_message_without_id_and_time_gets_both() {
    assert_eq!(
        check(r#"{"type":"identify","anonymousId":"a","userId":"u\u0000","traits":{"persona":"x"},"properties":[]}"#).as_deref(),
        Ok(r#""identify","event":"identify","messageId":"018d0000-0000-7000-8000-000000000001","anonymousId":"a","userId":"u\u0000","timestamp":"2024-03-10T12:00:00.000Z","receivedAt":"2024-03-10T12:00:00.000Z","traits":{"persona":"x"}}"#)
    );
}

#[test]
fn a_pages_name_is_a_property() {
    for (message, expected) in [
        (
            r#"{"type":"page","userId":"u","messageId":"m","name":"Home"}"#,
            r#"{"name":"Home"}"#,
        ),
        (
            r#"{"type":"screen","userId":"u","messageId":"m","name":"Home","category":"c","properties":{"a":1}}"#,
            r#"{"name":"Home","category":"c","a":1}"#,
        ),
        (
            r#"{"type":"page","userId":"u","messageId":"m","name":"Home","properties":{"n\u0061me":"own"}}"#,
            r#"{"n\u0061me":"own"}"#,
        ),
    ] {
        let record = check(message).unwrap();
        assert!(
            record.ends_with(&format!("\"properties\":{expected}}}")),
            "{record}"
        );
    }
    assert_eq!(
        check(r#"{"type":"page","userId":"u","name":{}}"#),
        Err(Reason::InvalidField)
    );
}

#[test]
fn rudderstack_spellings_are_understood() {
    let record = check(r#"{"type":"identify","userId":"u","messageId":"m","originalTimestamp":"2024-03-09T12:00:00Z","sentAt":"2024-03-10T11:00:00Z","context":{"traits":{"email":"x"}}}"#).unwrap();
    assert!(
        record.contains(r#""timestamp":"2024-03-09T13:00:00.000Z""#),
        "{record}"
    );
    assert!(
        record.contains(r#""traits":{"email":"x"},"context""#),
        "{record}"
    );
}

#[test]
fn addresses_are_truncated_and_filled_in_for_devices_only() {
    let context = |message: &str, scope| {
        let record = check_as(message, scope).unwrap();
        record
            .split_once(r#""context":"#)
            .map(|(_, context)| context.to_owned())
    };
    let bare = r#"{"type":"page","userId":"u","messageId":"m"}"#;
    assert_eq!(context(bare, KeyScope::Server), None);
    assert_eq!(
        context(bare, KeyScope::Browser).as_deref(),
        Some(r#"{"ip":"2001:db8:1::","userAgent":"Browser/1"}}"#)
    );
    for (sent, server, browser) in [
        (
            r#"{"ip":"203.0.113.77","userAgent":"own"}"#,
            Some(r#"{"userAgent":"own","ip":"203.0.113.0"}}"#),
            r#"{"userAgent":"own","ip":"203.0.113.0"}}"#,
        ),
        (
            r#"{ "\u0069p" : "::ffff:203.0.113.77", "userAgent":null, "a":1 }"#,
            Some(r#"{"a":1,"ip":"203.0.113.0"}}"#),
            r#"{"a":1,"ip":"203.0.113.0","userAgent":"Browser/1"}}"#,
        ),
        (
            r#"{"ip":"not one"}"#,
            None,
            r#"{"ip":"2001:db8:1::","userAgent":"Browser/1"}}"#,
        ),
        (
            r#"{"ip":"203.0.113.77","ip":["203.0.113.77"],"a":1}"#,
            Some(r#"{"a":1}}"#),
            r#"{"a":1,"ip":"2001:db8:1::","userAgent":"Browser/1"}}"#,
        ),
    ] {
        let message = format!(r#"{{"type":"page","userId":"u","messageId":"m","context":{sent}}}"#);
        assert_eq!(
            context(&message, KeyScope::Server).as_deref(),
            server,
            "{sent}"
        );
        assert_eq!(
            context(&message, KeyScope::Browser).as_deref(),
            Some(browser),
            "{sent}"
        );
    }
}

fn check_reason(message: &str, reason: Reason) {
    let shown: String = message.chars().take(80).collect();
    assert_eq!(check(message), Err(reason), "{shown}");
}

#[test]
fn a_malformed_message_is_rejected_with_its_reason() {
    let text = "x".repeat(40_000);
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let large = format!(r#"{{"type":"track","event":"e","userId":"u","p":"{text}"}}"#);
    let deep = format!(r#"{{"type":"track","a":{open}{close}}}"#);
    check_reason(&large, Reason::TooLarge);
    check_reason(&deep, Reason::TooDeep);
    for message in [
        "17",
        "null",
        "[]",
        "\"x\"",
        r#"{"type":"track","event":NaN}"#,
        "{\"type\":\"track\",\"event\":\"a\0b\"}",
    ] {
        check_reason(message, Reason::Malformed);
    }
    for kind in [r#""Track""#, "1", "null", "{}"] {
        let message = format!(r#"{{"type":{kind},"event":"e","userId":"u"}}"#);
        check_reason(&message, Reason::InvalidType);
    }
}

#[test]
fn white_space_around_a_name_and_repeated_in_it_is_left_out() {
    for name in [
        "Order Completed",
        " Order Completed",
        "Order Completed ",
        r"Order \t\u00a0 Completed",
        "\u{2003}Order  Completed",
    ] {
        let record = check(&format!(
            r#"{{"type":"track","event":"{name}","userId":"u"}}"#
        ));
        let record = record.unwrap();
        assert!(record.contains(r#""event":"Order Completed""#), "{record}");
    }
}

#[test]
fn a_member_of_the_wrong_type_is_rejected_with_its_reason() {
    for (member, reason) in [
        (r#""event":5"#, Reason::InvalidField),
        (r#""properties":"p""#, Reason::InvalidField),
        (r#""traits":[1]"#, Reason::InvalidField),
        (r#""context":1"#, Reason::InvalidField),
        (r#""userId":true"#, Reason::InvalidId),
        (r#""userId":{"id":1}"#, Reason::InvalidId),
        (r#""messageId":[1]"#, Reason::InvalidId),
        (r#""event":null"#, Reason::MissingEvent),
        (r#""event":"""#, Reason::MissingEvent),
        (r#""event":" \u00a0\t""#, Reason::MissingEvent),
        (r#""userId":null"#, Reason::MissingId),
        (r#""userId":"""#, Reason::MissingId),
        (r#""type":"alias""#, Reason::MissingId),
        (r#""type":"group""#, Reason::MissingId),
        (
            r#""timestamp":"0000-01-01T00:00:00Z""#,
            Reason::InvalidTimestamp,
        ),
        (
            r#""timestamp":"9999-01-01T00:00:00Z""#,
            Reason::InvalidTimestamp,
        ),
        (r#""timestamp":1709294400"#, Reason::InvalidTimestamp),
    ] {
        let message = format!(r#"{{"type":"track","event":"e","userId":"u",{member}}}"#);
        check_reason(&message, reason);
    }
}

#[test]
fn one_bad_message_never_fails_its_neighbours() {
    let good = r#"{"type":"track","event":"e","userId":"u","messageId":"ok"}"#;
    let mut text = format!("{{\"batch\":[{good},{{\"messageId\":\"bad\",\"x\":NaN}},").into_bytes();
    text.extend_from_slice(b"{\"type\":\"track\",\"event\":\"\xff\xfe\",\"userId\":\"u\"},");
    text.extend_from_slice(b"{\"type\":\"page\",\"userId\":\"half \\ud83d\",\"messageId\":9},");
    text.extend_from_slice(format!("{good}],\"writeKey\":\"k\\u0031\"}} ").as_bytes());
    let body = Body::of_batch(text, 10).unwrap();
    assert_eq!(body.write_key(), Some("k1"));
    let found: Vec<_> = outcomes(&body, KeyScope::Server)
        .into_iter()
        .map(|outcome| outcome.map(|_| ()))
        .collect();
    assert_eq!(
        found,
        [
            Ok(()),
            Err((Reason::Malformed, Some("bad".to_owned()))),
            Err((Reason::InvalidUtf8, None)),
            Ok(()),
            Ok(())
        ]
    );
}

#[test]
fn the_message_or_the_batch_may_state_the_time_of_sending() {
    let text = br#"{"batch":[{"type":"page","userId":"u","timestamp":"2024-03-10T10:00:00Z"},{"type":"page","userId":"u","timestamp":"2024-03-10T10:00:00Z","sentAt":"2024-03-10T11:59:00Z"}],"sentAt":"2024-03-10T11:00:00Z"}"#;
    let found = outcomes(
        &Body::of_batch(text.to_vec(), 10).unwrap(),
        KeyScope::Server,
    );
    assert!(
        found[0]
            .as_ref()
            .unwrap()
            .contains(r#""timestamp":"2024-03-10T11:00:00.000Z""#)
    );
    assert!(
        found[1]
            .as_ref()
            .unwrap()
            .contains(r#""timestamp":"2024-03-10T10:01:00.000Z""#)
    );
}

#[test]
fn the_kind_in_the_path_overrides_the_kind_in_the_body() {
    let text = br#"{"type":"identify","event":"e","userId":"u","writeKey":"k"}"#;
    let body = Body::of_message(text.to_vec(), EventKind::Track).unwrap();
    assert_eq!((body.len(), body.write_key()), (1, Some("k")));
    let found = outcomes(&body, KeyScope::Server);
    assert!(
        found[0]
            .as_ref()
            .unwrap()
            .contains(r#""type":"track","event":"e""#)
    );
}

#[test]
fn the_last_of_equal_names_counts() {
    let record = check(r#"{"type":"page","type":"track","event":"a","event":"b","userId":"u"}"#);
    assert!(record.unwrap().starts_with(r#""track","event":"b""#));
    let text = br#"{"batch":[1],"batch":[]}"#;
    assert!(Body::of_batch(text.to_vec(), 10).unwrap().is_empty());
}

#[test]
fn a_body_that_cannot_be_split_is_rejected_with_its_reason() {
    let malformed = |at| Err(BodyError::Malformed { at });
    for (text, expected) in [
        ("", Err(BodyError::Empty)),
        (" \n", Err(BodyError::Empty)),
        ("[]", malformed(0)),
        ("{not json", malformed(1)),
        (r#"{"batch":[{}]"#, malformed(13)),
        (r#"{"batch":[{}"#, malformed(12)),
        (r#"{"batch":[{},]}"#, malformed(13)),
        (r#"{"batch":[{} {}]}"#, malformed(13)),
        (r#"{"batch":[]}x"#, malformed(12)),
        (r#"{"batch":[]} {}"#, malformed(13)),
        ("{}", Err(BodyError::MissingBatch)),
        (r#"{"batch":{}}"#, Err(BodyError::MissingBatch)),
        (
            r#"{"batch":[1,2,3,4]}"#,
            Err(BodyError::TooManyMessages { limit: 3 }),
        ),
        (r#"{"batch":[1,2,3]}"#, Ok(3)),
        ("\u{feff} {\"batch\" : [ 1 , 2 ] } ", Ok(2)),
    ] {
        let found = Body::of_batch(text.as_bytes().to_vec(), 3).map(|body| body.len());
        assert_eq!(found, expected, "{text}");
    }
}

/// Returns the members of a message's record, and its warnings as field, value and reason.
fn read(message: &str) -> Result<(serde_json::Value, Vec<[String; 3]>), Reason> {
    let text = format!("{{\"batch\":[{message}]}}");
    let body = Body::of_batch(text.into_bytes(), 10).expect("a body");
    let reception = reception(KeyScope::Server);
    let message = body.message(0, &reception, &Limits::default());
    let message = message.map_err(|rejection| rejection.reason)?;
    let mut out = Vec::new();
    message.encode(None, &mut out);
    let told = message.warnings.into_iter().map(|warning| {
        let reason = warning.reason.as_str().to_owned();
        [
            warning.field.into_owned(),
            warning.value.into_owned(),
            reason,
        ]
    });
    Ok((serde_json::from_slice(&out).unwrap(), told.collect()))
}

#[test]
fn placeholders_are_not_ids_and_cause_warnings() {
    let placeholder =
        |field: &str, value: &str| ["placeholder_id", value, field].map(str::to_owned);
    for sent in ["undefined", "NULL", " ", "[object Object]", "0", "'null'"] {
        let message = format!(
            r#"{{"type":"track","event":"e","messageId":"m","userId":"{sent}","anonymousId":"a"}}"#
        );
        let (record, mut told) = read(&message).unwrap();
        assert_eq!(record["anonymousId"], "a");
        assert!(record.get("userId").is_none(), "{record}");
        told.iter_mut().for_each(|parts| parts.reverse());
        assert_eq!(told, [placeholder("userId", sent)]);
    }
}

#[test]
fn a_message_with_placeholders_only_is_accepted_without_an_actor() {
    for (message, field) in [
        (
            r#"{"type":"track","event":"e","userId":"undefined"}"#,
            "userId",
        ),
        (r#"{"type":"page","anonymousId":0}"#, "anonymousId"),
        (r#"{"type":"identify","userId":" \t"}"#, "userId"),
        (
            r#"{"type":"alias","userId":"u","previousId":"null"}"#,
            "previousId",
        ),
        (
            r#"{"type":"group","userId":"u","groupId":"None"}"#,
            "groupId",
        ),
        (
            r#"{"type":"page","userId":"u","messageId":"undefined"}"#,
            "messageId",
        ),
        (
            r#"{"type":"page","userId":"u","context":{"groupId":"nan"}}"#,
            "context.groupId",
        ),
        (
            r#"{"type":"track","event":"e","userId":"u","properties":{"order_id":"null"}}"#,
            "properties.order_id",
        ),
    ] {
        let (record, told) = read(message).unwrap();
        assert_eq!(told.len(), 1, "{message}: {told:?}");
        assert_eq!(
            (&*told[0][0], &*told[0][2]),
            (field, "placeholder_id"),
            "{message}"
        );
        if !field.contains('.') && field != "messageId" {
            assert!(record.get(field).is_none(), "{record}");
        }
    }
    let (record, _) = read(r#"{"type":"page","userId":"u","messageId":"null"}"#).unwrap();
    assert_eq!(record["messageId"], "018d0000-0000-7000-8000-000000000001");
    let (record, told) = read(r#"{"type":"page","userId":"u","messageId":0}"#).unwrap();
    assert_eq!((&record["messageId"], told.len()), (&"0".into(), 0));
}

#[test]
fn white_space_around_an_id_does_not_make_another_person() {
    let message = r#"{"type":"page","userId":" u1\n","anonymousId":"\u00a0a 1\ufeff"}"#;
    let (record, told) = read(message).unwrap();
    assert_eq!(
        (&record["userId"], &record["anonymousId"]),
        (&"u1".into(), &"a 1".into())
    );
    assert!(told.is_empty());
}

#[test]
fn money_that_does_not_count_causes_a_warning_that_names_the_member() {
    let order = |properties: &str| {
        let message = format!(
            r#"{{"type":"track","event":"Order Completed","userId":"u","properties":{properties}}}"#
        );
        read(&message).unwrap().1
    };
    let expected = ["properties.total", "1,234", "ambiguous_amount"].map(str::to_owned);
    assert_eq!(order(r#"{"total":"1,234"}"#), [expected]);
    let expected = ["properties.currency", "gold", "unknown_currency"].map(str::to_owned);
    assert_eq!(order(r#"{"revenue":5,"currency":"g\u006fld"}"#), [expected]);
    assert!(order(r#"{"revenue":"33,95","currency":"eur"}"#).is_empty());
}

#[test]
fn addresses_are_cut_in_properties_traits_and_context() {
    let message = r#"{"type":"identify","userId":"u","properties":{"$ip":"203.0.113.77"},"traits":{"ip":"203.0.113.77"},"context":{"device":{"ip":"203.0.113.77"},"ip":"2002:cb00:714d::1"}}"#;
    let (record, _) = read(message).unwrap();
    assert_eq!(record["properties"]["$ip"], "203.0.113.0");
    assert_eq!(record["traits"]["ip"], "203.0.113.0");
    assert_eq!(record["context"]["device"]["ip"], "203.0.113.0");
    assert_eq!(record["context"]["ip"], "2002:cb00:7100::");
    let message =
        r#"{"type":"identify","userId":"u","context":{"traits":{"ips":["203.0.113.77"]}}}"#;
    let (record, _) = read(message).unwrap();
    assert_eq!(record["traits"]["ips"][0], "203.0.113.0");
    assert!(!record.to_string().contains("203.0.113.77"));
}

fn message_like() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "\"track\"",
        "\"page\"",
        "\"u\"",
        "1",
        "null",
        "{}",
        "[]",
        "{\"ip\":\"1.2.3.4\"}",
        "\"\"",
        "{\"a\":[1,{\"b\":null}]}",
        "\"2024-03-01T00:00:00Z\"",
        "\"\\ud800\"",
        "1e999",
        "tru",
        "\"",
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
        "groupId",
        "previousId",
        "other",
        "userI\\u0064",
    ]);
    let member = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop::collection::vec(member, 0..8).prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_bytes_are_a_body_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for body in [
            Body::of_batch(bytes.clone(), 10),
            Body::of_message(bytes, EventKind::Track),
        ].into_iter().flatten() {
            prop_assert_eq!(outcomes(&body, KeyScope::Browser).len(), body.len());
        }
    }

    #[test]
    fn every_member_is_accepted_or_rejected(
        messages in prop::collection::vec(message_like(), 0..6),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut text = format!("{{\"batch\":[{}],\"writeKey\":\"k\"}}", messages.join(",")).into_bytes();
        let balanced = messages.iter().all(|message| message.matches('"').count() % 2 == 0);
        if balanced {
            let body = Body::of_batch(text.clone(), 10).unwrap();
            prop_assert_eq!(body.len(), messages.len());
            prop_assert_eq!(outcomes(&body, KeyScope::Browser).len(), messages.len());
        }
        for (index, byte) in flips {
            let at = index.index(text.len());
            text[at] = byte;
        }
        if let Ok(body) = Body::of_batch(text, 10) {
            prop_assert_eq!(outcomes(&body, KeyScope::Pixel).len(), body.len());
        }
    }
}
