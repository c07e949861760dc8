//! Patterns for event names: names, and globs in which `*` stands for any text.
//!
//! Two spellings of a name are equal after [`fold`]: lower case, spaces, hyphens, dots and
//! underscores treated alike, and leading, trailing and repeated white space dropped. Patterns are
//! folded once, names once per distinct name. Matching by words is in [`super::words`].

use std::fmt;
use std::sync::Arc;

use crate::event::tidy_name;

use super::words::{Meaning, Phrase, Words};

/// Writes `text` in lower case, with white space, hyphens and dots as underscores. Repeated white
/// space becomes one underscore; leading and trailing white space is dropped.
pub(super) fn fold(text: &str, folded: &mut String) {
    folded.clear();
    let mut after_space = false;
    for letter in text.trim().chars() {
        if letter.is_whitespace() {
            if !after_space {
                folded.push('_');
            }
            after_space = true;
            continue;
        }
        after_space = false;
        match letter {
            '-' | '.' => folded.push('_'),
            _ if letter.is_ascii() => folded.push(letter.to_ascii_lowercase()),
            _ => folded.extend(letter.to_lowercase()),
        }
    }
}

/// Returns the folded text.
pub(super) fn folded(text: &str) -> String {
    let mut into = String::with_capacity(text.len());
    fold(text, &mut into);
    into
}

/// Returns a piece of a pattern in the spelling of [`fold`], but keeps the white space at its ends:
/// the text that a star stands for may be adjacent to it.
pub(super) fn folded_piece(piece: &str) -> String {
    let trimmed = piece.trim();
    if trimmed.is_empty() {
        return if piece.is_empty() { "" } else { "_" }.to_owned();
    }
    let edge = |is_there: bool| if is_there { "_" } else { "" };
    let before = edge(!piece.starts_with(trimmed));
    let after = edge(!piece.ends_with(trimmed));
    format!("{before}{}{after}", folded(trimmed))
}

/// The text is not a valid pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPattern {
    /// It would match nothing or everything.
    #[error("a pattern cannot be empty")]
    Empty,
    /// A backslash quotes the next character, but there is none.
    #[error("the pattern ends in a backslash that escapes nothing")]
    DanglingBackslash,
    /// Only `*` and `\` are special, so nothing else may be quoted.
    #[error("a backslash may only precede `*` or another backslash")]
    UnknownEscape,
}

/// Text with `*` for any run of characters, including an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    written: Arc<str>,
    /// The text between the stars; one piece is a literal.
    pieces: Box<[Box<str>]>,
    /// Position and value of the last byte of the first piece; the value is 0 if that piece is
    /// empty.
    probe: (usize, u8),
    /// The bytes of all pieces.
    needs: ByteSet,
}

/// A set of byte values; values that differ by 64 are treated as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ByteSet(u64);

impl ByteSet {
    fn of(text: &str) -> Self {
        Self(text.bytes().fold(0, |set, byte| set | 1 << (byte % 64)))
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn includes(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

/// An event's name in the forms that patterns are compared with.
#[derive(Debug)]
pub(super) struct Name<'n> {
    exact: &'n str,
    folded: &'n str,
    words: &'n Words,
    bytes: ByteSet,
}

impl<'n> Name<'n> {
    /// Creates a name from its text, the result of [`fold`], and its words.
    pub(super) fn new(exact: &'n str, folded: &'n str, words: &'n Words) -> Self {
        Self {
            exact,
            folded,
            words,
            bytes: ByteSet::of(exact).with(ByteSet::of(folded)),
        }
    }

    /// Returns whether one of the phrases is among the name's words.
    pub(super) fn has_words(&self, phrases: &[Phrase]) -> bool {
        self.words.has_any(phrases)
    }

    /// Returns whether the folded name matches.
    pub(super) fn is_like(&self, glob: &Glob) -> bool {
        self.bytes.includes(glob.needs) && glob.matches(self.folded)
    }
}

impl Glob {
    /// Parses a pattern; `spelling` is applied to each literal piece.
    pub(super) fn parse(text: &str, spelling: fn(&str) -> String) -> Result<Self, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern::Empty);
        }
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => match letters.next() {
                    Some(quoted @ ('*' | '\\')) => piece.push(quoted),
                    Some(_) => return Err(BadPattern::UnknownEscape),
                    None => return Err(BadPattern::DanglingBackslash),
                },
                _ => piece.push(letter),
            }
        }
        pieces.push(piece);
        let last = pieces.len() - 1;
        let pieces = pieces
            .iter()
            .enumerate()
            // Two adjacent stars are one.
            .filter(|(at, piece)| *at == 0 || *at == last || !piece.is_empty())
            .map(|(_, piece)| spelling(piece).into_boxed_str())
            .collect::<Box<[_]>>();
        let first = pieces.first().map_or(&[][..], |first| first.as_bytes());
        let probe = first.last().map_or((0, 0), |byte| (first.len() - 1, *byte));
        Ok(Self {
            written: text.into(),
            needs: pieces
                .iter()
                .map(|piece| ByteSet::of(piece))
                .fold(ByteSet::default(), ByteSet::with),
            pieces,
            probe,
        })
    }

    /// Returns the text if the pattern has no star.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match &*self.pieces {
            [literal] => Some(literal),
            _ => None,
        }
    }

    /// Returns whether every text matches.
    pub(super) fn matches_everything(&self) -> bool {
        self.pieces.len() > 1 && self.pieces.iter().all(|piece| piece.is_empty())
    }

    /// Returns whether the whole of `text` matches; it must have the same spelling as the pattern's
    /// pieces.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (Some((first, rest)), last) = (self.pieces.split_first(), self.pieces.last()) else {
            return false;
        };
        // A cheap test: most texts differ from most patterns in this byte.
        let (at, byte) = self.probe;
        if byte != 0 && text.as_bytes().get(at) != Some(&byte) {
            return false;
        }
        let Some(last) = last.filter(|_| !rest.is_empty()) else {
            return text == &**first;
        };
        let Some(text) = text.strip_prefix(&**first) else {
            return false;
        };
        let Some(mut text) = text.strip_suffix(&**last) else {
            return false;
        };
        let middles = rest.get(..rest.len() - 1).unwrap_or_default();
        for piece in middles {
            match find_end(text, piece) {
                Some(end) => text = text.get(end..).unwrap_or_default(),
                None => return false,
            }
        }
        true
    }
}

