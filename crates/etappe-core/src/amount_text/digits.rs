//! The digits of an amount and their separators.
//!
//! Every reading of the separators is tried: each may separate decimals (once, and last) or groups
//! of digits. The text is a number if all possible readings agree.

/// A character between digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Dot,
    Comma,
    Space,
    Apostrophe,
    Underscore,
    ArabicThousands,
    ArabicDecimal,
}

/// Separators of decimals.
const DECIMAL_MARKS: [Separator; 3] = [Separator::Dot, Separator::Comma, Separator::ArabicDecimal];

/// Separators of groups of digits.
const GROUP_MARKS: [Separator; 6] = [
    Separator::Dot,
    Separator::Comma,
    Separator::Space,
    Separator::Apostrophe,
    Separator::Underscore,
    Separator::ArabicThousands,
];

/// The numbers that a text may stand for, as plain decimal text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    None,
    One(String),
    Several,
}

/// Returns the value of a decimal digit of Latin, Arabic, Persian, Devanagari, Bengali or
/// full-width script.
pub(super) fn value(c: char) -> Option<char> {
    const ZEROS: [char; 6] = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    ZEROS.into_iter().find_map(|zero| {
        let distance = u32::from(c).checked_sub(u32::from(zero))?;
        char::from_digit(distance, 10)
    })
}

/// Returns the separator that `c` stands for, if any.
pub(super) fn separator(c: char) -> Option<Separator> {
    Some(match c {
        '.' | '\u{ff0e}' => Separator::Dot,
        ',' | '\u{ff0c}' => Separator::Comma,
        '\'' | '\u{2019}' | '\u{2bc}' | '\u{ff07}' => Separator::Apostrophe,
        '_' => Separator::Underscore,
        '\u{66c}' => Separator::ArabicThousands,
        '\u{66b}' => Separator::ArabicDecimal,
        space if space.is_whitespace() => Separator::Space,
        _ => return None,
    })
}

/// Digits between two separators.
#[derive(Debug, Default)]
struct Group {
    digits: String,
    /// The separator after the group; `None` for the last group.
    end: Option<Separator>,
}

/// Reads digits and separators. `decimal` is the decimal mark if the rest of the text already gave
/// it, as in `1.234,-`; the digits then contain no decimal mark.
pub(super) fn read(text: &str, decimal: Option<Separator>) -> Reading {
    let Some(groups) = groups(text) else {
        return Reading::None;
    };
    let whole = |group_mark| whole_number(&groups, group_mark);
    let mut found: Option<String> = None;
    let mut note = |number: String| match &found {
        Some(other) if *other != number => false,
        _ => {
            found = Some(number);
            true
        }
    };
    let group_marks = || {
        let named = GROUP_MARKS.into_iter().map(Some);
        std::iter::once(None).chain(named)
    };
    for group_mark in group_marks() {
        let is_decimal = group_mark.is_some() && group_mark == decimal;
        let number = whole(group_mark).filter(|_| !is_decimal);
        if number.is_some_and(|number| !note(number)) {
            return Reading::Several;
        }
        if decimal.is_some() {
            continue;
        }
        for decimal_mark in DECIMAL_MARKS {
            let number = with_decimals(&groups, group_mark, decimal_mark);
            if number.is_some_and(|number| !note(number)) {
                return Reading::Several;
            }
        }
    }
    found.map_or(Reading::None, Reading::One)
}

/// Splits the text at its separators. Returns `None` if two separators are adjacent or another
/// character occurs.
fn groups(text: &str) -> Option<Vec<Group>> {
    let mut groups = vec![Group::default()];
    for c in text.chars() {
        let last = groups.last_mut()?;
        if let Some(digit) = value(c) {
            last.digits.push(digit);
            continue;
        }
        let mark = separator(c)?;
        let may_begin = groups.len() == 1 && DECIMAL_MARKS.contains(&mark);
        let last = groups.last_mut()?;
        if last.digits.is_empty() && !may_begin {
            return None;
        }
        last.end = Some(mark);
        groups.push(Group::default());
    }
    groups
        .last()
        .is_some_and(|last| !last.digits.is_empty())
        .then_some(groups)
}

/// Returns the number if it has no decimals and `mark` between all of its groups.
fn whole_number(groups: &[Group], mark: Option<Separator>) -> Option<String> {
    let (last, others) = groups.split_last()?;
    let is_grouped = others
        .iter()
        .all(|group| group.end == mark && mark.is_some());
    let uses_mark = mark.is_none() || !others.is_empty();
    (is_grouped && uses_mark && are_groups(groups, mark)).then(|| {
        let digits = others
            .iter()
            .chain([last])
            .map(|group| group.digits.as_str());
        canonical(&digits.collect::<String>(), "")
    })
}

/// Returns the number if `decimal_mark` separates the last group, and `mark` all others.
fn with_decimals(
    groups: &[Group],
    mark: Option<Separator>,
    decimal_mark: Separator,
) -> Option<String> {
    let (fraction, whole) = groups.split_last()?;
    let (last, others) = whole.split_last()?;
    if last.end != Some(decimal_mark) || mark == Some(decimal_mark) {
        return None;
    }
    let is_grouped = others
        .iter()
        .all(|group| group.end == mark && mark.is_some());
    let uses_mark = mark.is_none() || !others.is_empty();
    (is_grouped && uses_mark && are_groups(whole, mark)).then(|| {
        let digits: String = whole.iter().map(|group| group.digits.as_str()).collect();
        canonical(&digits, &fraction.digits)
    })
}

/// Returns whether the groups have the sizes of thousands, or of Indian lakhs if a comma separates
/// them. A grouped number never begins with zero.
fn are_groups(groups: &[Group], mark: Option<Separator>) -> bool {
    let [first, rest @ ..] = groups else {
        return false;
    };
    let Some((last, middle)) = rest.split_last() else {
        return true;
    };
    let size = |group: &Group| group.digits.len();
    let begins_well = (1..=3).contains(&size(first)) && !first.digits.starts_with('0');
    let thousands = middle.iter().all(|group| size(group) == 3);
    let lakhs = mark == Some(Separator::Comma)
        && !middle.is_empty()
        && size(first) <= 2
        && middle.iter().all(|group| size(group) == 2);
    begins_well && size(last) == 3 && (thousands || lakhs)
}

/// Returns one spelling for equal numbers, without redundant zeros.
fn canonical(whole: &str, fraction: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}
