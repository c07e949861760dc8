//! Finds an event's name in its values, for trackers whose events have no name of their own.
//!
//! A category and an action together describe what happened. So the first two values are tried as
//! one name before each is tried alone, and if one of them contains an undoing word such as
//! `failed` or `click`, it applies to the other as well. Further values are labels, such as a
//! product's name, and are judged alone.

use std::borrow::Cow;

use crate::event::Event;

use super::lookup::ValuePath;
use super::names::{Candidate, LONGEST_NAME};
use super::ruleset::RuleSet;
use super::words::Words;

/// Buffers for joining names, reused from event to event.
#[derive(Debug, Default)]
pub(super) struct InnerRoom {
    joined: String,
    words: Words,
}

/// A rule that matches a name found in the values.
#[derive(Debug)]
pub(super) struct InnerMatch<'p> {
    pub(super) candidate: Candidate,
    /// Where the name's parts were found.
    pub(super) paths: &'p [ValuePath],
}

/// Tries the values at `paths` as the event's name with `find`, until a rule matches.
pub(super) fn find_inner<'p>(
    rules: &RuleSet,
    event: &Event<'_>,
    paths: &'p [ValuePath],
    room: &mut InnerRoom,
    mut find: impl FnMut(&str) -> Option<Candidate>,
) -> Option<InnerMatch<'p>> {
    let pair = paths.get(..2).into_iter();
    let names = pair.chain(paths.chunks(1));
    for tried in names {
        let InnerRoom { joined, words } = &mut *room;
        let Some(name) = name_at(event, tried, joined) else {
            continue;
        };
        let Some(candidate) = find(&name) else {
            continue;
        };
        let spoken = paths.get(..2).unwrap_or(paths);
        let mut others = spoken.iter().filter(|path| !tried.contains(path));
        let is_undone = rules.rule(candidate).heeds_undoing
            && others.any(|path| {
                let text = path.find(event).and_then(|value| value.into_text());
                text.is_some_and(|text| undoes(rules, &text, words))
            });
        if !is_undone {
            let paths = tried;
            return Some(InnerMatch { candidate, paths });
        }
    }
    None
}

/// Returns the values at `paths` as one name, if all are present.
pub(super) fn name_at<'a>(
    event: &Event<'a>,
    paths: &[ValuePath],
    joined: &'a mut String,
) -> Option<Cow<'a, str>> {
    let text_at = |path: &ValuePath| path.find(event)?.into_text();
    if let [path] = paths {
        return text_at(path);
    }
    joined.clear();
    for path in paths {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&text_at(path)?);
    }
    Some(Cow::Borrowed(joined))
}

fn undoes(rules: &RuleSet, text: &str, words: &mut Words) -> bool {
    if text.len() > LONGEST_NAME {
        return false;
    }
    words.read(text);
    words.iter().any(|word| rules.undoing.contains(word))
}
