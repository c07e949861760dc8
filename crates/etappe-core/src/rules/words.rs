//! Names and values as words, and the meaning of the words together.
//!
//! A pattern with `*` cannot distinguish `purchase_completed` from `purchase_failed` without
//! listing one of them. So generic names are compared word by word: a [`Meaning`] requires its
//! object and its action, in any order, and every other word must be known to be harmless. A name
//! with an unknown word has no meaning; nothing is guessed.
//!
//! [`Words`] splits a text without allocating anything but the spelling, so that its buffer can be
//! reused for the next text.

use std::sync::Arc;

use hashbrown::HashSet;

/// The most words of a text; a longer text matches nothing by its words.
const MAX_WORDS: usize = 32;

/// A text split into words: lower case, without accents, digits and separators.
///
/// A new word begins after any character that is neither a letter nor a digit, between a letter and
/// a digit, and inside `orderPlaced` and `NPSScore`. A single small letter before a capital belongs
/// to the word: `iDEAL`, `eMail`.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    ends: [u16; MAX_WORDS],
    count: usize,
    is_too_long: bool,
    marks: Marks,
}

/// A Bloom filter of words with 64 bits: it is fast, and an unset bit proves that a word is
/// missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Marks(u64);

impl Marks {
    fn of(word: &str) -> Self {
        let hash = word.bytes().fold(word.len(), |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        Self(1 << (hash % 64))
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

impl Words {
    /// Splits a text.
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self::default();
        words.read(text);
        words
    }

    /// Splits another text, reusing the buffer.
    pub(super) fn read(&mut self, text: &str) {
        self.text.clear();
        self.count = 0;
        self.is_too_long = false;
        self.marks = Marks::default();
        let mut before = Letter::Separator;
        let mut letters = text
            .chars()
            .filter(|letter| !is_ignored(*letter))
            .peekable();
        while let Some(letter) = letters.next() {
            let now = Letter::of(letter);
            let starts = match (before, now) {
                (_, Letter::Separator | Letter::Digit) => {
                    self.end_word();
                    before = now;
                    continue;
                }
                (Letter::Small, Letter::Capital) => self.word_length() > 1,
                (Letter::Capital, Letter::Capital) => letters
                    .peek()
                    .is_some_and(|next| Letter::of(*next) == Letter::Small),
                _ => false,
            };
            if starts {
                self.end_word();
            }
            for small in letter.to_lowercase().filter(|small| !is_ignored(*small)) {
                self.text.push(without_accent(small));
            }
            before = now;
        }
        self.end_word();
    }

    fn word_length(&self) -> usize {
        self.text.len() - self.start(self.count)
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |end| usize::from(*end))
    }

    fn end_word(&mut self) {
        if self.word_length() == 0 {
            return;
        }
        let (Some(end), Ok(length)) = (
            self.ends.get_mut(self.count),
            u16::try_from(self.text.len()),
        ) else {
            // Text that does not fit is dropped, and the text is marked as too long.
            self.is_too_long = true;
            let start = self.start(self.count);
            self.text.truncate(start);
            return;
        };
        *end = length;
        self.count += 1;
        self.marks = self.marks.with(Marks::of(self.word(self.count - 1)));
    }

    fn word(&self, at: usize) -> &str {
        let end = self.ends.get(at).map_or(0, |end| usize::from(*end));
        self.text.get(self.start(at)..end).unwrap_or_default()
    }

    /// Iterates over the words.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.count).map(|at| self.word(at))
    }

    /// Returns whether one of the phrases is among the words.
    pub(super) fn has_any(&self, phrases: &[Phrase]) -> bool {
        phrases
            .iter()
            .any(|phrase| phrase.places(self).next().is_some())
    }

    /// Returns the words that are not in `used`.
    fn others(&self, used: u32) -> impl Iterator<Item = &str> {
        (0..self.count)
            .filter(move |at| used & (1 << at) == 0)
            .map(|at| self.word(at))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Separator,
    Digit,
    Small,
    Capital,
}

impl Letter {
    fn of(letter: char) -> Self {
        if letter.is_numeric() {
            Self::Digit
        } else if letter.is_uppercase() {
            Self::Capital
        } else if letter.is_alphabetic() {
            Self::Small
        } else {
            Self::Separator
        }
    }
}

/// Apostrophes do not end a word. A combining accent is dropped, just like the accent of a composed
/// letter.
const fn is_ignored(letter: char) -> bool {
    matches!(letter, '\'' | '\u{2019}' | '\u{300}'..='\u{36f}')
}

const fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        _ => letter,
    }
}

