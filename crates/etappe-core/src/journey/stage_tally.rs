//! Stock, moves and dwell of stages.
//!
//! A *stay* lasts from a person's first event in a stage to their first event in another one. A
//! *move* begins a stay.

use std::collections::BTreeMap;

use crate::funnel::DurationSamples;
use crate::kpi::{StageFigure, TransitionFigure, TransitionKind};
use crate::time::Timestamp;

/// A stage that events are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldStage {
    /// The stage's id.
    pub id: String,
    /// Its place in the model, from 1; two versions of a model can have stages of one place.
    pub ordinal: u8,
}

/// Sums up the stays of one person after another.
#[derive(Debug)]
pub struct StageTally {
    stages: Vec<HeldStage>,
    from: Timestamp,
    counts: Vec<Counts>,
    /// How often each move was made.
    moves: BTreeMap<Move, u64>,
    /// The stages that the person has held.
    held: Vec<bool>,
}

/// The stage left, the one entered, and the kind of move; a first stage has no other two.
type Move = (Option<usize>, usize, Option<TransitionKind>);

/// The counts of a stage.
#[derive(Debug, Clone, Default)]
struct Counts {
    stock: u64,
    entered: u64,
    left: u64,
    dwell: DurationSamples,
}

impl StageTally {
    /// Makes a tally of moves at `from` or later. Events name stages by their place in `stages`.
    #[must_use]
    pub fn new(stages: Vec<HeldStage>, from: Timestamp) -> Self {
        let number = stages.len();
        Self {
            stages,
            from,
            counts: vec![Counts::default(); number],
            moves: BTreeMap::new(),
            held: vec![false; number],
        }
    }

    /// Takes the events of a person that are in a stage, in order of time and arrival, from their
    /// first one to the end of the range.
    pub fn person(&mut self, events: impl Iterator<Item = (Timestamp, usize)>) {
        self.held.fill(false);
        let mut stay: Option<(Timestamp, usize)> = None;
        for (at, stage) in events {
            let before = stay.map(|(_, before)| before);
            if before == Some(stage) || stage >= self.stages.len() {
                continue;
            }
            if let Some((since, before)) = stay {
                self.end_stay(before, since, at);
            }
            self.count_move(before, stage, at);
            stay = Some((at, stage));
        }
        if let Some((_, stage)) = stay
            && let Some(counts) = self.counts.get_mut(stage)
        {
            counts.stock += 1;
        }
    }

    fn end_stay(&mut self, stage: usize, since: Timestamp, at: Timestamp) {
        if at < self.from {
            return;
        }
        if let Some(counts) = self.counts.get_mut(stage) {
            counts.left += 1;
            counts.dwell.record(at.millis_since(since));
        }
    }

    fn count_move(&mut self, before: Option<usize>, stage: usize, at: Timestamp) {
        let was_held = self
            .held
            .get_mut(stage)
            .is_some_and(|held| std::mem::replace(held, true));
        if at < self.from {
            return;
        }
        if let Some(counts) = self.counts.get_mut(stage) {
            counts.entered += 1;
        }
        let kind = before.map(|before| self.kind(before, stage, was_held));
        *self.moves.entry((before, stage, kind)).or_default() += 1;
    }

    fn kind(&self, before: usize, stage: usize, was_held: bool) -> TransitionKind {
        let ordinal = |stage: usize| self.stages.get(stage).map_or(0, |stage| stage.ordinal);
        let (before, stage) = (ordinal(before), ordinal(stage));
        if was_held {
            TransitionKind::Revisit
        } else if stage > before.saturating_add(1) {
            TransitionKind::Skip
        } else if stage > before {
            TransitionKind::Progress
        } else {
            TransitionKind::Regress
        }
    }

