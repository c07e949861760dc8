//! Reads the client's country as stated by a proxy.

use etappe_core::country::code_of;
use http::{HeaderMap, HeaderName};

/// Returns the header names in a setting: separated by commas, with optional spaces.
fn names(setting: &str) -> impl Iterator<Item = &str> {
    setting
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// Returns the names in a setting that are not valid header names.
pub(crate) fn impossible_names(setting: &str) -> Vec<&str> {
    names(setting)
        .filter(|name| HeaderName::try_from(*name).is_err())
        .collect()
}

/// Returns the alpha-2 code of the country in the first of the headers that holds one.
///
/// If a header occurs more than once, the last line counts: a proxy that does not replace the
/// client's header appends its own. Proxies write `XX` or `T1` for an unknown country.
pub(crate) fn stated_country(headers: &HeaderMap, setting: &str) -> Option<&'static str> {
    names(setting).find_map(|name| {
        let value = headers.get_all(name).iter().next_back()?;
        code_of(value.to_str().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_last_line_of_the_first_header_with_a_country_counts() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("cf-ipcountry", "XX"),
            ("x-country-code", "DE"),
            ("x-country-code", "nl"),
            ("x-other", "FR"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let of = |setting| stated_country(&headers, setting);
        assert_eq!(of("CF-IPCountry, X-Country-Code,X-Other"), Some("NL"));
        assert_eq!(of("X-Other,X-Country-Code"), Some("FR"));
        assert_eq!(of("CF-IPCountry"), None);
        assert_eq!(of(""), None);
        assert_eq!(of("no name"), None);
    }

    #[test]
    fn invalid_header_names_are_reported() {
        assert_eq!(impossible_names("CF-IPCountry, x y,, ä"), ["x y", "ä"]);
        assert!(impossible_names("").is_empty());
    }
}