/// Consecutive words, mostly a single one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    words: Box<[Box<str>]>,
    marks: Marks,
}

impl Phrase {
    /// Splits a text into a phrase; `None` if it has no words, or too many.
    pub(super) fn of(text: &str) -> Option<Self> {
        let words = Words::of(text);
        if words.count == 0 || words.is_too_long {
            return None;
        }
        Some(Self {
            words: words.iter().map(Into::into).collect(),
            marks: words.marks,
        })
    }

    /// Returns the word if there is exactly one.
    pub(super) fn as_word(&self) -> Option<&str> {
        match &*self.words {
            [word] => Some(word),
            _ => None,
        }
    }

    /// Iterates over the occurrences of the phrase, each as the set of its words' positions.
    fn places<'w>(&'w self, words: &'w Words) -> impl Iterator<Item = u32> + 'w {
        let starts = if words.marks.includes(self.marks) {
            (words.count + 1).saturating_sub(self.words.len())
        } else {
            0
        };
        (0..starts)
            .filter(|start| {
                let mut here = self.words.iter().enumerate();
                here.all(|(at, word)| words.word(start + at) == &**word)
            })
            .map(|start| ((1 << self.words.len()) - 1) << start)
    }
}

impl std::fmt::Display for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// The words that a vocabulary defines for all its rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct CommonWords {
    /// Harmless words: they do not change the meaning of a name.
    pub(super) beside: HashSet<Box<str>>,
    /// Undoing words: they reverse it. They are listed so that a suggestion can name the obstacle.
    pub(super) undo: HashSet<Box<str>>,
}

/// A whole meaning: an object and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// For each part, the alternative phrases, of which one must occur; parts share no word of a
    /// name.
    pub(super) parts: Box<[Box<[Phrase]>]>,
    /// The index of the part that says what happened; a rule must have this part.
    pub(super) action: Option<usize>,
    /// Further words that are harmless here.
    pub(super) about: HashSet<Box<str>>,
    pub(super) common: Arc<CommonWords>,
}

/// How near a name is to a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Nearness {
    /// Every part is present, but also unknown words.
    WithUnknown(Vec<String>),
    /// Every part is present, but also undoing words.
    Undone(Vec<String>),
    /// The object is present, the action is not; with the undoing words, if any.
    WithoutAction(Vec<String>),
}

impl Meaning {
    /// Returns whether the words have this meaning and no other word matters.
    pub(super) fn fits(&self, words: &Words) -> bool {
        !words.is_too_long
            && place(&self.parts, words, 0, &mut |used| {
                words.others(used).all(|word| self.is_harmless(word))
            })
    }

    fn is_harmless(&self, word: &str) -> bool {
        self.common.beside.contains(word) || self.about.contains(word)
    }

    /// Returns the number of phrases for the action.
    pub(super) fn ways(&self) -> usize {
        let action = self.action.and_then(|at| self.parts.get(at));
        action.map_or(0, |phrases| phrases.len())
    }

    /// Returns how near the words are; `None` if they have a different object, or fit.
    pub(super) fn nearness(&self, words: &Words) -> Option<Nearness> {
        if words.is_too_long || self.fits(words) {
            return None;
        }
        let mut used_by_all = None;
        place(&self.parts, words, 0, &mut |used| {
            used_by_all = Some(used);
            true
        });
        let is_whole = used_by_all.is_some();
        let used = used_by_all.or_else(|| {
            let object = match (self.action?, &*self.parts) {
                (1, [object, _]) => object,
                _ => return None,
            };
            let mut places = object.iter().flat_map(|phrase| phrase.places(words));
            places.next()
        })?;
        let strange = || words.others(used).filter(|word| !self.is_harmless(word));
        let undoing: Vec<String> = strange()
            .filter(|word| self.common.undo.contains(*word))
            .map(str::to_owned)
            .collect();
        Some(match (is_whole, undoing.is_empty()) {
            (true, true) => Nearness::WithUnknown(strange().map(str::to_owned).collect()),
            (true, false) => Nearness::Undone(undoing),
            (false, _) => Nearness::WithoutAction(undoing),
        })
    }
}

