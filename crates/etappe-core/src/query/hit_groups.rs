//! Groups ordered events into the hits of one unit after another.

use std::ops::ControlFlow;

use super::{CandidateQuery, Hit, Unit};

/// A visit ends after a gap of more than this many milliseconds.
const SESSION_GAP: i64 = 30 * 60 * 1000;

/// Why no further events are taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Stopped<B> {
    /// The visitor broke with this value.
    ByVisitor(B),
    /// The hits of a unit take more memory than they may.
    UnitTooLarge {
        /// The hash of the unit's id.
        unit: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The hits of the current unit.
///
/// Every store that answers [`CandidateQuery`] pushes its events here, ordered by unit, time and
/// arrival, so that all of them group alike.
#[derive(Debug)]
pub struct HitGroups {
    unit: Option<u64>,
    hits: Vec<Hit>,
    /// Whether a hit of the unit meets a condition.
    has_match: bool,
    /// Whether to visit every unit, because there are no conditions.
    wants_all: bool,
    bytes: usize,
    last_at: i64,
    splits_sessions: bool,
    keeps_others: bool,
    limit: usize,
}

impl HitGroups {
    /// Creates empty groups for a query; a unit may use `limit` bytes.
    #[must_use]
    pub const fn new(query: &CandidateQuery, limit: usize) -> Self {
        Self {
            unit: None,
            hits: Vec::new(),
            has_match: false,
            wants_all: query.conditions.is_empty(),
            bytes: 0,
            last_at: 0,
            splits_sessions: matches!(query.unit, Unit::Session),
            keeps_others: query.include_others || query.conditions.is_empty(),
            limit,
        }
    }

    /// Takes the next event; if it starts another unit, visits the previous one.
    ///
    /// # Errors
    /// When the visitor breaks or the unit is too large.
    pub fn push<B>(
        &mut self,
        unit: u64,
        hit: Hit,
        visit: &mut impl FnMut(u64, &[Hit]) -> ControlFlow<B>,
    ) -> Result<(), Stopped<B>> {
        let at = hit.at.as_millis();
        let gap = self.splits_sessions && at.saturating_sub(self.last_at) > SESSION_GAP;
        if self.unit != Some(unit) || gap {
            self.finish(visit)?;
            self.unit = Some(unit);
        }
        self.last_at = at;
        if hit.conditions == 0 && !self.keeps_others {
            return Ok(());
        }
        self.bytes += size_of::<Hit>();
        for value in hit.dimensions.iter() {
            self.bytes += size_of::<Option<String>>() + value.as_ref().map_or(0, String::capacity);
        }
        if self.bytes > self.limit {
            let limit = self.limit;
            return Err(Stopped::UnitTooLarge { unit, limit });
        }
        self.has_match |= hit.conditions != 0;
        self.hits.push(hit);
        Ok(())
    }

    /// Visits the current unit, if it has a hit.
    ///
    /// # Errors
    /// When the visitor breaks.
    pub fn finish<B>(
        &mut self,
        visit: &mut impl FnMut(u64, &[Hit]) -> ControlFlow<B>,
    ) -> Result<(), Stopped<B>> {
        let wanted = self.has_match || self.wants_all;
        if let Some(unit) = self.unit.filter(|_| wanted && !self.hits.is_empty())
            && let ControlFlow::Break(value) = visit(unit, &self.hits)
        {
            return Err(Stopped::ByVisitor(value));
        }
        self.hits.clear();
        self.has_match = false;
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SiteId;
    use crate::query::{Bots, Condition, HitValues, Selector};
    use crate::time::Timestamp;

    fn query(unit: Unit, conditions: usize) -> CandidateQuery {
        let any = Condition {
            selector: Selector::Any,
            properties: Vec::new(),
        };
        CandidateQuery {
            site: SiteId::try_new("demo").unwrap(),
            unit,
            bots: Bots::Exclude,
            from: Timestamp::EPOCH,
            until: None,
            conditions: vec![any; conditions],
            include_others: false,
            dimensions: Vec::new(),
        }
    }

    fn hit(at: i64, conditions: u64) -> Hit {
        Hit {
            at: Timestamp::from_millis(at),
            conditions,
            dimensions: HitValues::default(),
        }
    }

    fn visited(query: &CandidateQuery, rows: &[(u64, i64, u64)]) -> Vec<(u64, usize)> {
        let mut grouping = HitGroups::new(query, 10_000);
        let mut units = Vec::new();
        let mut visit = |unit, hits: &[Hit]| {
            units.push((unit, hits.len()));
            ControlFlow::<()>::Continue(())
        };
        for (unit, at, conditions) in rows {
            let row = hit(*at, *conditions);
            grouping.push(*unit, row, &mut visit).unwrap();
        }
        grouping.finish(&mut visit).unwrap();
        units
    }

    #[test]
    fn units_without_a_match_are_not_visited() {
        let rows = [(1, 0, 1), (1, 5, 0), (2, 0, 0), (3, 0, 2)];
        assert_eq!(visited(&query(Unit::Actor, 2), &rows), [(1, 1), (3, 1)]);
        let mut with_others = query(Unit::Actor, 2);
        with_others.include_others = true;
        assert_eq!(visited(&with_others, &rows), [(1, 2), (3, 1)]);
        assert_eq!(
            visited(&query(Unit::Actor, 0), &rows),
            [(1, 2), (2, 1), (3, 1)]
        );
    }

    #[test]
    fn a_visit_ends_after_more_than_half_an_hour_of_silence() {
        let rows = [
            (1, 0, 1),
            (1, SESSION_GAP, 0),
            (1, 2 * SESSION_GAP, 1),
            (1, 3 * SESSION_GAP + 1, 1),
        ];
        assert_eq!(visited(&query(Unit::Session, 1), &rows), [(1, 2), (1, 1)]);
    }

    #[test]
    fn a_unit_beyond_the_limit_is_refused() {
        let mut grouping = HitGroups::new(&query(Unit::Actor, 1), 2 * size_of::<Hit>());
        let mut go_on = |_, _: &[Hit]| ControlFlow::<()>::Continue(());
        let mut push = |unit| grouping.push(unit, hit(0, 1), &mut go_on);
        assert!(push(1).is_ok() && push(1).is_ok() && push(2).is_ok() && push(2).is_ok());
        let limit = 2 * size_of::<Hit>();
        assert_eq!(push(2), Err(Stopped::UnitTooLarge { unit: 2, limit }));
    }

    #[test]
    fn no_unit_is_visited_after_the_one_that_broke() {
        let mut grouping = HitGroups::new(&query(Unit::Actor, 1), 10_000);
        let mut push =
            |unit| grouping.push(unit, hit(0, 1), &mut |unit, _| ControlFlow::Break(unit));
        assert!(push(1).is_ok());
        assert!(matches!(push(2), Err(Stopped::ByVisitor(1))));
    }
}
