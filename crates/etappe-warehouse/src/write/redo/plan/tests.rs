//! Tests the plan of a redo against a model of the server, over random interleavings of writers
//! that die, freeze and wake up, lost answers, late inserts, kills, power failures and the passing
//! of months.
//!
//! The reference is one sentence: in the end every table has each row of the batch exactly once.
//!
//! Two interleavings are outside the promise, because only the server's token notes protect against
//! a late insert; a test shows that the model does fail there:
//! - a writer is frozen, or an insert is running, while the server's machine loses power: the note
//!   may be lost while the rows survive;
//! - a writer is frozen while other inserts push the note out of the server's window.

mod server;
mod writer;

use etappe_testkit::draw::{Draw, each_case};

use super::*;
use server::Server;
use writer::{Kind, Writer};

const CASES: u64 = 20_000;

/// Whether frozen writers may wake up outside the promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleepers {
    /// They do not wake up after a power failure, or after their tokens are forgotten.
    WithinThePromise,
    /// They may wake up at any time.
    Outside,
}

/// How often each event happened over all cases. A model in which they never happen proves nothing.
#[derive(Debug, Default)]
struct Seen {
    notes_without_rows: u64,
    known_again: u64,
    repairs: u64,
    late_inserts: u64,
}

struct World {
    server: Server,
    writers: Vec<Writer>,
    sleepers: Sleepers,
    /// How rarely inserts advance.
    slowness: u64,
}

impl World {
    fn new(draw: &mut Draw, sleepers: Sleepers) -> Self {
        Self {
            slowness: 1 + draw.below(8),
            server: Server::new(draw),
            writers: vec![Writer::new(Kind::Fresh)],
            sleepers,
        }
    }

    /// Performs one random event.
    fn happen(&mut self, draw: &mut Draw) {
        match draw.below(40) {
            0..=17 => self.step_a_writer(draw),
            18..=29 if draw.once_in(self.slowness) => self.server.advance(draw),
            30 => self.kill_the_server(draw),
            31 => self.fail_power(draw),
            32 => self.forget_tokens(),
            33 => self.server.sync(),
            34 => self.lose_an_answer(draw),
            35 if self.writers.len() < 4 => self.writers.push(Writer::new(Kind::Redo)),
            36 => self.with_a_writer(draw, |writer, _| *writer = Writer::new(Kind::Redo)),
            37 => self.with_a_writer(draw, |writer, _| writer.is_frozen = true),
            38 => self.with_a_writer(draw, |writer, _| writer.is_frozen = false),
            _ => {}
        }
    }

    fn with_a_writer(&mut self, draw: &mut Draw, work: impl FnOnce(&mut Writer, &mut Server)) {
        let place = draw.place(self.writers.len());
        work(&mut self.writers[place], &mut self.server);
    }

    fn step_a_writer(&mut self, draw: &mut Draw) {
        self.with_a_writer(draw, |writer, server| {
            if !writer.is_frozen {
                writer.step(server);
            }
        });
    }

    /// The server's process dies. Its notes and parts are in the operating system's memory and
    /// survive. Running inserts are lost, and their waiting writers get an error.
    fn kill_the_server(&mut self, draw: &mut Draw) {
        let lost = self.server.kill(draw);
        self.tell(&lost);
    }

    fn tell(&mut self, lost: &[u64]) {
        for writer in &mut self.writers {
            if writer.awaits().is_some_and(|insert| lost.contains(&insert)) {
                writer.begin_again();
            }
        }
    }

    /// The server's machine loses power, so notes and parts that were not synced may be lost. Every
    /// writer that is awake gets a connection error.
    fn fail_power(&mut self, draw: &mut Draw) {
        let lost = self.server.kill(draw);
        self.tell(&lost);
        self.server.lose_unsynced(draw);
        self.end_what_is_under_way();
    }

    /// So many other inserts arrive that the server forgets all tokens of the batch.
    fn forget_tokens(&mut self) {
        self.server.forget_notes();
        self.end_what_is_under_way();
    }

    fn end_what_is_under_way(&mut self) {
        match self.sleepers {
            Sleepers::WithinThePromise => {
                self.server.drop_inserts();
                for writer in &mut self.writers {
                    *writer = Writer::new(Kind::Redo);
                }
            }
            Sleepers::Outside => {
                for writer in self.writers.iter_mut().filter(|writer| !writer.is_frozen) {
                    writer.begin_again();
                }
            }
        }
    }

    /// A writer times out; its insert continues.
    fn lose_an_answer(&mut self, draw: &mut Draw) {
        self.with_a_writer(draw, |writer, _| {
            if writer.awaits().is_some() {
                writer.begin_again();
            }
        });
    }

    /// Lets one last writer finish, then all remaining inserts.
    fn finish(&mut self, draw: &mut Draw) {
        let mut last = Writer::new(Kind::Redo);
        for _ in 0..10_000 {
            if last.is_done() {
                break;
            }
            last.step(&mut self.server);
            self.server.advance(draw);
        }
        assert!(last.is_done(), "the last writer is stuck");
        assert!(self.server.is_whole(), "done, but rows are missing");
        for writer in &mut self.writers {
            writer.is_frozen = false;
            for _ in 0..10_000 {
                if writer.is_done() {
                    break;
                }
                writer.step(&mut self.server);
                self.server.advance(draw);
            }
            assert!(writer.is_done(), "a writer that woke up is stuck");
        }
        self.server.land_everything(draw);
    }
}

fn run(draw: &mut Draw, sleepers: Sleepers) -> Server {
    let mut world = World::new(draw, sleepers);
    for _ in 0..draw.below(160) {
        world.happen(draw);
    }
    world.finish(draw);
    world.server
}

#[test]
fn every_table_ends_with_each_row_once() {
    let mut seen = Seen::default();
    let mut cases = 0;
    each_case(CASES, |draw| {
        let server = run(draw, Sleepers::WithinThePromise);
        server.check_exactly_once();
        seen.notes_without_rows += u64::from(server.seen.notes_without_rows > 0);
        seen.known_again += u64::from(server.seen.known_again > 0);
        seen.repairs += u64::from(server.seen.repairs > 0);
        seen.late_inserts += u64::from(server.seen.late_inserts > 0);
        cases += 1;
    });
    if cases == CASES {
        for count in [
            seen.notes_without_rows,
            seen.known_again,
            seen.repairs,
            seen.late_inserts,
        ] {
            assert!(count > CASES / 50, "hardly ever: {seen:?}");
        }
    }
}

#[test]
fn a_writer_frozen_through_a_power_failure_or_past_the_window_may_store_rows_twice() {
    let doubled = (0..CASES)
        .filter(|seed| run(&mut Draw::new(*seed), Sleepers::Outside).is_doubled())
        .count();
    assert!(doubled > 0, "the promise could be wider");
}

#[test]
fn rows_lost_by_repeated_kills_are_stored_in_the_end() {
    let missing = [Missing {
        table: Table::Events,
        offsets: vec![Offset(1)],
        is_partial: false,
    }];
    let mut plan = RepairPlan::default();
    let mut tokens = Vec::new();
    loop {
        match plan.next(&missing, 2) {
            Step::CheckRunning => plan.confirm_nothing_running(),
            Step::Store { attempt } => tokens.push(token("t", "events", attempt)),
            Step::GiveUp => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(tokens[..3], ["t", "t:events:1", "t:events:2"]);
    assert_eq!(tokens.len(), 9);
}
