//! Keys are found however they are written, and nothing else is mistaken for one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::*;

const KEY: &str = "ew_Zk3JqPz81mYwNtR0aXuVbCdEfGhIjK2L";

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unicode(text: &str) -> String {
    text.bytes().map(|byte| format!("\\u{byte:04x}")).collect()
}

/// Returns the ways to write a key, each with the part of it that reveals the key.
fn spellings(key: &str) -> Vec<(String, String)> {
    let some = |escape: fn(&str) -> String| {
        let (first, rest) = key.split_at(1);
        format!("{}{rest}", escape(first))
    };
    let whole = [
        key.to_owned(),
        percent(key),
        unicode(key),
        some(percent),
        some(unicode),
        key.replace('_', "%5F"),
        key.replace('_', "%255f"),
        key.replace('_', "\\u005f"),
        // JSON nested in JSON, and a text that is percent-escaped twice within that.
        unicode(key).replace('\\', "\\\\"),
        unicode(&percent(key)),
        percent(&percent(key)),
    ];
    let mut spellings: Vec<_> = whole.map(|text| (text.clone(), text)).into();
    for before in ["", ":", "..", "user:", "name.of.user:"] {
        for behind in ["", ":", ":x", ":secret"] {
            let text = format!("{before}{key}{behind}");
            let telling = (before.len() * 4).div_ceil(3)..(before.len() + key.len()) * 4 / 3;
            let mut note = |encoded: String| {
                let telling = encoded.get(telling.clone()).expect("ASCII").to_owned();
                spellings.push((unicode(&encoded), unicode(&telling)));
                spellings.push((encoded.replace('=', "%3D"), telling.clone()));
                spellings.push((encoded, telling));
            };
            note(STANDARD.encode(&text));
            note(STANDARD_NO_PAD.encode(&text));
            note(URL_SAFE.encode(&text));
        }
    }
    spellings
}

/// Returns whether a revealing part of the key can still be read in `text`.
fn shows(text: &str, telling: &str) -> bool {
    // A dozen characters, however each is written.
    let length = match telling.as_bytes() {
        [b'\\', ..] => 12 * 6,
        [b'%', ..] => 12 * 3,
        _ => 12,
    };
    let parts = telling.as_bytes().windows(length);
    parts.into_iter().any(|part| {
        let part = std::str::from_utf8(part).expect("ASCII");
        text.contains(part)
    })
}

#[test]
fn a_key_is_masked_however_it_is_written_and_wherever_it_stands() {
    for key in [
        KEY,
        "er_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0u",
        "et_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaB",
    ] {
        for (spelling, telling) in spellings(key) {
            for (before, behind) in [
                ("", ""),
                (r#"{"url":"https://x.example/?writeKey="#, r#"&utm=a"}"#),
                (r#"{"headers":{"authorization":"Basic "#, r#""}}"#),
                (r#"{"note":"line\n"#, r#"\n"}"#),
                (r#"{"note":"line\u000a"#, r#"\u000a"}"#),
                (r#"{"note":"caf\u00e9 é "#, r#" €"}"#),
                ("%20", "%20"),
            ] {
                let text = format!("{before}{spelling}{behind}");
                let mut masked = text.clone().into_bytes();
                mask_keys(&mut masked);
                let masked = String::from_utf8(masked).expect("still text");
                assert!(!shows(&masked, &telling), "{text}\n{masked}");
                assert!(
                    masked.starts_with(before) && masked.ends_with(behind),
                    "{masked}"
                );
                if before.starts_with('{') {
                    serde_json::from_str::<serde_json::Value>(&masked).expect("still JSON");
                }
            }
        }
    }
}

#[test]
fn several_keys_in_one_text_are_all_masked() {
    let text = format!("{KEY} {KEY},{} {KEY}", STANDARD.encode(format!("{KEY}:")));
    let masked = without_keys(&text);
    assert!(
        !shows(&masked, KEY) && !shows(&masked, &STANDARD_NO_PAD.encode(KEY)),
        "{masked}"
    );
}

#[test]
fn keys_of_every_kind_are_masked() {
    for kind in ["ea", "ec", "ef", "ep", "er", "es", "et", "ew"] {
        let text = KEY.replacen("ew", kind, 1);
        assert_eq!(without_keys(&text), "*".repeat(KEY.len()), "{kind}");
    }
}

#[test]
fn ids_and_words_are_not_masked() {
    let long = "a".repeat(200);
    for text in [
        "user_d41d8cd98f00b204e9800998ecf8427e",
        "index_3F2504E04F8911D39A0C0305E82C3301aB",
        "er_d41d8cd98f00b204e9800998ecf8427e",
        "ew_short",
        "ex_Zk3JqPz81mYwNtR0aXuVbCdEfGhIjK2L",
        "https://shop.example/a/very/long/path/to/a/product/of/the/new_collection_of_2024/for_men?x=%2F",
        "IwAR0aQ1bZ2cY3dX4eW5fV6gU7hT8iS9jR0kQ1lP2mO3nN4oM5pL6qK7rJ8sI9tH0uG",
        &long,
        "%41%42%43%zz\\u00zz%",
        "\\",
        "%",
    ] {
        assert_eq!(without_keys(text), text);
    }
}

#[test]
fn a_key_behind_an_escape_is_masked_however_often_it_was_escaped() {
    const KEY: &str = "er_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0u";
    for slashes in 1..5 {
        for letter in ["n", "t", "r", "b", "f", "u000a"] {
            let text = format!("a{}{letter}{KEY} b", "\\".repeat(slashes));
            let masked = without_keys(&text);
            assert!(!masked.contains("0aB1cD2e"), "{text}: {masked}");
        }
    }
}

proptest! {
    #[test]
    fn texts_without_a_prefix_are_left_as_they_are(text in "[a-df-zA-Z0-9/+=%_\\\\\" -]{0,300}") {
        // Base64 may contain anything, but a key is unlikely.
        prop_assert_eq!(without_keys(&text), text.as_str());
    }

    #[test]
    fn no_bytes_make_the_search_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let length = bytes.len();
        mask_keys(&mut bytes);
        prop_assert_eq!(bytes.len(), length);
    }

    #[test]
    fn a_random_key_is_masked_in_every_spelling(
        kind in prop::sample::select(KINDS),
        letters in "[a-zA-Z0-9]{30}",
    ) {
        let key = format!("e{}_{letters}aB", char::from(kind));
        for (spelling, telling) in spellings(&key) {
            let masked = without_keys(&spelling).into_owned();
            prop_assert!(!shows(&masked, &telling), "{} {}", spelling, masked);
        }
    }
}