/// Finds occurrences of all parts that share no word, and calls `accept` with the words used.
fn place(
    parts: &[Box<[Phrase]>],
    words: &Words,
    used: u32,
    accept: &mut dyn FnMut(u32) -> bool,
) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return accept(used);
    };
    part.iter().any(|phrase| {
        phrase
            .places(words)
            .any(|at| at & used == 0 && place(rest, words, used | at, accept))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_at_every_common_word_boundary() {
        let cases = [
            ("order_placed", "order placed"),
            ("Order Placed", "order placed"),
            ("orderPlaced", "order placed"),
            ("OrderPlaced", "order placed"),
            ("ORDER_PLACED", "order placed"),
            ("order-placed", "order placed"),
            ("order.placed", "order placed"),
            ("order:placed", "order placed"),
            ("shop/order/placed", "shop order placed"),
            ("  order \u{a0} placed\t", "order placed"),
            ("[Shop] Order — placed!", "shop order placed"),
            ("order2placed", "order placed"),
            ("Order #42 placed", "order placed"),
            ("GA4NPSScoreSent", "ga nps score sent"),
            ("iDEALBetaling", "ideal betaling"),
            ("iOSOrderPlaced", "ios order placed"),
            ("eMail sent", "email sent"),
            ("Enquête ingevuld", "enquete ingevuld"),
            ("Enque\u{302}te geüpgraded", "enquete geupgraded"),
            ("user's cart", "users cart"),
            ("404", ""),
            ("", ""),
            ("ΟΡΔΕΡ", "ορδερ"),
        ];
        for (text, expected) in cases {
            let words = Words::of(text);
            let found: Vec<_> = words.iter().collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn text_with_too_many_words_is_reported() {
        let many = "a b ".repeat(16);
        assert!(!Words::of(&many).is_too_long);
        let mut words = Words::of(&(many + "c"));
        assert!(words.is_too_long);
        assert_eq!(words.iter().count(), MAX_WORDS);
        words.read("order");
        assert!(!words.is_too_long);
        assert_eq!(words.iter().collect::<Vec<_>>(), ["order"]);
    }

    fn meaning(parts: &[&[&str]], beside: &[&str], undo: &[&str]) -> Meaning {
        let set = |words: &[&str]| words.iter().map(|word| Box::from(*word)).collect();
        Meaning {
            parts: parts
                .iter()
                .map(|part| part.iter().map(|text| Phrase::of(text).unwrap()).collect())
                .collect(),
            action: Some(parts.len() - 1),
            about: HashSet::new(),
            common: Arc::new(CommonWords {
                beside: set(beside),
                undo: set(undo),
            }),
        }
    }

    #[test]
    fn a_meaning_needs_all_its_parts_and_allows_no_unknown_word() {
        let meaning = meaning(
            &[&["order", "sign up"], &["placed", "order"]],
            &["the"],
            &["not"],
        );
        let fits = |text| meaning.fits(&Words::of(text));
        assert!(fits("order placed"));
        assert!(fits("placed the order"));
        assert!(fits("sign up placed"));
        assert!(fits("order order"), "each part has a word of its own");
        assert!(!fits("order"), "one word is not two parts");
        assert!(!fits("sign placed up"), "a phrase stays together");
        assert!(!fits("order placed elsewhere"));
        assert!(!fits("order not placed"));
        assert!(!fits(""));
    }

    #[test]
    fn the_word_that_prevents_a_match_is_reported() {
        let meaning = meaning(&[&["order"], &["placed"]], &["the"], &["not", "started"]);
        let near = |text| meaning.nearness(&Words::of(text));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(near("the order placed"), None);
        assert_eq!(
            near("acme order placed"),
            Some(Nearness::WithUnknown(words(&["acme"])))
        );
        assert_eq!(
            near("acme order not placed"),
            Some(Nearness::Undone(words(&["not"])))
        );
        assert_eq!(
            near("order started"),
            Some(Nearness::WithoutAction(words(&["started"])))
        );
        assert_eq!(near("order"), Some(Nearness::WithoutAction(Vec::new())));
        assert_eq!(near("placed"), None);
    }
}
