//! Explores every order in which steps of other threads can occur between those of the code under
//! test.
//!
//! At each [`point`] that the code passes, the script of a run may execute some of its steps. Which
//! ones is a choice. [`explore`] repeats a test until every choice was made.

use std::cell::RefCell;

type Hook = Box<dyn FnMut(&mut Choices)>;

thread_local! {
    static RUNNING: RefCell<Option<(Choices, Hook)>> = const { RefCell::new(None) };
}

/// The choices of one run: those of the previous run, up to the last one that had an alternative.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// The choices made, each with the number of its options.
    path: Vec<(usize, usize)>,
    passed: usize,
}

impl Choices {
    /// Chooses a number below `options`, which must not be 0.
    pub(crate) fn choose(&mut self, options: usize) -> usize {
        if self.passed == self.path.len() {
            self.path.push((0, options));
        }
        let (chosen, among) = self.path[self.passed];
        assert_eq!(among, options, "a run depends on nothing but its choices");
        self.passed += 1;
        chosen
    }

    /// Advances to the next run. Returns whether there is one.
    fn advance(&mut self) -> bool {
        self.passed = 0;
        while let Some((chosen, among)) = self.path.pop() {
            if chosen + 1 < among {
                self.path.push((chosen + 1, among));
                return true;
            }
        }
        false
    }
}

/// Lets the script of the run execute some of its steps.
pub(crate) fn point() {
    // Take the hook out meanwhile, because the script's own steps pass points too.
    let running = RUNNING.with(|it| it.borrow_mut().take());
    if let Some((mut choices, mut hook)) = running {
        hook(&mut choices);
        RUNNING.with(|it| *it.borrow_mut() = Some((choices, hook)));
    }
}

/// Runs `code`, and `script` at every point that it passes.
pub(crate) fn interleave<T>(
    choices: &mut Choices,
    script: impl FnMut(&mut Choices) + 'static,
    code: impl FnOnce() -> T,
) -> T {
    let running = (std::mem::take(choices), Box::new(script) as Hook);
    RUNNING.with(|it| *it.borrow_mut() = Some(running));
    let done = code();
    let running = RUNNING.with(|it| it.borrow_mut().take());
    *choices = running.expect("points put back what they take").0;
    done
}

/// Runs `run` once for every sequence of choices. Returns the number of runs.
pub(crate) fn explore(mut run: impl FnMut(&mut Choices)) -> usize {
    let mut choices = Choices::default();
    let mut runs = 0;
    loop {
        run(&mut choices);
        runs += 1;
        if !choices.advance() {
            return runs;
        }
    }
}

#[test]
fn every_sequence_of_choices_is_taken_once() {
    let mut seen = std::collections::BTreeSet::new();
    let runs = explore(|choices| {
        let first = choices.choose(3);
        let second = if first == 1 { choices.choose(2) } else { 9 };
        seen.insert((first, second));
    });
    assert_eq!(runs, 4);
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [(0, 9), (1, 0), (1, 1), (2, 9)]
    );
}
