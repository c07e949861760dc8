//! Countries by their ISO 3166-1 codes and names.
//!
//! Senders write a country as `NL`, `nld`, `Netherlands` or `Nederland`; Etappe stores the alpha-2
//! code. Any other text is not a country.

use std::sync::LazyLock;

use hashbrown::HashMap;

/// Codes and names; the file states its sources.
const LIST: &str = include_str!("../../../config/countries.tsv");

/// The longest text that is looked up, in bytes.
const LONGEST: usize = 128;

static COUNTRIES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut countries = HashMap::new();
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let code = line.split('\t').next().unwrap_or_default();
        for spelling in line.split('\t') {
            countries.entry(folded(spelling)).or_insert(code);
        }
    }
    countries
});

/// Returns the alpha-2 code of the country that `text` names by a code or a name.
#[must_use]
pub fn code_of(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if let [a, b] = text.as_bytes() {
        let code = [a.to_ascii_lowercase(), b.to_ascii_lowercase()];
        return COUNTRIES.get(std::str::from_utf8(&code).ok()?).copied();
    }
    if text.len() < 2 || text.len() > LONGEST {
        return None;
    }
    let name = folded(text);
    let bare = name.strip_prefix("the");
    COUNTRIES
        .get(&*name)
        .or_else(|| COUNTRIES.get(bare?))
        .copied()
}

/// Returns the letters and digits of `text`, in lower case and without accents.
fn folded(text: &str) -> String {
    text.chars()
        .flat_map(char::to_lowercase)
        .filter_map(|letter| match letter {
            'á' | 'à' | 'ã' | 'å' | 'â' | 'ä' | 'ā' | 'ă' => Some('a'),
            'ç' | 'č' | 'ć' => Some('c'),
            'é' | 'è' | 'ê' | 'ë' | 'ē' => Some('e'),
            'í' | 'ì' | 'î' | 'ï' | 'ı' => Some('i'),
            'ñ' | 'ń' => Some('n'),
            'ó' | 'ò' | 'ô' | 'õ' | 'ö' => Some('o'),
            'š' | 'ś' => Some('s'),
            'ú' | 'ù' | 'û' | 'ü' => Some('u'),
            'ž' | 'ź' | 'ż' => Some('z'),
            other => other.is_alphanumeric().then_some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_by_its_codes_and_names() {
        let cases = [
            ("NL", "NL"),
            (" nl ", "NL"),
            ("NLD", "NL"),
            ("nld", "NL"),
            ("Netherlands", "NL"),
            ("The Netherlands", "NL"),
            ("Nederland", "NL"),
            ("HOLLAND", "NL"),
            ("UK", "GB"),
            ("el", "GR"),
            ("USA", "US"),
            ("U.S.A.", "US"),
            ("United States of America", "US"),
            ("België", "BE"),
            ("Belgie", "BE"),
            ("Belgie\u{308}", "BE"),
            ("Deutschland", "DE"),
            ("Cote d'Ivoire", "CI"),
            ("Côte d’Ivoire", "CI"),
            ("Korea, Republic of", "KR"),
            ("Czech Republic", "CZ"),
            ("Türkiye", "TR"),
            ("Turkey", "TR"),
            ("Viet Nam", "VN"),
            ("Bosnia and Herzegovina", "BA"),
            ("Kosovo", "XK"),
            ("日本", "JP"),
        ];
        for (sent, expected) in cases {
            assert_eq!(code_of(sent), Some(expected), "{sent}");
        }
    }

    #[test]
    fn text_that_is_not_a_country_has_no_code() {
        let long = "N".repeat(LONGEST + 1);
        for sent in [
            "",
            " ",
            "N",
            "XX",
            "T1",
            "A1",
            "AP",
            "EU",
            "ZZ",
            "ZZZ",
            "Atlantis",
            "the",
            "nl-NL",
            "--",
            "\u{0}\u{0}",
            "é",
            &long,
        ] {
            assert_eq!(code_of(sent), None, "{sent}");
        }
    }

    #[test]
    fn no_spelling_means_two_countries() {
        let mut owners = HashMap::new();
        let mut codes = Vec::new();
        for line in LIST.lines().filter(|line| !line.starts_with('#')) {
            let mut spellings = line.split('\t');
            let code = spellings.next().expect("a code");
            assert!(code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
            for spelling in line.split('\t') {
                let owner = *owners.entry(folded(spelling)).or_insert(code);
                assert_eq!(owner, code, "{spelling}");
                assert_eq!(code_of(spelling), Some(code), "{spelling}");
            }
            codes.push(code);
        }
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted());
    }
}
