//! Facts read from events as trackers send them.

use super::*;
use crate::event::EventKind;
use crate::id::SiteId;
use crate::json::JsonObject;
use crate::time::Timestamp;

fn event<'a>(kind: EventKind, properties: &'a str, context: &'a str) -> Event<'a> {
    Event {
        properties: JsonObject::parse(properties).expect("an object"),
        context: JsonObject::parse(context).expect("an object"),
        ..Event::empty(
            Cow::Owned(SiteId::try_new("demo").expect("a good name")),
            kind,
            "x".into(),
            "m".into(),
            Timestamp::EPOCH,
        )
    }
}

fn check(properties: &str, context: &str, verify: impl Fn(&EventFacts<'_>)) {
    let event = event(EventKind::Track, properties, context);
    verify(&EventFacts::extract(&event, FactNames::default()));
}

fn revenue_of(properties: &str) -> Option<String> {
    let event = event(EventKind::Track, properties, "{}");
    let facts = EventFacts::extract(&event, FactNames::default());
    facts.revenue.map(|amount| amount.to_string())
}

#[test]
fn money_is_read_exactly_from_the_first_name_that_holds_an_amount() {
    let cases = [
        (r#"{"revenue":19.99}"#, Some("19.99")),
        (r#"{"revenue":"19.9900"}"#, Some("19.99")),
        (r#"{"total":25,"revenue":20,"value":22}"#, Some("20")),
        (r#"{"total":25,"value":22}"#, Some("22")),
        (r#"{"revenue":null,"value":"n/a","total":25}"#, Some("25")),
        (r#"{"revenue":0.1,"revenue":0.2}"#, Some("0.2")),
        (r#"{"revenue":-5}"#, Some("-5")),
        (r#"{"revenue":0}"#, Some("0")),
        (r#"{"revenue":1e30}"#, None),
        (r#"{"revenue":true}"#, None),
        (r#"{"revenue":{"amount":5,"tax":1}}"#, None),
        (r#"{"price":5}"#, None),
    ];
    for (properties, expected) in cases {
        assert_eq!(revenue_of(properties).as_deref(), expected, "{properties}");
    }
}

#[test]
fn ignored_money_is_absent() {
    let mut event = event(EventKind::Track, r#"{"revenue":5}"#, "{}");
    event.counts_money = false;
    assert_eq!(
        EventFacts::extract(&event, FactNames::default()).revenue,
        None
    );
}

#[test]
fn a_vocabularys_property_names_take_precedence() {
    let properties = r#"{"dollar_value":"11.77","value":3,"invoice":{"no":536365},"unit":"usd","currency":"EUR"}"#;
    let event = event(EventKind::Track, properties, "{}");
    let names = FactNames {
        revenue: Some("dollar_value"),
        currency: Some("unit"),
        order_id: Some("invoice.no"),
        ..FactNames::default()
    };
    let facts = EventFacts::extract(&event, names);
    assert_eq!(facts.revenue, Amount::parse("11.77"));
    assert_eq!((&*facts.currency, &*facts.order_id), ("USD", "536365"));
    let absent = FactNames {
        revenue: Some("amount"),
        currency: Some("nothing"),
        ..FactNames::default()
    };
    let facts = EventFacts::extract(&event, absent);
    assert_eq!(
        (facts.revenue, &*facts.currency),
        (Amount::parse("3"), "EUR")
    );
}

#[test]
fn a_vocabulary_can_fix_the_currency_and_disable_order_ids() {
    let names = FactNames {
        currency_constant: Some("GBP"),
        order_id_absent: true,
        ..FactNames::default()
    };
    for (properties, expected) in [
        (r#"{"order_id":"x"}"#, "GBP"),
        (r#"{"currency":"eur"}"#, "EUR"),
    ] {
        let event = event(EventKind::Track, properties, "{}");
        let facts = EventFacts::extract(&event, names);
        assert_eq!((&*facts.currency, &*facts.order_id), (expected, ""));
    }
}

#[test]
fn a_currency_is_an_iso_4217_code_or_a_sign_for_one() {
    let cases = [
        (r#"{"currency":"EUR"}"#, "EUR"),
        (r#"{"currency":" eur "}"#, "EUR"),
        (r#"{"currency":"€"}"#, "EUR"),
        (r#"{"currency":"US$"}"#, "USD"),
        (r#"{"currency":"E1R"}"#, ""),
        (r#"{"currency":"XYZ"}"#, ""),
        (r#"{"currency":"$"}"#, ""),
        (r#"{"currency":978}"#, ""),
        ("{}", ""),
    ];
    for (properties, expected) in cases {
        check(properties, "{}", |facts| {
            assert_eq!(facts.currency, expected, "{properties}");
        });
    }
}

#[test]
fn a_textual_amount_counts_if_it_has_one_reading() {
    for (properties, amount, currency) in [
        (r#"{"revenue":"33,95","currency":"EUR"}"#, "33.95", "EUR"),
        (r#"{"revenue":"€ 1.234,56"}"#, "1234.56", "EUR"),
        (r#"{"revenue":"$20.00","currency":"cad"}"#, "20", "CAD"),
        (r#"{"revenue":"$20.00 USD"}"#, "20", "USD"),
        (r#"{"total":"1'234.50 CHF"}"#, "1234.5", "CHF"),
        (r#"{"value":"(12,50)"}"#, "-12.5", ""),
        (
            r#"{"revenue":{"amount":33.95,"currency":"USD"}}"#,
            "33.95",
            "USD",
        ),
        (
            r#"{"total":{"amount":"12.00","currencyCode":"nok"}}"#,
            "12",
            "NOK",
        ),
        (r#"{"revenue":{"amount":"€5","currency":null}}"#, "5", "EUR"),
        (r#"{"revenue":{"amount":5},"currency":"GBP"}"#, "5", "GBP"),
    ] {
        check(properties, "{}", |facts| {
            assert_eq!(facts.revenue, Amount::parse(amount), "{properties}");
            assert_eq!(
                (&*facts.currency, facts.uncounted),
                (currency, None),
                "{properties}"
            );
        });
    }
}

#[test]
fn money_that_is_not_understood_counts_nowhere_and_gives_the_reason() {
    for (properties, reason) in [
        (
            r#"{"revenue":"1,234","total":1300}"#,
            WarningReason::AmbiguousAmount,
        ),
        (
            r#"{"revenue":"20-30","value":25}"#,
            WarningReason::UnreadAmount,
        ),
        (r#"{"revenue":"free"}"#, WarningReason::UnreadAmount),
        (r#"{"revenue":1e30}"#, WarningReason::LargeAmount),
        (
            r#"{"revenue":10,"currency":"US dollar bill"}"#,
            WarningReason::UnknownCurrency,
        ),
        (
            r#"{"revenue":10,"currency":"undefined"}"#,
            WarningReason::UnknownCurrency,
        ),
        (
            r#"{"revenue":10,"currency":"$"}"#,
            WarningReason::AmbiguousCurrency,
        ),
        (r#"{"revenue":"¥10"}"#, WarningReason::AmbiguousCurrency),
        (
            r#"{"revenue":"€10","currency":"USD"}"#,
            WarningReason::ConflictingCurrency,
        ),
    ] {
        check(properties, "{}", |facts| {
            assert_eq!(facts.revenue, None, "{properties}");
            assert_eq!(facts.uncounted, Some(reason), "{properties}");
        });
    }
}

#[test]
fn a_sites_own_currency_and_limit_apply() {
    let properties = r#"{"revenue":"$ 100"}"#;
    let mut event = event(EventKind::Track, properties, "{}");
    event.money_terms.to_mut().currency = Currency::of_code("AUD").expect("a code");
    let facts = EventFacts::extract(&event, FactNames::default());
    assert_eq!(
        (facts.revenue, &*facts.currency),
        (Amount::parse("100"), "AUD")
    );
    for (limit, counts) in [
        (r#"{"AUD":100}"#, true),
        (r#"{"AUD":99.99}"#, false),
        (r#"{"EUR":99}"#, true),
        (r#"{"*":99}"#, false),
    ] {
        event.money_terms.to_mut().largest = serde_json::from_str(limit).expect("a limit");
        let facts = EventFacts::extract(&event, FactNames::default());
        assert_eq!(facts.revenue.is_some(), counts, "{limit}");
        let expected = (!counts).then_some(WarningReason::LargeAmount);
        assert_eq!(
            (facts.uncounted, &*facts.currency),
            (expected, "AUD"),
            "{limit}"
        );
    }
}

#[test]
fn an_unknown_currency_does_not_fall_back_to_the_vocabularys() {
    let names = FactNames {
        currency_constant: Some("GBP"),
        ..FactNames::default()
    };
    let event = event(EventKind::Track, r#"{"revenue":5,"currency":"gold"}"#, "{}");
    let facts = EventFacts::extract(&event, names);
    assert_eq!((facts.revenue, &*facts.currency), (None, ""));
}

#[test]
fn placeholders_are_not_ids_and_the_next_name_is_used() {
    let sent = r#"{"order_id":"undefined","transaction_id":" T1 ","referral_code":"NULL","referrer_id":"0","inviterId":"u9"}"#;
    check(sent, r#"{"groupId":"none"}"#, |facts| {
        assert_eq!(
            (
                &*facts.order_id,
                &*facts.referral_code,
                &*facts.inviter_id,
                &*facts.account
            ),
            ("T1", "", "u9", "")
        );
    });
    let event = event(EventKind::Track, r#"{"no":"null","ec_id":"E"}"#, "{}");
    let names = FactNames {
        order_id: Some("no"),
        ..FactNames::default()
    };
    assert_eq!(EventFacts::extract(&event, names).order_id, "E");
}

#[test]
fn an_order_id_is_taken_from_the_most_specific_name() {
    let cases = [
        (r#"{"transaction_id":"T","order_id":"O"}"#, "O"),
        (r#"{"transaction_id":"T","order_id":""}"#, "T"),
        (r#"{"orderId":7}"#, "7"),
        (r#"{"ec_id":"E"}"#, "E"),
    ];
    for (properties, expected) in cases {
        check(properties, "{}", |facts| {
            assert_eq!(facts.order_id, expected, "{properties}");
        });
    }
}

#[test]
fn scores_outside_their_range_are_ignored() {
    let cases = [
        (r#"{"nps":9}"#, Some(9), None),
        (r#"{"nps":"10"}"#, Some(10), None),
        (r#"{"nps":0}"#, Some(0), None),
        (r#"{"nps":7.5}"#, None, Some(7.5)),
        (r#"{"nps":11,"rating":"4"}"#, None, Some(4.0)),
        (r#"{"nps":-1}"#, None, Some(-1.0)),
        (r#"{"nps":"very"}"#, None, None),
        (r#"{"rating":"4.5"}"#, None, Some(4.5)),
    ];
    for (properties, nps, rating) in cases {
        check(properties, "{}", |facts| {
            assert_eq!((facts.nps, facts.rating), (nps, rating), "{properties}");
        });
    }
}

#[test]
fn touchpoints_are_kept_and_have_one_of_three_kinds() {
    let sent = r#"{"touchpoint":"store","touchpoint_kind":"Physical"}"#;
    check(sent, "{}", |facts| {
        assert_eq!(
            (&*facts.touchpoint, &*facts.touchpoint_kind),
            ("store", "physical")
        );
    });
    check(r#"{"touchpoint_kind":"astral"}"#, "{}", |facts| {
        assert_eq!(facts.touchpoint_kind, "");
    });
}

#[test]
fn campaign_fields_of_different_sources_are_never_mixed() {
    let url =
        r#""page":{"url":"https:\/\/a.example\/x\/?utm_source=url&utm_campaign=spring+sale"}"#;
    let in_context = format!(r#"{{"campaign":{{"medium":"email"}},{url}}}"#);
    check(r#"{"utm_source":"props"}"#, &in_context, |facts| {
        assert_eq!(
            (
                &*facts.campaign_source,
                &*facts.campaign_medium,
                &*facts.campaign_name
            ),
            ("", "email", "")
        );
    });
    let only_url = format!("{{{url}}}");
    check("{}", &only_url, |facts| {
        assert_eq!(
            (
                &*facts.campaign_source,
                &*facts.campaign_name,
                &*facts.page_path
            ),
            ("url", "spring sale", "/x")
        );
    });
    check(
        r#"{"campaign":{"source":"push","name":"n"}}"#,
        "{}",
        |facts| {
            assert_eq!(
                (&*facts.campaign_source, &*facts.campaign_name),
                ("push", "n")
            );
        },
    );
    check(r#"{"campaign":"autumn"}"#, "{}", |facts| {
        assert_eq!(facts.campaign_name, "autumn");
    });
}

#[test]
fn only_a_page_messages_own_properties_describe_its_page() {
    let properties = r#"{"url":"https://cdn.example/img","path":"/own/","referrer":"r1"}"#;
    let context = r#"{"page":{"url":"https://shop.example/p","path":"/p","referrer":"r2"}}"#;
    check(properties, context, |facts| {
        assert_eq!(
            (&*facts.page_url, &*facts.page_path, &*facts.referrer),
            ("https://shop.example/p", "/p", "r2")
        );
    });
    let page = event(EventKind::Page, properties, context);
    let facts = EventFacts::extract(&page, FactNames::default());
    assert_eq!(
        (&*facts.page_url, &*facts.page_path, &*facts.referrer),
        ("https://cdn.example/img", "/own", "r1")
    );
}

#[test]
fn person_device_and_location_come_from_the_context() {
    let context = r#"{"userAgent":"curl/8.5.0","locale":"nl-NL","groupId":42,
        "location":{"country":"nl"},"device":{"type":"ios","model":"iPad7,3"},
        "traits":{"persona":"saver","email":"x"}}"#;
    check("{}", context, |facts| {
        assert_eq!(
            (
                &*facts.bot,
                &*facts.locale,
                &*facts.account,
                &*facts.country,
                &*facts.device
            ),
            ("http-library", "nl-NL", "42", "NL", "tablet")
        );
        assert_eq!(facts.persona, "saver");
    });
    check(
        "{}",
        r#"{"location":{"country":"Netherlands"},"locale":"en-US"}"#,
        |facts| {
            assert_eq!((&*facts.country, &*facts.bot), ("NL", ""));
        },
    );
}

#[test]
fn referrals_name_the_inviter_and_the_code() {
    let sent = r#"{"referral_code":"ANNA10","referrer_id":"u7","inviter_id":"u9"}"#;
    check(sent, "{}", |facts| {
        assert_eq!(
            (&*facts.referral_code, &*facts.inviter_id),
            ("anna10", "u9")
        );
    });
}

#[test]
fn values_of_the_wrong_type_are_ignored() {
    let context =
        r#"{"page":"x","campaign":[1],"device":7,"location":null,"traits":"t","userAgent":{}}"#;
    check(
        r#"{"campaign":null,"rating":[],"sentiment":{}}"#,
        context,
        |facts| {
            assert_eq!(*facts, EventFacts::default());
        },
    );
}

#[test]
fn fact_names_come_from_the_vocabularys_rule() {
    let mapping = FactMapping {
        revenue: Some("a".into()),
        currency: Some("b".into()),
        currency_constant: Some("USD".into()),
        order_id: Some("c".into()),
        order_id_absent: true,
        order_id_from_url: Box::default(),
    };
    let expected = FactNames {
        revenue: Some("a"),
        currency: Some("b"),
        currency_constant: Some("USD"),
        order_id: Some("c"),
        order_id_absent: true,
        order_id_from_url: &[],
    };
    assert_eq!(FactNames::of(&mapping), expected);
}

#[test]
fn a_price_object_counts_only_with_an_unambiguous_amount_and_currency() {
    for properties in [
        r#"{"revenue":{"amount":5,"discount":1}}"#,
        r#"{"revenue":{"amount":{"amount":5}}}"#,
        r#"{"revenue":{"amount":[5]}}"#,
        r#"{"revenue":{"amount":5,"currency":"gold"}}"#,
        r#"{"revenue":{"amount":5,"currency":["USD"]}}"#,
        r#"{"revenue":{"amount":"€5","currency":"USD"}}"#,
        r#"{"revenue":{"amount":5,"currency":"USD"},"currency":"EUR"}"#,
        r#"{"revenue":{"amount":"1,234"}}"#,
        r#"{"revenue":{"currency":"USD"}}"#,
    ] {
        check(properties, "{}", |facts| {
            assert_eq!(facts.revenue, None, "{properties}");
            assert!(facts.uncounted.is_some(), "{properties}");
        });
    }
}
