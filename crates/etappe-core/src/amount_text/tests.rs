//! How amounts are read from text; no text may ever be read as a different amount.

use proptest::prelude::*;

use super::*;
use crate::currency::Currency;

fn amount(text: &str, code: &str) -> AmountText {
    let currencies = Currency::of_code(code).map(Currencies::One);
    AmountText::Amount(Amount::parse(text).expect("a number"), currencies)
}

/// Texts, the number that each stands for, and the currency beside it.
const READ: &[(&str, &str, &str)] = &[
    ("33,95", "33.95", ""),
    ("1.234,56", "1234.56", ""),
    ("1,234.56", "1234.56", ""),
    ("€20.00", "20", "EUR"),
    ("6,795.00", "6795", ""),
    ("6.795,00", "6795", ""),
    ("1 234,56", "1234.56", ""),
    ("1\u{a0}234,56", "1234.56", ""),
    ("1\u{202f}234\u{202f}567,89", "1234567.89", ""),
    ("1\u{2009}234", "1234", ""),
    ("1'234.50", "1234.5", ""),
    ("1’234’567", "1234567", ""),
    ("12.50-", "-12.5", ""),
    ("12,50-", "-12.5", ""),
    ("12,50 -", "-12.5", ""),
    ("−12,50", "-12.5", ""),
    ("+12,50", "12.5", ""),
    ("(12.50)", "-12.5", ""),
    ("(€12,50)", "-12.5", "EUR"),
    ("€(12,50)", "-12.5", "EUR"),
    ("(12,50 EUR)", "-12.5", "EUR"),
    ("(12,50) EUR", "-12.5", "EUR"),
    ("EUR 20", "20", "EUR"),
    ("eur20", "20", "EUR"),
    ("20 EUR", "20", "EUR"),
    ("20EUR", "20", "EUR"),
    ("20 euro", "20", "EUR"),
    ("€ 20,-", "20", "EUR"),
    ("20,-", "20", ""),
    ("20,- €", "20", "EUR"),
    ("20,--", "20", ""),
    ("20.– CHF", "20", "CHF"),
    ("20,= ", "20", ""),
    ("-20,-", "-20", ""),
    ("1.234,-", "1234", ""),
    ("1,234.-", "1234", ""),
    ("CHF 1'234.-", "1234", "CHF"),
    ("-€20", "-20", "EUR"),
    ("€-20", "-20", "EUR"),
    ("€ -20", "-20", "EUR"),
    ("- 20,00", "-20", ""),
    ("12.50- EUR", "-12.5", "EUR"),
    ("12.50 EUR-", "-12.5", "EUR"),
    ("-EUR 20,00", "-20", "EUR"),
    ("1,23,456.00", "123456", ""),
    ("1,23,456", "123456", ""),
    ("₹12,34,567.50", "1234567.5", "INR"),
    ("12,345,678", "12345678", ""),
    ("1.234.567", "1234567", ""),
    ("1.234.567,8", "1234567.8", ""),
    ("₹1,50,000/-", "150000", "INR"),
    ("1,500/-", "1500", ""),
    ("1_000.50", "1000.5", ""),
    ("0,123", "0.123", ""),
    ("0,5", "0.5", ""),
    (",50", "0.5", ""),
    ("€.50", "0.5", "EUR"),
    ("1,2", "1.2", ""),
    ("1,2345", "1.2345", ""),
    ("1234,567", "1234.567", ""),
    ("US$ 20", "20", "USD"),
    ("$20 USD", "20", "USD"),
    ("€20 EUR", "20", "EUR"),
    ("100 zł", "100", "PLN"),
    ("1 299,00 Kč", "1299", "CZK"),
    ("\u{200f}20,50 ₪\u{200f}", "20.5", "ILS"),
    ("١٬٢٣٤٫٥٠", "1234.5", ""),
    ("２０．５", "20.5", ""),
    // Plain numbers keep their meaning.
    ("1.234", "1.234", ""),
    ("20", "20", ""),
    (" 20.00 ", "20", ""),
    ("1e2", "100", ""),
    ("+5", "5", ""),
    (".5", "0.5", ""),
    ("5.", "5", ""),
];

#[test]
fn amounts_with_one_reading_are_read() {
    for (text, number, code) in READ {
        assert_eq!(read(text), amount(number, code), "{text}");
    }
}

#[test]
fn shared_signs_are_read_beside_the_amount() {
    for text in [
        "$20", "20 $", "$ 20.00", "-$20", "20 kr.", "kr. 20", "Rs. 500", "Rs.500",
    ] {
        let read = read(text);
        assert!(
            matches!(read, AmountText::Amount(_, Some(Currencies::OneOf(_)))),
            "{text}: {read:?}"
        );
    }
}

#[test]
fn amounts_with_two_readings_are_ambiguous() {
    for text in [
        "1,234",
        "12,345",
        "123,456",
        "€1.234",
        "1.234 EUR",
        "€ 1,234",
        "-1,234",
        "1,234-",
        "(1,234)",
        "1,000",
        "1.000 €",
    ] {
        assert_eq!(read(text), AmountText::Ambiguous, "{text}");
    }
}