/// Returns the position after the first occurrence of a piece. Both texts are short, so this is
/// faster than the standard search, which has a set-up cost.
fn find_end(text: &str, piece: &str) -> Option<usize> {
    let (text, piece) = (text.as_bytes(), piece.as_bytes());
    let first = piece.first()?;
    let last_start = text.len().checked_sub(piece.len())?;
    (0..=last_start)
        .find(|at| text[*at] == *first && text[*at..].starts_with(piece))
        .map(|at| at + piece.len())
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// How an event's name matched a pattern, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// Letter by letter.
    Exact,
    /// After lower-casing, with spaces, hyphens, dots and underscores treated alike.
    Normalised,
    /// By its words: an object, an action, and no unknown word.
    Words,
    /// By a pattern with `*`.
    Glob,
    /// The rule applies to any name.
    AnyName,
}

/// Whether a pattern also matches other spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Case and separators do not matter.
    Any,
    /// Only the spelling as written matches.
    Exact,
}

/// A vocabulary rule's pattern for event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamePattern {
    /// As written in the file.
    pub(super) written: Arc<str>,
    pub(super) form: NameForm,
}

/// The kinds of name pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NameForm {
    /// One name; `folded` is `None` if only this exact spelling matches.
    Name {
        exact: Box<str>,
        folded: Option<Box<str>>,
    },
    /// A glob over the folded name, or over the name itself for [`Spelling::Exact`].
    Glob { glob: Glob, spelling: Spelling },
    /// A meaning, by words in any order.
    Words(Arc<Meaning>),
    /// Every name.
    Any,
}

impl NamePattern {
    /// Parses a pattern as written in a file.
    pub(super) fn parse(text: &str, spelling: Spelling) -> Result<Self, BadPattern> {
        let plain = Glob::parse(text, str::to_owned)?;
        let form = if plain.matches_everything() {
            NameForm::Any
        } else if let Some(exact) = plain.as_literal() {
            NameForm::Name {
                exact: tidy_name(exact.into()).into(),
                folded: (spelling == Spelling::Any).then(|| folded(exact).into_boxed_str()),
            }
        } else {
            let glob = match spelling {
                Spelling::Exact => plain,
                Spelling::Any => Glob::parse(text, folded_piece)?,
            };
            NameForm::Glob { glob, spelling }
        };
        Ok(Self {
            written: text.into(),
            form,
        })
    }

    /// Returns the pattern of a rule that applies to any name.
    pub(super) fn any() -> Self {
        Self {
            written: "*".into(),
            form: NameForm::Any,
        }
    }

    /// Returns the pattern as written, unless it is a words pattern.
    pub(super) fn written_name(&self) -> Option<&str> {
        (!matches!(self.form, NameForm::Words(_))).then_some(&*self.written)
    }

