//! One side of a comparison: its rounds, and the figures of two sides.

use super::super::report::Figure;
use crate::load::report::per_second;

/// The rounds of one side.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Events per second.
    pub(super) wall: Vec<f64>,
    /// Microseconds of our CPU time per event.
    pub(super) ours: Vec<f64>,
    /// The same for the process that works for us: an engine.
    pub(super) theirs: Vec<f64>,
}

/// The result of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) events: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    /// The CPU time of the process that works for us, if there is one.
    pub(super) their_cpu_seconds: Option<f64>,
}

impl Side {
    pub(super) fn add(&mut self, round: Round) {
        let micros = |seconds: f64| 1e6 / per_second(round.events, seconds);
        self.wall.push(per_second(round.events, round.seconds));
        self.ours.push(micros(round.cpu_seconds));
        self.theirs.extend(round.their_cpu_seconds.map(micros));
    }

    /// Returns the CPU time per event, of all processes together.
    fn cpu(&self) -> Vec<f64> {
        let theirs = self.theirs.iter().copied().chain(std::iter::repeat(0.0));
        let both = self.ours.iter().zip(theirs);
        both.map(|(ours, theirs)| ours + theirs).collect()
    }

    /// Returns the side's figures.
    pub(super) fn figures(&self, name: &str) -> Vec<Figure> {
        let mut figures = vec![
            Figure::of_rounds(name, &self.wall, "events/s"),
            Figure::of_rounds(format!("{name}: CPU of ours"), &self.ours, "µs/event"),
        ];
        if !self.theirs.is_empty() {
            let what = format!("{name}: CPU of the engine");
            figures.push(Figure::of_rounds(what, &self.theirs, "µs/event"));
        }
        figures
    }

    /// Compares `self`, which has a piece of the guarantee, with `without`.
    pub(super) fn compared(&self, without: &Self, piece: &str) -> Vec<Figure> {
        vec![
            Figure::ratio(
                format!("with {piece} to without: events/s"),
                &self.wall,
                &without.wall,
            ),
            Figure::ratio(
                format!("with {piece} to without: CPU of an event"),
                &self.cpu(),
                &without.cpu(),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_compared_round_by_round() {
        let (mut with, mut without) = (Side::default(), Side::default());
        for (side, seconds, cpu_seconds) in [(&mut with, 2.0, 1.0), (&mut without, 1.0, 0.5)] {
            side.add(Round {
                events: 1_000_000,
                seconds,
                cpu_seconds,
                their_cpu_seconds: Some(1.0),
            });
        }
        let figures = with.compared(&without, "x");
        assert!((figures[0].value - 0.5).abs() < 1e-9, "{figures:?}");
        assert!((figures[1].value - 2.0 / 1.5).abs() < 1e-9, "{figures:?}");
        assert_eq!(with.figures("y").len(), 3);
    }
}
