//! What a user agent says: the kind of device, and whether a program sent it.
//!
//! Only `context.userAgent` is judged; the header of the request is the sender's own program for
//! everything that comes from a server. The list is ours, short, and names what is seen often. It
//! leaves out what apps for people are made with (okhttp, Dalvik, CFNetwork, Dart), and it looks
//! at what stands around `bot`, because there are phones called Cubot.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::known::{KnownContext, KnownProperties};
use super::pick::pick;
use super::{EventFacts, first_text, text_of};

/// What a piece of a user agent tells. Where several kinds of bot match, the first one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Fetches a page because a person asked an assistant about it.
    Assistant,
    /// Collects texts for a language model.
    Ai,
    /// Makes the preview of a shared link.
    Preview,
    /// Checks that a site is up or fast.
    Monitor,
    /// A browser without a person.
    Automation,
    /// A program's HTTP library.
    HttpLibrary,
    /// Reads sites for a search engine, an archive, a tool.
    Crawler,
    Television,
    Tablet,
    Android,
    Mobile,
    Desktop,
}

/// Where a piece must stand to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Start,
    /// The word ends here, and is not the phone maker Cubot's.
    BotWord,
}

/// Pieces of user agents, in lower case.
const PIECES: &[(&str, Sign, Place)] = &[
    ("chatgpt-user", Sign::Assistant, Place::Anywhere),
    ("claude-user", Sign::Assistant, Place::Anywhere),
    ("perplexity-user", Sign::Assistant, Place::Anywhere),
    ("mistralai-user", Sign::Assistant, Place::Anywhere),
    ("duckassistbot", Sign::Assistant, Place::Anywhere),
    ("gptbot", Sign::Ai, Place::Anywhere),
    ("oai-searchbot", Sign::Ai, Place::Anywhere),
    ("claudebot", Sign::Ai, Place::Anywhere),
    ("claude-searchbot", Sign::Ai, Place::Anywhere),
    ("anthropic-ai", Sign::Ai, Place::Anywhere),
    ("perplexitybot", Sign::Ai, Place::Anywhere),
    ("ccbot", Sign::Ai, Place::Anywhere),
    ("bytespider", Sign::Ai, Place::Anywhere),
    ("amazonbot", Sign::Ai, Place::Anywhere),
    ("meta-externalagent", Sign::Ai, Place::Anywhere),
    ("cohere-ai", Sign::Ai, Place::Anywhere),
    ("diffbot", Sign::Ai, Place::Anywhere),
    ("facebookexternalhit", Sign::Preview, Place::Anywhere),
    ("facebookcatalog", Sign::Preview, Place::Anywhere),
    ("twitterbot", Sign::Preview, Place::Anywhere),
    ("slackbot", Sign::Preview, Place::Anywhere),
    ("slack-imgproxy", Sign::Preview, Place::Anywhere),
    ("linkedinbot", Sign::Preview, Place::Anywhere),
    ("telegrambot", Sign::Preview, Place::Anywhere),
    ("discordbot", Sign::Preview, Place::Anywhere),
    ("pinterestbot", Sign::Preview, Place::Anywhere),
    ("redditbot", Sign::Preview, Place::Anywhere),
    ("skypeuripreview", Sign::Preview, Place::Anywhere),
    ("embedly", Sign::Preview, Place::Anywhere),
    ("iframely", Sign::Preview, Place::Anywhere),
    ("vkshare", Sign::Preview, Place::Anywhere),
    ("snap url preview", Sign::Preview, Place::Anywhere),
    ("bitlybot", Sign::Preview, Place::Anywhere),
    ("whatsapp/", Sign::Preview, Place::Start),
    ("uptimerobot", Sign::Monitor, Place::Anywhere),
    ("uptime-kuma", Sign::Monitor, Place::Anywhere),
    ("pingdom", Sign::Monitor, Place::Anywhere),
    ("statuscake", Sign::Monitor, Place::Anywhere),
    ("site24x7", Sign::Monitor, Place::Anywhere),
    (
        "googlestackdrivermonitoring",
        Sign::Monitor,
        Place::Anywhere,
    ),
    ("datadogsynthetics", Sign::Monitor, Place::Anywhere),
    ("newrelicpinger", Sign::Monitor, Place::Anywhere),
    ("checkly", Sign::Monitor, Place::Anywhere),
    ("chrome-lighthouse", Sign::Monitor, Place::Anywhere),
    ("gtmetrix", Sign::Monitor, Place::Anywhere),
    (" ptst/", Sign::Monitor, Place::Anywhere),
    ("blackbox exporter", Sign::Monitor, Place::Anywhere),
    ("kube-probe", Sign::Monitor, Place::Start),
    ("headless", Sign::Automation, Place::Anywhere),
    ("phantomjs", Sign::Automation, Place::Anywhere),
    ("puppeteer", Sign::Automation, Place::Anywhere),
    ("playwright", Sign::Automation, Place::Anywhere),
    ("selenium", Sign::Automation, Place::Anywhere),
    ("curl/", Sign::HttpLibrary, Place::Start),
    ("wget/", Sign::HttpLibrary, Place::Start),
    ("python-requests", Sign::HttpLibrary, Place::Anywhere),
    ("python-urllib", Sign::HttpLibrary, Place::Anywhere),
    ("python-httpx", Sign::HttpLibrary, Place::Anywhere),
    ("aiohttp/", Sign::HttpLibrary, Place::Anywhere),
    ("go-http-client", Sign::HttpLibrary, Place::Start),
    ("java/", Sign::HttpLibrary, Place::Start),
    ("java-http-client", Sign::HttpLibrary, Place::Start),
    ("apache-httpclient", Sign::HttpLibrary, Place::Start),
    ("libwww-perl", Sign::HttpLibrary, Place::Anywhere),
    ("guzzlehttp", Sign::HttpLibrary, Place::Start),
    ("node-fetch", Sign::HttpLibrary, Place::Start),
    ("axios/", Sign::HttpLibrary, Place::Start),
    ("undici", Sign::HttpLibrary, Place::Start),
    ("got (", Sign::HttpLibrary, Place::Start),
    ("postmanruntime", Sign::HttpLibrary, Place::Start),
    ("insomnia/", Sign::HttpLibrary, Place::Start),
    ("httpie/", Sign::HttpLibrary, Place::Start),
    ("faraday v", Sign::HttpLibrary, Place::Start),
    ("wordpress/", Sign::HttpLibrary, Place::Start),
    ("bot", Sign::Crawler, Place::BotWord),
    ("crawl", Sign::Crawler, Place::Anywhere),
    ("spider", Sign::Crawler, Place::Anywhere),
    ("slurp", Sign::Crawler, Place::Anywhere),
    ("scrapy", Sign::Crawler, Place::Anywhere),
    ("ia_archiver", Sign::Crawler, Place::Anywhere),
    ("httrack", Sign::Crawler, Place::Anywhere),
    ("mediapartners-google", Sign::Crawler, Place::Anywhere),
    ("google-inspectiontool", Sign::Crawler, Place::Anywhere),
    ("googleother", Sign::Crawler, Place::Anywhere),
    ("apis-google", Sign::Crawler, Place::Anywhere),
    ("feedfetcher", Sign::Crawler, Place::Anywhere),
    ("bingpreview", Sign::Crawler, Place::Anywhere),
    ("smart-tv", Sign::Television, Place::Anywhere),
    ("smarttv", Sign::Television, Place::Anywhere),
    ("appletv", Sign::Television, Place::Anywhere),
    ("googletv", Sign::Television, Place::Anywhere),
    ("android tv", Sign::Television, Place::Anywhere),
    ("ipad", Sign::Tablet, Place::Anywhere),
    ("tablet", Sign::Tablet, Place::Anywhere),
    ("kindle", Sign::Tablet, Place::Anywhere),
    ("android", Sign::Android, Place::Anywhere),
    ("mobi", Sign::Mobile, Place::Anywhere),
    ("iphone", Sign::Mobile, Place::Anywhere),
    ("ipod", Sign::Mobile, Place::Anywhere),
    ("windows phone", Sign::Mobile, Place::Anywhere),
    ("opera mini", Sign::Mobile, Place::Anywhere),
    ("windows nt", Sign::Desktop, Place::Anywhere),
    ("macintosh", Sign::Desktop, Place::Anywhere),
    ("x11;", Sign::Desktop, Place::Anywhere),
];