    /// Returns how `name` matches.
    pub(super) fn matches(&self, name: &Name<'_>) -> Option<NameMatch> {
        match &self.form {
            NameForm::Name { exact, folded } => {
                if **exact == *name.exact {
                    Some(NameMatch::Exact)
                } else {
                    let same = folded.as_deref() == Some(name.folded);
                    same.then_some(NameMatch::Normalised)
                }
            }
            NameForm::Glob { glob, spelling } => {
                let text = match spelling {
                    Spelling::Any => name.folded,
                    Spelling::Exact => name.exact,
                };
                let matches = name.bytes.includes(glob.needs) && glob.matches(text);
                matches.then_some(NameMatch::Glob)
            }
            NameForm::Words(meaning) => meaning.fits(name.words).then_some(NameMatch::Words),
            NameForm::Any => Some(NameMatch::AnyName),
        }
    }

    /// Returns whether everything that `other` matches is matched here at least as strongly; sound
    /// but not complete.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.form, &other.form) {
            (NameForm::Any, NameForm::Any) => true,
            (
                NameForm::Name { exact, folded },
                NameForm::Name {
                    exact: other_exact,
                    folded: other_folded,
                },
            ) => match (folded, other_folded) {
                // A different spelling matches the other rule exactly, and therefore before this
                // one.
                (_, Some(_)) => exact == other_exact && folded.is_some(),
                (_, None) => exact == other_exact,
            },
            (
                NameForm::Glob { glob, spelling },
                NameForm::Glob {
                    glob: other_glob,
                    spelling: other_spelling,
                },
            ) => spelling == other_spelling && glob.pieces == other_glob.pieces,
            (NameForm::Words(meaning), NameForm::Words(other)) => meaning == other,
            (
                NameForm::Any | NameForm::Name { .. } | NameForm::Glob { .. } | NameForm::Words(_),
                _,
            ) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_texts() {
        let cases = [
            ("purchase*", "purchase", true),
            ("purchase*", "purchased", true),
            ("purchase*", "repurchase", false),
            ("*search*", "products_searched", true),
            ("*invite*sent", "invite_was_sent", true),
            ("*invite*sent", "invitesent", true),
            ("*invite*sent", "sent_invite", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "abbc", true),
            ("a*b*bc", "abc", false),
            ("a**c", "abc", true),
            ("*", "", true),
            (r"2\*3", "2*3", true),
            (r"2\*3", "2x3", false),
        ];
        for (pattern, text, expected) in cases {
            let glob = Glob::parse(pattern, str::to_owned).unwrap();
            assert_eq!(glob.matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_malformed_pattern_is_refused() {
        let parse = |text| Glob::parse(text, str::to_owned).unwrap_err();
        assert_eq!(parse(""), BadPattern::Empty);
        assert_eq!(parse(r"a\"), BadPattern::DanglingBackslash);
        assert_eq!(parse(r"\d+"), BadPattern::UnknownEscape);
    }

    #[test]
    fn names_match_exactly_and_then_normalised() {
        let pattern = NamePattern::parse("Order Completed", Spelling::Any).unwrap();
        let check = |name: &str| pattern.matches(&Name::new(name, &folded(name), &Words::of(name)));
        assert_eq!(check("Order Completed"), Some(NameMatch::Exact));
        assert_eq!(check("order-completed"), Some(NameMatch::Normalised));
        assert_eq!(check("ORDER_COMPLETED"), Some(NameMatch::Normalised));
        assert_eq!(check("order.completed"), Some(NameMatch::Normalised));
        assert_eq!(check("Order Completed "), Some(NameMatch::Normalised));
        assert_eq!(
            check("\u{a0}Order \t Completed\n"),
            Some(NameMatch::Normalised)
        );
        assert_eq!(check("ordercompleted"), None);
        let exact = NamePattern::parse("Subscribe", Spelling::Exact).unwrap();
        let words = Words::of("subscribe");
        let name = Name::new("subscribe", "subscribe", &words);
        assert_eq!(exact.matches(&name), None);
    }

    #[test]
    fn white_space_in_a_pattern_is_part_of_it() {
        let pattern = NamePattern::parse("Order * sent", Spelling::Any).unwrap();
        let check = |name: &str| pattern.matches(&Name::new(name, &folded(name), &Words::of(name)));
        assert_eq!(check("order  mail  sent "), Some(NameMatch::Glob));
        assert_eq!(check("orders sent"), None);
        assert_eq!(check("order mailsent"), None);
    }

    #[test]
    fn letters_outside_ascii_are_lowercased_too() {
        assert_eq!(folded("ÉÉN Stap-verder.Ω"), "één_stap_verder_ω");
    }
}
