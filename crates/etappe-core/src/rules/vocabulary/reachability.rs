//! Finds rules of a vocabulary that can never match because of an earlier rule.
//!
//! Only certain cases are reported: the same pattern under the same or fewer conditions. Across
//! vocabularies this is not a mistake but the way in which users override shipped rules.

use super::super::diagnostic::Report;
use super::super::pattern::NamePattern;
use super::VocabularyRule;

/// Reports rules and names that can never match.
pub(super) fn report_hidden(rules: &[VocabularyRule], report: &mut Report<'_>) {
    for (at, rule) in rules.iter().enumerate() {
        let earlier = rules.get(..at).unwrap_or_default();
        let hidden: Vec<_> = rule
            .names
            .iter()
            .filter_map(|name| Some((name, hiding_rule(name, rule, earlier)?)))
            .collect();
        if let [(_, by), ..] = hidden.as_slice()
            && hidden.len() == rule.names.len()
        {
            report.error_with(
                &rule.span,
                format!("rule `{}` is never reached", rule.id),
                format!("rule `{}` on line {} matches first", by.id, by.line),
            );
            continue;
        }
        for (name, by) in hidden {
            report.warn_with(
                &rule.span,
                format!("rule `{}` is never reached by `{}`", rule.id, name.written),
                format!("rule `{}` on line {} matches first", by.id, by.line),
            );
        }
        report_repeated(rule, report);
    }
}

fn report_repeated(rule: &VocabularyRule, report: &mut Report<'_>) {
    for (at, name) in rule.names.iter().enumerate() {
        if rule
            .names
            .iter()
            .take(at)
            .any(|earlier| earlier.form == name.form)
        {
            let message = format!("rule `{}` lists `{}` twice", rule.id, name.written);
            report.warn_with(&rule.span, message, None);
        }
    }
}

fn hiding_rule<'r>(
    name: &NamePattern,
    rule: &VocabularyRule,
    earlier: &'r [VocabularyRule],
) -> Option<&'r VocabularyRule> {
    earlier.iter().find(|candidate| {
        // Rules with conditions are tried before those without, whatever their position.
        candidate.predicates.is_empty() == rule.predicates.is_empty()
            && candidate.kinds.includes(rule.kinds)
            && (candidate.except.is_empty() || candidate.except == rule.except)
            && candidate
                .predicates
                .iter()
                .all(|p| rule.predicates.contains(p))
            && candidate.names.iter().any(|pattern| pattern.covers(name))
    })
}
