//! Apps that open pages in a browser of their own, recognised by its user agent.
//!
//! They often send no referrer, so their visitors would otherwise count as direct.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::source::{self, Source};

/// Parts of user agents, with the source that the app belongs to. If several match, the one that
/// begins first counts.
const PIECES: [(&str, &str); 28] = [
    ("Instagram ", "instagram"),
    ("Barcelona ", "threads"),
    ("FBAN/", "facebook"),
    ("FBAV/", "facebook"),
    ("FB_IAB/", "facebook"),
    ("[FB", "facebook"),
    ("LinkedInApp", "linkedin"),
    ("Twitter for ", "twitter"),
    ("TwitterAndroid", "twitter"),
    ("Pinterest/", "pinterest"),
    ("[Pinterest", "pinterest"),
    ("Snapchat/", "snapchat"),
    ("Snapchat ", "snapchat"),
    ("musical_ly", "tiktok"),
    ("TikTok", "tiktok"),
    ("BytedanceWebview", "tiktok"),
    ("ByteLocale", "tiktok"),
    ("Reddit/", "reddit"),
    ("MicroMessenger/", "wechat"),
    ("Weibo (", "weibo"),
    ("KAKAOTALK", "kakaotalk"),
    (" Line/", "line"),
    ("WhatsApp/", "whatsapp"),
    ("Telegram-Android/", "telegram"),
    ("Viber/", "viber"),
    (" GSA/", "google"),
    ("NAVER(inapp", "naver"),
    ("ChatGPT/", "chatgpt"),
];

static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .build(PIECES.iter().map(|(piece, _)| piece))
        .expect("a few short constant pieces make a small automaton")
});

/// Returns the source whose app showed a page, if the user agent is that app's browser.
pub(super) fn source_of(user_agent: &str) -> Option<&'static Source> {
    if !user_agent.starts_with("Mozilla/") {
        return None;
    }
    let found = AUTOMATON.find(user_agent)?;
    let (_, name) = PIECES.get(found.pattern().as_usize())?;
    source::of_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_agent_fragment_leads_to_a_source() {
        for (piece, name) in PIECES {
            let user_agent = format!("Mozilla/5.0 (iPhone) AppleWebKit/605{piece}1.0");
            let found = source_of(&user_agent).map(|source| &*source.name);
            assert_eq!(found, Some(name), "{piece}");
        }
    }

    #[test]
    fn browsers_and_programs_are_not_apps() {
        for user_agent in [
            "",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
            "WhatsApp/2.23.20.0 A",
            "facebookexternalhit/1.1",
        ] {
            assert_eq!(source_of(user_agent), None, "{user_agent}");
        }
    }
}
