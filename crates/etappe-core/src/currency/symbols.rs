//! Signs and names that people write for a currency instead of its code.
//!
//! A text has a single code only if it stands for one currency. A sign that several countries use
//! has all their codes: it is accepted if the site's own currency is one of them; otherwise the
//! sender gets a warning.

/// Currencies whose sign is a bare `$`.
const DOLLARS: &[&str] = &[
    "ARS", "AUD", "BBD", "BMD", "BND", "BSD", "BZD", "CAD", "CLP", "COP", "CUP", "DOP", "FJD",
    "GYD", "HKD", "JMD", "KYD", "LRD", "MXN", "NAD", "NZD", "SBD", "SGD", "SRD", "TTD", "TWD",
    "USD", "UYU", "XCD",
];

/// Currencies that are called dollar.
const CALLED_DOLLAR: &[&str] = &[
    "AUD", "BBD", "BMD", "BND", "BSD", "BZD", "CAD", "FJD", "GYD", "HKD", "JMD", "KYD", "LRD",
    "NAD", "NZD", "SBD", "SGD", "SRD", "TTD", "TWD", "USD", "XCD",
];

const PESOS: &[&str] = &["ARS", "CLP", "COP", "CUP", "DOP", "MXN", "PHP", "UYU"];
const POUNDS: &[&str] = &[
    "EGP", "FKP", "GBP", "GIP", "LBP", "SDG", "SHP", "SSP", "SYP",
];
const CROWNS: &[&str] = &["CZK", "DKK", "ISK", "NOK", "SEK"];
const KRONER: &[&str] = &["DKK", "ISK", "NOK", "SEK"];
const RUPEES: &[&str] = &["INR", "LKR", "MUR", "NPR", "PKR", "SCR"];
const FRANCS: &[&str] = &[
    "BEF", "BIF", "CDF", "CHF", "DJF", "FRF", "GNF", "KMF", "LUF", "RWF", "XAF", "XOF", "XPF",
];
const LEI: &[&str] = &["MDL", "RON"];
const YEN_OR_YUAN: &[&str] = &["CNY", "JPY"];

/// Abbreviations that are written with a final dot. After any other text a dot is not part of it:
/// in `€.50` it is the decimal mark.
const ABBREVIATIONS: [&str; 8] = ["fr", "kr", "rp", "rs", "sfr", "грн", "лв", "руб"];

/// Strips the dot of an abbreviation; any other text is returned unchanged.
pub(super) fn without_dot(text: &str) -> &str {
    let short = text.strip_suffix('.').unwrap_or(text);
    let is_known = ABBREVIATIONS.contains(&short.to_lowercase().as_str());
    if is_known { short } else { text }
}

