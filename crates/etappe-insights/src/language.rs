//! The language of sentences in answers: the one that the caller prefers among those we write.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// A language that sentences are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// English, unless the caller prefers another.
    #[default]
    En,
    /// Dutch.
    Nl,
}

/// A text in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) en: &'static str,
    pub(crate) nl: &'static str,
}

impl Language {
    /// Returns what `Accept-Language` prefers; of equally good ones the first.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::En);
        let values = headers.get_all(ACCEPT_LANGUAGE).iter();
        for range in values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
        {
            let (tag, rest) = range.split_once(';').unwrap_or((range, ""));
            let quality = rest.trim().strip_prefix("q=");
            let quality: f32 = quality.map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
            let primary = tag.trim().split('-').next().unwrap_or_default();
            let language = match primary.to_ascii_lowercase().as_str() {
                "en" => Self::En,
                "nl" => Self::Nl,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// Returns the text in this language.
    pub(crate) const fn of<T: Copy>(self, en: T, nl: T) -> T {
        match self {
            Self::En => en,
            Self::Nl => nl,
        }
    }
}

impl Text {
    /// Returns the text in a language.
    pub(crate) const fn told(self, language: Language) -> &'static str {
        language.of(self.en, self.nl)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_most_wanted_language_that_is_written_is_preferred() {
        for (header, expected) in [
            ("nl", Language::Nl),
            ("nl-BE", Language::Nl),
            ("NL-nl,nl;q=0.9,en;q=0.8", Language::Nl),
            ("en;q=0.8, nl;q=0.9", Language::Nl),
            ("de, nl;q=0.1", Language::Nl),
            ("en, nl", Language::En),
            ("nl;q=0", Language::En),
            ("nl;q=high", Language::En),
            ("de", Language::En),
            ("*", Language::En),
            ("", Language::En),
        ] {
            let value = HeaderValue::from_static(header);
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, value)]);
            assert_eq!(Language::preferred(&headers), expected, "{header}");
        }
        assert_eq!(Language::preferred(&HeaderMap::new()), Language::En);
    }
}
