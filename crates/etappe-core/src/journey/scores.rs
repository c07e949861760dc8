//! Answers to "would you recommend us".

use crate::query::TimeRange;
use crate::time::Timestamp;

/// An answer of a known person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreRow {
    /// When it was given.
    pub at: Timestamp,
    /// From 0 to 10.
    pub score: u8,
}

/// How many answers gave each score from 0 to 10.
pub type ScoreCounts = [u64; 11];

/// All answers of a site, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Scores(Vec<ScoreRow>);

impl Scores {
    /// Takes all answers of a site, in any order.
    #[must_use]
    pub fn of(mut rows: Vec<ScoreRow>) -> Self {
        rows.sort_by_key(|row| row.at);
        Self(rows)
    }

    /// Returns the memory that they take.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.0.capacity() * size_of::<ScoreRow>()
    }

    /// Counts the answers of a range.
    #[must_use]
    pub fn counts(&self, range: TimeRange) -> ScoreCounts {
        let start = self.0.partition_point(|row| row.at < range.from);
        let end = self.0.partition_point(|row| row.at < range.to);
        let mut counts = ScoreCounts::default();
        for row in self.0.get(start..end).unwrap_or_default() {
            if let Some(count) = counts.get_mut(usize::from(row.score)) {
                *count += 1;
            }
        }
        counts
    }

    /// Counts the answers of each period; they begin at `starts`, the last of which is where the
    /// last period ends.
    pub fn periods<'a>(&'a self, starts: &'a [Timestamp]) -> impl Iterator<Item = ScoreCounts> {
        starts.windows(2).map(|pair| match pair {
            [from, to] => self.counts(TimeRange {
                from: *from,
                to: *to,
            }),
            _ => ScoreCounts::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_in_the_period_that_begins_at_its_instant() {
        let row = |(at, score)| ScoreRow {
            at: Timestamp::from_millis(at),
            score,
        };
        let rows = [(30, 9), (10, 10), (20, 0), (19, 10), (9, 5), (20, 0)];
        let scores = Scores::of(rows.map(row).to_vec());
        let starts = [10, 20, 30].map(Timestamp::from_millis);
        let periods: Vec<ScoreCounts> = scores.periods(&starts).collect();
        assert_eq!((periods[0][10], periods[0].iter().sum()), (2, 2));
        assert_eq!((periods[1][0], periods[1].iter().sum()), (2, 2));
    }
}
