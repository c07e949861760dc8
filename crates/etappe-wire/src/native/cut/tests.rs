//! IP addresses in all places and spellings, and texts that only look like one.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Objects as sent, and as logged.
const CUT: &[(&str, &str)] = &[
    (
        r#"{"url":"https://x.example/?ip=203.0.113.77%2C198.51.100.9&a=1"}"#,
        r#"{"url":"https://x.example/?ip=203.0.113.0,198.51.100.0&a=1"}"#,
    ),
    (
        r#"{"url":"https://x.example/?a=1&ip=203.0.113.77,198.51.100.9#top"}"#,
        r#"{"url":"https://x.example/?a=1&ip=203.0.113.0,198.51.100.0#top"}"#,
    ),
    (
        r#"{"url":"/?client_ip=203.0.113.77,%20198.51.100.9&v=1.2.3.4"}"#,
        r#"{"url":"/?client_ip=203.0.113.0,%20198.51.100.0&v=1.2.3.4"}"#,
    ),
    (
        r#"{"url":"/?ip=3405803853"}"#,
        r#"{"url":"/?ip=203.0.113.0"}"#,
    ),
    (r#"{"ips":[3405803853]}"#, r#"{"ips":[3405803776]}"#),
    (
        r#"{"ips":["203.0.113.77", 3405803853,null,1.5 ,3405803853],"n":[3405803853]}"#,
        r#"{"ips":["203.0.113.0", 3405803776,null,1.5 ,3405803776],"n":[3405803853]}"#,
    ),
    (
        r#"{"ips":[[3405803853],3405803853]}"#,
        r#"{"ips":[[3405803776],3405803776]}"#,
    ),
    (
        r#"{"seen":{"203.0.113.77":3,"2001:db8:1:2::3":[1]},"n":3405803853}"#,
        r#"{"seen":{"203.0.113.0":3,"2001:db8:1::":[1]},"n":3405803853}"#,
    ),
    (
        r#"{"forwarded_for":"unknown, 203.0.113.77"}"#,
        r#"{"forwarded_for":"unknown, 203.0.113.0"}"#,
    ),
    (
        r#"{"Forwarded":"for=203.0.113.77;proto=http;by=203.0.113.43"}"#,
        r#"{"Forwarded":"for=203.0.113.0;proto=http;by=203.0.113.0"}"#,
    ),
    (r#"{"ip":"dead::beef"}"#, r#"{"ip":"dead::"}"#),
    (r#"{"ip":"203.0.113.77"}"#, r#"{"ip":"203.0.113.0"}"#),
    (r#"{"$ip":"203.0.113.77"}"#, r#"{"$ip":"203.0.113.0"}"#),
    (
        r#"{"visitor":"203.0.113.77"}"#,
        r#"{"visitor":"203.0.113.0"}"#,
    ),
    (
        r#"{"device":{"ip":"203.0.113.77","n":1}}"#,
        r#"{"device":{"ip":"203.0.113.0","n":1}}"#,
    ),
    (
        r#"{"ips":["203.0.113.77","::1",5]}"#,
        r#"{"ips":["203.0.113.0","::",5]}"#,
    ),
    (
        r#"{"a":[{"b":[["203.0.113.77"]]}]}"#,
        r#"{"a":[{"b":[["203.0.113.0"]]}]}"#,
    ),
    (
        r#"{"x-forwarded-for":"203.0.113.77, 198.51.100.9"}"#,
        r#"{"x-forwarded-for":"203.0.113.0, 198.51.100.0"}"#,
    ),
    (
        r#"{"forwarded":"for=203.0.113.77;for=\"[2001:db8:1:2::3]:80\""}"#,
        r#"{"forwarded":"for=203.0.113.0;for=\"[2001:db8:1::]:80\""}"#,
    ),
    (
        r#"{"remote_addr":"203.0.113.77:51234"}"#,
        r#"{"remote_addr":"203.0.113.0"}"#,
    ),
    (
        r#"{"remoteAddress":"[2001:db8:1:2::3]:443"}"#,
        r#"{"remoteAddress":"2001:db8:1::"}"#,
    ),
    (
        r#"{"i\u0070":"203\u002e0.113.77"}"#,
        r#"{"i\u0070":"203.0.113.0"}"#,
    ),
    (r#"{"ip":"::ffff:203.0.113.77"}"#, r#"{"ip":"203.0.113.0"}"#),
    (
        r#"{"ip":"2002:cb00:714d::1"}"#,
        r#"{"ip":"2002:cb00:7100::"}"#,
    ),
    (r#"{"ip":"fe80::1%eth0"}"#, r#"{"ip":"fe80::"}"#),
    (
        r#"{"ip": 3405803853 ,"n":3405803853}"#,
        r#"{"ip": 3405803776 ,"n":3405803853}"#,
    ),
    (
        r#"{"client_ip":"3405803853"}"#,
        r#"{"client_ip":"203.0.113.0"}"#,
    ),
    (
        r#"{"version":{"ip":"203.0.113.77"}}"#,
        r#"{"version":{"ip":"203.0.113.0"}}"#,
    ),
    (
        r#"{"x":[{"version":"1"},"203.0.113.77"]}"#,
        r#"{"x":[{"version":"1"},"203.0.113.0"]}"#,
    ),
    (
        r#"{"url":"https://x.example/?ip=203.0.113.77&b=1"}"#,
        r#"{"url":"https://x.example/?ip=203.0.113.0&b=1"}"#,
    ),
    (
        r#"{"q":"client_ip=2001%3Adb8%3A1%3A2%3A%3A3"}"#,
        r#"{"q":"client_ip=2001:db8:1::"}"#,
    ),
];

#[test]
fn addresses_are_cut_under_any_name_and_at_any_depth() {
    for (sent, expected) in CUT {
        assert_eq!(cut_addresses(sent), *expected, "{sent}");
    }
}

#[test]
fn text_that_only_looks_like_an_address_is_kept() {
    for sent in [
        "{}",
        r#"{"version":"10.0.19.4"}"#,
        r#"{"app":{"appVersion":"1.2.3.4"}}"#,
        r#"{"sdk_build":"1.2.3.4"}"#,
        r#"{"time":"12:30:45","date":"2024.03.01.1","mac":"aa:bb:cc:dd:ee:ff"}"#,
        r#"{"price":"1.234.567,00","ratio":"16:9","n":1.2}"#,
        r#"{"ip":"unknown","ip2":7,"ip3":1.5}"#,
        r#"{"url":"https://x.example/?v=1.2.3.4"}"#,
        r#"{"text":"we met at 10.20.30 near 1.2.3"}"#,
        r#"{"chrome":"126.0.6478.127","class":"Ad::Bed"}"#,
        r#"{"id":3405803853,"ip_count":12}"#,
    ] {
        let cut = cut_addresses(sent);
        assert!(matches!(cut, Cow::Borrowed(_)), "{sent}: {cut}");
    }
}

#[test]
fn addresses_in_free_text_are_truncated() {
    for (text, expected) in [
        ("Login from 203.0.113.77.", "Login from 203.0.113.0."),
        ("[2001:db8:1:2::3]:80", "[2001:db8:1::]:80"),
        ("a=203.0.113.77:80;b", "a=203.0.113.0;b"),
        ("12:30 at 1.5 euro", "12:30 at 1.5 euro"),
        ("Order Completed", "Order Completed"),
        (
            "Code: 117. DB::Exception: no",
            "Code: 117. DB::Exception: no",
        ),
        ("std::bad_alloc", "std::bad_alloc"),
        ("from abcd::ef now", "from abcd:: now"),
    ] {
        assert_eq!(cut_addresses_in_text(text), expected, "{text}");
    }
}

/// An address from a documentation network whose last bits must be removed.
fn address() -> impl Strategy<Value = (String, IpAddr)> {
    let v4 = (1..255_u8, 1..255_u8).prop_map(|(c, d)| IpAddr::from([203, 0, c, d]));
    let v6 = any::<[u16; 5]>().prop_map(|rest| {
        let [d, e, f, g, h] = rest;
        IpAddr::from([0x2001, 0xdb8, 0x1234, d | 1, e, f, g, h | 1])
    });
    let mapped =
        (1..255_u8).prop_map(|d| IpAddr::V6(Ipv4Addr::new(203, 0, 113, d).to_ipv6_mapped()));
    let six_to_four = (1..255_u8)
        .prop_map(|d| IpAddr::from([0x2002, 0xcb00, 0x7100 | u16::from(d), 0, 0, 0, 0, 1]));
    (prop_oneof![v4, v6, mapped, six_to_four], 0..5).prop_map(|(address, form)| {
        let text = match (form, address) {
            (1, IpAddr::V4(_)) => format!("{address}:8080"),
            (1, IpAddr::V6(_)) => format!("[{address}]:8080"),
            (2, _) => format!(" {address}"),
            (3, IpAddr::V6(_)) => format!("{address}%eth0"),
            (4, _) => format!("{address}, {address}"),
            _ => address.to_string(),
        };
        (text, address)
    })
}

/// Puts a value into objects and arrays.
fn nested() -> impl Strategy<Value = (Value, IpAddr)> {
    let name = prop::sample::select(vec![
        "ip",
        "$ip",
        "user",
        "a.b",
        "clientIp",
        "x-forwarded-for",
        "n\u{e9}",
    ]);
    (
        address(),
        prop::collection::vec(prop::option::of(name), 1..6),
    )
        .prop_map(|((text, address), levels)| {
            let wrap = |inner: Value, level: Option<&str>| match level {
                Some(name) => json!({ "before": "1.5", name: inner, "after": [null, 2] }),
                None => json!([inner, "x"]),
            };
            let value = levels.into_iter().fold(Value::from(text), wrap);
            (json!({ "properties": value }), address)
        })
}

proptest! {
    #[test]
    fn an_address_is_truncated_at_any_place((value, address) in nested()) {
        let cut = cut_addresses(&value.to_string()).into_owned();
        prop_assert!(!cut.contains(&address.to_string()), "{cut}");
        prop_assert!(cut.contains(&truncate_address(address).to_string()), "{cut}");
        let read: Value = serde_json::from_str(&cut).expect("valid JSON");
        let again = cut_addresses(&cut).into_owned();
        prop_assert_eq!(&again, &cut);
        prop_assert!(read.is_object());
    }

    #[test]
    fn any_object_stays_an_object(
        name in "\\PC{0,12}",
        text in "\\PC{0,40}|[0-9a-f.:%\\[\\],; =\"-]{0,40}",
    ) {
        let sent = json!({ name.as_str(): [text.as_str(), { "ip": text.as_str() }] }).to_string();
        let cut = cut_addresses(&sent).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&cut).is_ok(), "{sent}: {cut}");
        let once = cut_addresses_in_text(&text).into_owned();
        prop_assert_eq!(cut_addresses_in_text(&once), once.as_str());
    }
}