/// Texts with digits that are not amounts.
const UNREADABLE: &[&str] = &[
    "12,34,56",
    "1,2,3",
    "1.2.3",
    "1..2",
    "1,,2",
    "1.234,56.78",
    "1.234,567,8",
    "20-30",
    "20 30",
    "2024-03-01",
    "12:30",
    "20%",
    "20 XYZ",
    "ABC 20",
    "€20 USD",
    "EUR-20",
    "20-USD",
    "EUR - 20",
    "--20",
    "-20-",
    "-(20)",
    "((20))",
    "(20",
    "20)",
    "20,",
    "20,-,-",
    "1,234,-",
    "1.234.-",
    "12.50/-",
    "1'23",
    "1 23",
    "1e2 EUR",
    "1e",
    "5e-",
    "0x10",
    "20 EUR 5",
    "twenty 20",
    "01,234.5,6",
    "#20",
    "20/3",
    "½ 5",
];

#[test]
fn text_that_is_not_an_amount_is_not_read() {
    for text in UNREADABLE {
        assert_eq!(read(text), AmountText::Unreadable, "{text}");
    }
    for text in [
        "",
        " ",
        "n/a",
        "free",
        "gratis",
        "€",
        "-",
        "()",
        ".",
        "NaN",
        "undefined",
    ] {
        assert_eq!(read(text), AmountText::NoDigits, "{text}");
    }
    assert_eq!(
        read(&format!("€{}", "1".repeat(200))),
        AmountText::Unreadable
    );
    assert_eq!(read("1e400"), AmountText::TooLarge);
    assert_eq!(read("9".repeat(60).as_str()), AmountText::TooLarge);
}

/// A local style of writing amounts.
#[derive(Debug, Clone, Copy)]
struct Style {
    group: &'static str,
    decimal: &'static str,
    is_indian: bool,
}

const STYLES: [Style; 12] = {
    const fn style(group: &'static str, decimal: &'static str) -> Style {
        Style {
            group,
            decimal,
            is_indian: false,
        }
    }
    [
        style(",", "."),
        style(".", ","),
        style(" ", ","),
        style("\u{a0}", ","),
        style("\u{202f}", ","),
        style("\u{2009}", "."),
        style("'", "."),
        style("’", ","),
        style("", "."),
        style("", ","),
        style("_", "."),
        Style {
            group: ",",
            decimal: ".",
            is_indian: true,
        },
    ]
};

fn written(whole: u64, fraction: &str, style: Style) -> String {
    let digits = whole.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        let left = digits.len() - index;
        let is_border = if style.is_indian {
            left == 3 || (left > 3 && left % 2 == 1)
        } else {
            left.is_multiple_of(3)
        };
        if index > 0 && is_border {
            text.push_str(style.group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push_str(style.decimal);
        text.push_str(fraction);
    }
    text
}

/// The text around a number, and whether it makes the number negative.
const FRAMES: [(&str, &str, bool); 12] = [
    ("", "", false),
    ("-", "", true),
    ("", "-", true),
    ("(", ")", true),
    ("€", "", false),
    ("€ ", "", false),
    ("-€", "", true),
    ("", " EUR", false),
    ("EUR ", "-", true),
    ("(", " EUR)", true),
    ("\u{200e}", " €\u{200e}", false),
    ("+", "", false),
];

proptest! {
    #[test]
    fn an_amount_in_any_style_is_read_exactly_or_ambiguous(
        whole in prop_oneof![0..2_000_u64, 0..10_000_000_000_u64],
        fraction in "|[0-9]{1,4}",
        style in 0..STYLES.len(),
        frame in 0..FRAMES.len(),
    ) {
        let (before, after, is_negative) = FRAMES[frame];
        let text = format!("{before}{}{after}", written(whole, &fraction, STYLES[style]));
        let sign = if is_negative { "-" } else { "" };
        let expected = Amount::parse(&format!("{sign}{whole}.{fraction}")).expect("a number");
        match read(&text) {
            AmountText::Amount(amount, _) => {
                // `1.234` on its own is a plain number, whatever the style.
                let is_plain_thousand = is_plain(trim_sign(&text)) && fraction.is_empty();
                prop_assert!(amount == expected || is_plain_thousand, "{text}: {amount}");
            }
            AmountText::Ambiguous => {
                let marks = text.chars().filter(|c| matches!(c, '.' | ',')).count();
                prop_assert_eq!(marks, 1, "{}", text);
            }
            other => prop_assert!(false, "{text}: {other:?}"),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        prop_assert_eq!(read(&text), read(&text));
    }

    #[test]
    fn text_of_digits_and_punctuation_never_panics(text in "[0-9.,' €$()+eE-]{0,24}") {
        if let AmountText::Amount(amount, _) = read(&text) {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let is_zero = digits.bytes().all(|digit| digit == b'0');
            prop_assert!(!is_zero || amount == Amount::default(), "{text}: {amount}");
        }
    }
}

fn trim_sign(text: &str) -> &str {
    text.trim_matches(['-', '+'])
}