/// Lower-case texts, and the codes they may stand for.
///
/// `£` alone is the British pound: Egypt, Lebanon and Syria write theirs `E£`, `L£`, `S£` or with
/// letters. The word `pound` alone may be any of them. `C$` is the Canadian dollar, although
/// Nicaragua uses the same sign for its córdoba.
pub(super) const SYMBOLS: &[(&str, &[&str])] = &[
    ("$", DOLLARS),
    ("dollar", CALLED_DOLLAR),
    ("dollars", CALLED_DOLLAR),
    ("peso", PESOS),
    ("pesos", PESOS),
    ("us$", &["USD"]),
    ("u$s", &["USD"]),
    ("us dollar", &["USD"]),
    ("us dollars", &["USD"]),
    ("u.s. dollar", &["USD"]),
    ("u.s. dollars", &["USD"]),
    ("american dollar", &["USD"]),
    ("american dollars", &["USD"]),
    ("a$", &["AUD"]),
    ("au$", &["AUD"]),
    ("australian dollar", &["AUD"]),
    ("australian dollars", &["AUD"]),
    ("c$", &["CAD"]),
    ("ca$", &["CAD"]),
    ("can$", &["CAD"]),
    ("canadian dollar", &["CAD"]),
    ("canadian dollars", &["CAD"]),
    ("nz$", &["NZD"]),
    ("new zealand dollar", &["NZD"]),
    ("new zealand dollars", &["NZD"]),
    ("hk$", &["HKD"]),
    ("hong kong dollar", &["HKD"]),
    ("hong kong dollars", &["HKD"]),
    ("s$", &["SGD"]),
    ("sg$", &["SGD"]),
    ("singapore dollar", &["SGD"]),
    ("singapore dollars", &["SGD"]),
    ("nt$", &["TWD"]),
    ("mx$", &["MXN"]),
    ("mex$", &["MXN"]),
    ("r$", &["BRL"]),
    ("real brasileiro", &["BRL"]),
    ("brazilian real", &["BRL"]),
    ("€", &["EUR"]),
    ("euro", &["EUR"]),
    ("euros", &["EUR"]),
    ("£", &["GBP"]),
    ("£gb", &["GBP"]),
    ("gb£", &["GBP"]),
    ("pound", POUNDS),
    ("pounds", POUNDS),
    ("pound sterling", &["GBP"]),
    ("pounds sterling", &["GBP"]),
    ("british pound", &["GBP"]),
    ("british pounds", &["GBP"]),
    ("sterling", &["GBP"]),
    ("e£", &["EGP"]),
    ("¥", YEN_OR_YUAN),
    ("jp¥", &["JPY"]),
    ("cn¥", &["CNY"]),
    ("yen", &["JPY"]),
    ("円", &["JPY"]),
    ("元", &["CNY"]),
    ("yuan", &["CNY"]),
    ("renminbi", &["CNY"]),
    ("rmb", &["CNY"]),
    ("₹", &["INR"]),
    ("indian rupee", &["INR"]),
    ("indian rupees", &["INR"]),
    ("₨", RUPEES),
    ("rs", RUPEES),
    ("rupee", RUPEES),
    ("rupees", RUPEES),
    ("₺", &["TRY"]),
    ("tl", &["TRY"]),
    ("turkish lira", &["TRY"]),
    ("₽", &["RUB"]),
    ("руб", &["RUB"]),
    ("₩", &["KRW"]),
    ("won", &["KRW"]),
    ("₪", &["ILS"]),
    ("₫", &["VND"]),
    ("₦", &["NGN"]),
    ("naira", &["NGN"]),
    ("₱", &["PHP"]),
    ("฿", &["THB"]),
    ("baht", &["THB"]),
    ("₴", &["UAH"]),
    ("грн", &["UAH"]),
    ("₸", &["KZT"]),
    ("₼", &["AZN"]),
    ("₾", &["GEL"]),
    ("₡", &["CRC"]),
    ("₲", &["PYG"]),
    ("₵", &["GHS"]),
    ("₭", &["LAK"]),
    ("₮", &["MNT"]),
    ("֏", &["AMD"]),
    ("৳", &["BDT"]),
    ("zł", &["PLN"]),
    ("zloty", &["PLN"]),
    ("złoty", &["PLN"]),
    ("złotych", &["PLN"]),
    ("kč", &["CZK"]),
    ("kr", KRONER),
    ("krona", CROWNS),
    ("kronor", &["SEK"]),
    ("krone", CROWNS),
    ("kroner", KRONER),
    ("ft", &["HUF"]),
    ("forint", &["HUF"]),
    ("лв", &["BGN"]),
    ("lei", LEI),
    ("leu", LEI),
    ("fr", FRANCS),
    ("franc", FRANCS),
    ("francs", FRANCS),
    ("sfr", &["CHF"]),
    ("swiss franc", &["CHF"]),
    ("swiss francs", &["CHF"]),
    ("rm", &["MYR"]),
    ("rp", &["IDR"]),
    ("r", &["ZAR"]),
    ("rand", &["ZAR"]),
    ("s/", &["PEN"]),
    ("ƒ", &["NLG"]),
    ("gulden", &["NLG"]),
];
