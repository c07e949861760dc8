//! Reads a user agent: the kind of device, and whether a bot sent it.
//!
//! Only `context.userAgent` is checked, because the request header of a server event names the
//! sender's own program. Common bots are listed in [`super::agent`] and matched as whole words.
//! Others call themselves bot, crawler or spider, but so do vacuum cleaners, phones and games: such
//! a word counts only together with something that only bots say.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::agent::{Boundary, PIECES, Sign};
use super::known::{KnownContext, KnownProperties};
use super::pick::pick;
use super::{EventFacts, first_text, text_of};

/// Kinds of bot in order of precedence, with their names.
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
        .expect("two hundred short constant pieces make a small automaton")
});

/// The signs found in a user agent.
#[derive(Debug, Clone, Copy, Default)]
struct Signs(u32);

impl Signs {
    fn find(user_agent: &str) -> Self {
        let text = user_agent.as_bytes();
        let mut signs = Self::default();
        for found in AUTOMATON.find_overlapping_iter(user_agent) {
            let Some((_, sign, boundary)) = PIECES.get(found.pattern().as_usize()) else {
                continue;
            };
            let (start, end) = (found.start(), found.end());
            let counts = match boundary {
                Boundary::Anywhere => true,
                Boundary::Start => start == 0,
                Boundary::Whole => start == 0 && end == text.len(),
                Boundary::Word => is_whole_word(text, start, end),
                Boundary::WordEnd => !goes_on(text, end),
            };
            if counts {
                signs.add(*sign);
            }
            if *sign == Sign::BotWord && counts && is_declared(text, start) {
                signs.add(Sign::Declared);
            }
        }
        if signs.has(Sign::BotWord) && signs.is_program(user_agent) {
            signs.add(Sign::Crawler);
        }
        signs
    }

    const fn add(&mut self, sign: Sign) {
        self.0 |= 1 << (sign as u32);
    }

    const fn has(self, sign: Sign) -> bool {
        self.0 & (1 << (sign as u32)) != 0
    }

    /// Returns whether a user agent that calls itself a bot is one: it names its owner's contact or
    /// claims to be compatible with browsers, or it shows no sign of a browser, a device or an app
    /// framework. `robot` counts as a sign of a device, because it is mostly a machine that an app
    /// controls.
    fn is_program(self, user_agent: &str) -> bool {
        let is_of_people = user_agent.starts_with("Mozilla/")
            || self.has(Sign::App)
            || self.has(Sign::Robot)
            || !self.device(user_agent).is_empty();
        self.has(Sign::Contact) || self.has(Sign::Declared) || !is_of_people
    }

    fn bot(self) -> &'static str {
        BOTS.iter()
            .find(|(sign, _)| self.has(*sign))
            .map_or("", |(_, name)| name)
    }

    /// Android tablets are recognised by the absence of `Mobile`, which phones send in a browser.
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

/// Returns whether the word continues at `end`.
fn goes_on(text: &[u8], end: usize) -> bool {
    text.get(end).is_some_and(u8::is_ascii_alphabetic)
}

/// Returns whether no letter or digit comes before and no letter follows; a piece that ends in a
/// symbol may be followed by a letter.
fn is_whole_word(text: &[u8], start: usize, end: usize) -> bool {
    let is_letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
    let follows = text
        .get(..start)
        .and_then(|before| before.last())
        .is_some_and(u8::is_ascii_alphanumeric);
    let is_cut = end > start && is_letter(end - 1) && is_letter(end);
    !follows && !is_cut
}

/// Returns whether the product name around this position follows `compatible;`.
fn is_declared(text: &[u8], start: usize) -> bool {
    let name_start = text
        .get(..start)
        .unwrap_or_default()
        .iter()
        .rposition(|byte| matches!(byte, b';' | b'('))
        .unwrap_or_default();
    let word: &[u8] = b"compatible";
    name_start
        .checked_sub(word.len())
        .and_then(|from| text.get(from..name_start))
        .is_some_and(|before| before.eq_ignore_ascii_case(word))
}

/// Fills in the kind of bot and the kind of device.
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

/// Returns the kind of device that the sender named, or an empty text.
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

    /// Lines of a kind of bot or `-`, a tab, and a user agent.
    const AGENTS: &str = include_str!("user_agents.tsv");

    #[test]
    fn bots_are_distinguished_from_people() {
        let mut counts = [0; 2];
        for line in AGENTS.lines().filter(|line| !line.starts_with('#')) {
            let (expected, user_agent) = line.split_once('\t').unwrap();
            let expected = expected.trim_start_matches('-');
            assert_eq!(Signs::find(user_agent).bot(), expected, "{user_agent}");
            counts[usize::from(expected.is_empty())] += 1;
        }
        let [programs, people] = counts;
        assert!(programs >= 30 && people >= 30, "{counts:?}");
        assert_eq!(Signs::find("").bot(), "");
    }

    #[test]
    fn devices_are_recognised_roughly() {
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
