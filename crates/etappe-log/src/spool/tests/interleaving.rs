//! Explores every order in which delivery reports and new calls can arrive between the task's
//! looks.
//!
//! The client's thread reports one record after another, publishers hand over calls, and the task
//! looks. The explorer inserts steps of the first two between any two accesses of the task to their
//! shared state.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use etappe_core::time::Timestamp;
use parking_lot::Mutex;
use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::interleaving::explorer::{Choices, explore, interleave};
use crate::interleaving::point;
use crate::kafka::delivery::{Deliveries, DeliveryStatus, Outcome};
use crate::spool::calls::Calls;
use crate::spool::decision::{Signs, SpoolReason, reason_to_spool};
use crate::spool::spooler::PendingSend;

/// Longer than any run.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(1_000);

/// The state shared by the threads: the calls, and the client's reports.
#[derive(Default)]
struct Shared {
    calls: Mutex<Calls<Arc<PendingSend>>>,
    deliveries: Deliveries,
    pending_sends: RefCell<Vec<Arc<PendingSend>>>,
}

impl Shared {
    /// Returns whether the calls are locked, so that publishers would wait.
    fn is_locked(&self) -> bool {
        self.calls.is_locked()
    }

    /// Hands over a call of `records` records, and returns their tickets.
    fn hand_over(&self, records: usize) -> Vec<usize> {
        let mut calls = self.calls.lock();
        let at = i64::try_from(self.pending_sends.borrow().len()).unwrap();
        let key = calls.begin(Timestamp::from_millis(at));
        let handover = self.deliveries.begin(records);
        let tickets = (0..records).map(|place| handover.ticket(place)).collect();
        let pending = Arc::new(PendingSend {
            records: Vec::new(),
            delivery: handover.finish(),
            spooled: SetOnce::new(),
            since: Instant::now(),
        });
        calls.hand_over(key, Arc::clone(&pending));
        self.pending_sends.borrow_mut().push(pending);
        tickets
    }

    /// Looks at the calls as the task does, and decides.
    fn decide(&self) -> Option<SpoolReason> {
        point();
        let survey = self.calls.lock().look();
        let signs = Signs {
            has_failed: survey.has_failed,
            oldest_wait: survey.oldest_wait,
            ..Signs::default()
        };
        reason_to_spool(signs, DELIVERY_TIMEOUT)
    }
}

/// The remaining work of the other threads.
struct Script {
    shared: Rc<Shared>,
    /// The number of records of each call still to be handed over.
    calls: Vec<usize>,
    /// The reports still to come from the client, in order.
    tickets: Vec<usize>,
    outcomes: Vec<Outcome>,
}

impl Script {
    fn begin(shared: &Rc<Shared>, calls: &[usize], outcomes: &[Outcome]) -> Self {
        let mut script = Self {
            shared: Rc::clone(shared),
            calls: calls.iter().rev().copied().collect(),
            tickets: Vec::new(),
            outcomes: outcomes.iter().rev().copied().collect(),
        };
        script.hand_over();
        script
    }

    /// Returns the steps that are possible now.
    fn steps(&self) -> Vec<fn(&mut Self)> {
        let mut steps: Vec<fn(&mut Self)> = Vec::new();
        if !self.tickets.is_empty() {
            steps.push(Self::report);
        }
        if !self.calls.is_empty() && !self.shared.is_locked() {
            steps.push(Self::hand_over);
        }
        steps
    }

    fn hand_over(&mut self) {
        let records = self.calls.pop().expect("a call is left");
        let tickets = self.shared.hand_over(records);
        self.tickets.splice(0..0, tickets.into_iter().rev());
    }

    fn report(&mut self) {
        let ticket = self.tickets.pop().expect("a ticket is left");
        let outcome = self.outcomes.pop().expect("there is one for every record");
        self.shared.deliveries.report(ticket, outcome);
    }

    /// Executes any number of the possible steps, or none.
    fn act(&mut self, choices: &mut Choices) {
        loop {
            let steps = self.steps();
            match choices.choose(steps.len() + 1) {
                0 => return,
                chosen => steps[chosen - 1](self),
            }
        }
    }

    fn do_all_the_rest(&mut self) {
        while let Some(step) = self.steps().first() {
            step(self);
        }
    }
}

/// Lets the task look twice while the other threads work, and once when they are done. Returns the
/// three decisions and the number of calls still registered at the end.
fn run(
    choices: &mut Choices,
    calls: &[usize],
    outcomes: &[Outcome],
) -> ([Option<SpoolReason>; 3], usize) {
    let shared = Rc::new(Shared::default());
    let script = Rc::new(RefCell::new(Script::begin(&shared, calls, outcomes)));
    let (acting, deciding) = (Rc::clone(&script), Rc::clone(&shared));
    let (first, second) = interleave(
        choices,
        move |choices| acting.borrow_mut().act(choices),
        || (deciding.decide(), deciding.decide()),
    );
    script.borrow_mut().do_all_the_rest();
    let last = shared.decide();
    let known = shared.calls.lock().pending_sends();
    let is_kept =
        |pending: &&Arc<PendingSend>| known.iter().any(|(_, it)| Arc::ptr_eq(it, pending));
    for pending in shared.pending_sends.borrow().iter() {
        let has_failed = pending.delivery.status() == DeliveryStatus::Failed;
        assert_eq!(is_kept(&pending), has_failed, "{pending:?}");
    }
    ([first, second, last], known.len())
}

#[test]
fn a_healthy_kafka_causes_no_spooling_in_any_interleaving() {
    let outcomes = [Outcome::Delivered, Outcome::TooLarge, Outcome::Delivered];
    let runs = explore(|choices| {
        let (decisions, known) = run(choices, &[2, 1], &outcomes);
        assert_eq!(decisions, [None; 3], "{choices:?}");
        assert_eq!(known, 0, "{choices:?}");
    });
    assert!(runs > 200, "{runs} ways are too few to mean anything");
}

#[test]
fn a_failed_call_is_reported_and_kept_in_any_interleaving() {
    let outcomes = [Outcome::Delivered, Outcome::Undelivered, Outcome::Delivered];
    let runs = explore(|choices| {
        let (decisions, known) = run(choices, &[2, 1], &outcomes);
        assert_eq!(decisions[2], Some(SpoolReason::Failed), "{choices:?}");
        assert_eq!(known, 1, "{choices:?}");
    });
    assert!(runs > 200, "{runs} ways are too few to mean anything");
}
