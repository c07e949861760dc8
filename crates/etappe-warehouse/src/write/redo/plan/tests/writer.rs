//! A writer of the batch, which may stop between any two of its requests.

use std::collections::VecDeque;

use super::server::{BATCH, Server};
use super::*;

/// What a writer knows about the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It cannot have been stored before, so it is inserted without checking.
    Fresh,
    /// It may have been stored before.
    Redo,
}

#[derive(Debug)]
enum Phase {
    /// Has sent nothing yet.
    InsertFresh,
    /// Checks one table after the other; holds the results so far.
    Look {
        tables: VecDeque<Table>,
        missing: Vec<Missing>,
    },
    CheckRunning,
    InsertWhole,
    Store {
        attempt: u32,
        left: VecDeque<Missing>,
    },
    /// Waits for the answer to an insert; holds what to store after it.
    Await {
        insert: u64,
        attempt: u32,
        left: VecDeque<Missing>,
    },
    Done,
}

#[derive(Debug)]
pub(super) struct Writer {
    plan: RepairPlan,
    phase: Phase,
    pub(super) is_frozen: bool,
}

impl Writer {
    pub(super) fn new(kind: Kind) -> Self {
        let phase = match kind {
            Kind::Fresh => Phase::InsertFresh,
            Kind::Redo => look(),
        };
        Self {
            plan: RepairPlan::default(),
            phase,
            is_frozen: false,
        }
    }

    /// Starts the batch again from the beginning, as after any error.
    pub(super) fn begin_again(&mut self) {
        if !self.is_done() {
            self.plan = RepairPlan::default();
            self.phase = look();
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Returns the insert whose answer it waits for.
    pub(super) const fn awaits(&self) -> Option<u64> {
        match self.phase {
            Phase::Await { insert, .. } => Some(insert),
            _ => None,
        }
    }

    /// Sends the next request, or takes the answer to the last one.
    pub(super) fn step(&mut self, server: &mut Server) {
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        self.phase = match phase {
            Phase::InsertFresh | Phase::InsertWhole => Phase::Await {
                insert: server.insert_whole(),
                attempt: 0,
                left: VecDeque::new(),
            },
            Phase::Look {
                mut tables,
                mut missing,
            } => match tables.pop_front() {
                Some(table) => {
                    missing.extend(server.look(table));
                    Phase::Look { tables, missing }
                }
                None => self.decide(missing, server),
            },
            Phase::CheckRunning => {
                if server.is_running() {
                    self.plan = RepairPlan::default();
                } else {
                    self.plan.confirm_nothing_running();
                }
                look()
            }
            Phase::Store { attempt, mut left } => match left.pop_front() {
                Some(missing) => {
                    let token = token(BATCH, missing.table.name(), attempt);
                    let insert = server.insert_only(&missing, &token);
                    Phase::Await {
                        insert,
                        attempt,
                        left,
                    }
                }
                None => look(),
            },
            Phase::Await {
                insert,
                attempt,
                left,
            } if server.has_answered(insert) => Phase::Store { attempt, left },
            waiting @ (Phase::Await { .. } | Phase::Done) => waiting,
        };
    }

    fn decide(&mut self, missing: Vec<Missing>, server: &Server) -> Phase {
        match self.plan.next(&missing, server.expected()) {
            Step::Done => Phase::Done,
            Step::InsertWhole => Phase::InsertWhole,
            Step::CheckRunning => Phase::CheckRunning,
            Step::Store { attempt } => Phase::Store {
                attempt,
                left: missing.into(),
            },
            Step::GiveUp => {
                self.plan = RepairPlan::default();
                look()
            }
        }
    }
}

fn look() -> Phase {
    Phase::Look {
        tables: Server::tables().into(),
        missing: Vec::new(),
    }
}