/// Kinds of bot in the order in which they count, with their names.
const BOTS: [(Sign, &str); 7] = [
    (Sign::Assistant, "assistant"),
    (Sign::Ai, "ai"),
    (Sign::Preview, "preview"),
    (Sign::Monitor, "monitor"),
    (Sign::Automation, "automation"),
    (Sign::HttpLibrary, "http-library"),
    (Sign::Crawler, "crawler"),
];

static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(PIECES.iter().map(|(piece, _, _)| piece))
        .expect("a hundred short constant pieces make a small automaton")
});

/// The signs found in a user agent.
#[derive(Debug, Clone, Copy, Default)]
struct Signs(u16);

impl Signs {
    fn find(user_agent: &str) -> Self {
        let mut signs = Self::default();
        for found in AUTOMATON.find_overlapping_iter(user_agent) {
            let Some((_, sign, place)) = PIECES.get(found.pattern().as_usize()) else {
                continue;
            };
            let counts = match place {
                Place::Anywhere => true,
                Place::Start => found.start() == 0,
                Place::BotWord => is_bot_word(user_agent.as_bytes(), found.start(), found.end()),
            };
            if counts {
                signs.0 |= 1 << (*sign as u16);
            }
        }
        signs
    }

    const fn has(self, sign: Sign) -> bool {
        self.0 & (1 << (sign as u16)) != 0
    }