    /// Returns the figures of the stages in `order`, and the moves by the names of their stages.
    /// With more than a million stays that ended in a stage, its percentiles are accurate to within
    /// 1/64.
    #[must_use]
    pub fn finish(self, order: &[String]) -> (Vec<StageFigure>, Vec<TransitionFigure>) {
        let figure = |id: &String| {
            let place = self.stages.iter().position(|stage| stage.id == *id);
            let counts = place.and_then(|place| self.counts.get(place));
            let counts = counts.cloned().unwrap_or_default();
            let dwell = counts.dwell.summary();
            StageFigure {
                stage: id.clone(),
                stock: counts.stock,
                entered: counts.entered,
                left: counts.left,
                dwell_p50_s: dwell.map(|dwell| dwell.p50_s),
                dwell_p90_s: dwell.map(|dwell| dwell.p90_s),
                open: counts.stock,
            }
        };
        let figures = order.iter().map(figure).collect();
        let name = |stage: usize| {
            let stage = self.stages.get(stage);
            stage.map_or_else(String::new, |stage| stage.id.clone())
        };
        let moves = self
            .moves
            .iter()
            .map(|((from, to, kind), count)| TransitionFigure {
                from: from.map(name),
                to: name(*to),
                kind: *kind,
                count: *count,
            });
        let mut moves: Vec<TransitionFigure> = moves.collect();
        moves.sort_by_cached_key(|figure| {
            let kind = figure.kind.map(TransitionKind::as_str);
            (figure.from.clone(), figure.to.clone(), kind)
        });
        (figures, moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn tally(from: i64, people: &[&[(i64, usize)]]) -> (Vec<StageFigure>, Vec<TransitionFigure>) {
        let stages = [("low", 1), ("middle", 2), ("high", 4)].map(|(id, ordinal)| HeldStage {
            id: id.to_owned(),
            ordinal,
        });
        let mut tally = StageTally::new(stages.to_vec(), at(from));
        for person in people {
            tally.person(person.iter().map(|(seconds, stage)| (at(*seconds), *stage)));
        }
        tally.finish(&["low", "middle", "top", "high"].map(str::to_owned))
    }

    fn listed(moves: &[TransitionFigure]) -> Vec<(&str, &str, &str, u64)> {
        let listed = moves.iter().map(|figure| {
            let from = figure.from.as_deref().unwrap_or("");
            let kind = figure.kind.map_or("", TransitionKind::as_str);
            (from, figure.to.as_str(), kind, figure.count)
        });
        listed.collect()
    }

    #[test]
    fn every_kind_of_move_is_told_apart() {
        let way = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 1), (5, 0), (6, 2)];
        let (figures, moves) = tally(0, &[&way, &[(9, 1), (10, 0)]]);
        assert_eq!(
            listed(&moves),
            [
                ("", "low", "", 1),
                ("", "middle", "", 1),
                ("high", "middle", "revisit", 1),
                ("low", "high", "revisit", 1),
                ("low", "middle", "progress", 1),
                ("middle", "high", "skip", 1),
                ("middle", "low", "regress", 1),
                ("middle", "low", "revisit", 1),
            ]
        );
        let stocks: Vec<u64> = figures.iter().map(|figure| figure.stock).collect();
        assert_eq!(stocks, [1, 0, 0, 1]);
        assert_eq!(
            figures[2],
            StageFigure {
                stage: "top".to_owned(),
                ..StageFigure::default()
            }
        );
    }

    #[test]
    fn moves_before_the_range_count_for_where_people_are_only() {
        let (figures, moves) = tally(10, &[&[(0, 0), (4, 1), (10, 2), (20, 1)], &[(3, 0)]]);
        assert_eq!(
            listed(&moves),
            [
                ("high", "middle", "revisit", 1),
                ("middle", "high", "skip", 1)
            ]
        );
        let middle = &figures[1];
        assert_eq!((middle.stock, middle.entered, middle.left), (1, 1, 1));
        assert_eq!(middle.dwell_p50_s, Some(6.0));
        assert_eq!(figures[0].stock, 1);
        assert_eq!(figures[0].left, 0);
        assert_eq!(figures[0].dwell_p50_s, None);
    }
}