    fn bot(self) -> &'static str {
        BOTS.iter()
            .find(|(sign, _)| self.has(*sign))
            .map_or("", |(_, name)| name)
    }

    /// Android tablets are told by what is missing: phones say `Mobile` in a browser.
    fn device(self, user_agent: &str) -> &'static str {
        if self.has(Sign::Television) {
            return "";
        }
        let says_mobile = self.has(Sign::Mobile);
        let is_browser = user_agent.starts_with("Mozilla/");
        if self.has(Sign::Tablet) || (self.has(Sign::Android) && is_browser && !says_mobile) {
            "tablet"
        } else if says_mobile || self.has(Sign::Android) {
            "mobile"
        } else if self.has(Sign::Desktop) {
            "desktop"
        } else {
            ""
        }
    }
}

/// Returns whether `bot` at these places ends a word that is not the phone maker's name.
fn is_bot_word(text: &[u8], start: usize, end: usize) -> bool {
    let goes_on = text.get(end).is_some_and(u8::is_ascii_alphabetic);
    let before = text.get(start.saturating_sub(2)..start).unwrap_or_default();
    !goes_on && !before.eq_ignore_ascii_case(b"cu")
}

/// Fills in the kinds of bot and device.
pub(super) fn fill<'a>(
    known: &KnownProperties<'a>,
    context: &KnownContext<'a>,
    facts: &mut EventFacts<'a>,
) {
    let user_agent = context.user_agent.map(text_of).unwrap_or_default();
    let signs = Signs::find(&user_agent);
    facts.bot = Cow::Borrowed(signs.bot());
    let named = named_device(known, context);
    facts.device = Cow::Borrowed(match named {
        "" => signs.device(&user_agent),
        named => named,
    });
}

/// Returns the kind of device that the sender named, or nothing.
fn named_device(known: &KnownProperties<'_>, context: &KnownContext<'_>) -> &'static str {
    let [kind, model] = context
        .device
        .and_then(|raw| pick(raw.get(), ["type", "model"]))
        .unwrap_or_default();
    let sent = first_text([kind, known.device.raw()]);
    let is = |name: &str| sent.eq_ignore_ascii_case(name);
    if is("desktop") {
        "desktop"
    } else if is("tablet") {
        "tablet"
    } else if is("mobile") || is("phone") || is("smartphone") || is("android") || is("ios") {
        let model = model.map(text_of).unwrap_or_default();
        if model.starts_with("iPad") {
            "tablet"
        } else {
            "mobile"
        }
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";

    #[test]
    fn programs_are_told_from_people() {
        let cases = [
            (CHROME, ""),
            (
                "Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 Chrome/120 Mobile",
                "",
            ),
            (
                "Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 Silk/108.4 like Chrome",
                "",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)", ""),
            ("okhttp/4.12.0", ""),
            ("MyShop/12 CFNetwork/1490.0.4 Darwin/23.2.0", ""),
            ("BOTIM/3.1 (iPhone)", ""),
            ("", ""),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "crawler",
            ),
            (
                "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
                "crawler",
            ),
            (
                "Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)",
                "ai",
            ),
            (
                "Mozilla/5.0 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
                "assistant",
            ),
            ("facebookexternalhit/1.1", "preview"),
            ("WhatsApp/2.23.20.0 A", "preview"),
            (
                "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
                "monitor",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0",
                "automation",
            ),
            ("curl/8.5.0", "http-library"),
            ("python-requests/2.31.0", "http-library"),
            ("Mozilla/5.0 (Macintosh) curl/ended here", ""),
        ];
        for (user_agent, expected) in cases {
            assert_eq!(Signs::find(user_agent).bot(), expected, "{user_agent}");
        }
    }

    #[test]
    fn devices_are_told_roughly() {
        let cases = [
            (CHROME, "desktop"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148",
                "mobile",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) Mobile/15E148",
                "tablet",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; SM-X700) Chrome/120 Safari/537.36",
                "tablet",
            ),
            (
                "Mozilla/5.0 (Linux; Android 13; Pixel 7) Chrome/120 Mobile Safari",
                "mobile",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)", "mobile"),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) Mobile", ""),
            ("curl/8.5.0", ""),
        ];
        for (user_agent, expected) in cases {
            assert_eq!(
                Signs::find(user_agent).device(user_agent),
                expected,
                "{user_agent}"
            );
        }
    }
}
