//! Cancels queries whose client is gone.
//!
//! The library cannot cancel a call that has not returned, so a running query is killed from
//! another session. It is found by the first word of its `log_comment`, which no client can set.
//! A query may not have begun when the order comes, so the order is repeated until it has ended.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::Engine;
use crate::exception::{Exception, code};
use crate::ffi::Connection;

const REPEAT: Duration = Duration::from_millis(100);

/// One running query, as far as cancelling goes.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: u64,
    is_cancelled: AtomicBool,
    is_finished: AtomicBool,
}

impl Ticket {
    /// Returns a ticket with a number of its own.
    pub(crate) fn issue() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            is_cancelled: AtomicBool::new(false),
            is_finished: AtomicBool::new(false),
        })
    }

    fn name(&self) -> String {
        format!("etappe-query-{} ", self.number)
    }

    /// Returns the `log_comment` by which the query is found, with the client's own behind it.
    pub(crate) fn log_comment(&self, of_client: &str) -> String {
        self.name() + of_client
    }

    /// Fails when the query was cancelled.
    pub(crate) fn check(&self) -> Result<(), Exception> {
        if self.is_cancelled.load(Ordering::Acquire) {
            let text = "the client is gone. (QUERY_WAS_CANCELLED)";
            return Err(Exception::new(code::QUERY_WAS_CANCELLED, text));
        }
        Ok(())
    }

    /// Says that the query has ended and need not be killed any more.
    pub(crate) fn finish(&self) {
        self.is_finished.store(true, Ordering::Release);
    }

    fn is_finished(&self) -> bool {
        self.is_finished.load(Ordering::Acquire)
    }
}

/// Cancels the query when dropped, unless it has ended.
pub(crate) struct CancelOnDrop {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) canceller: Arc<Canceller>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.ticket.is_finished() {
            self.canceller.cancel(&self.ticket);
        }
    }
}

/// Kills queries, on a thread of its own.
pub(crate) struct Canceller {
    orders: SyncSender<Arc<Ticket>>,
    thread: OnceLock<JoinHandle<()>>,
}

impl Canceller {
    /// Starts the thread. `capacity` is the number of queries that can be under way.
    pub(crate) fn start(engine: Arc<Engine>, capacity: usize) -> std::io::Result<Self> {
        let (orders, received) = sync_channel(capacity);
        let thread = std::thread::Builder::new()
            .name("engine-cancel".to_owned())
            .spawn(move || kill_until_closed(&engine, &received))?;
        Ok(Self {
            orders,
            thread: OnceLock::from(thread),
        })
    }

    /// Has the query killed.
    pub(crate) fn cancel(&self, ticket: &Arc<Ticket>) {
        ticket.is_cancelled.store(true, Ordering::Release);
        // The channel holds an order for every query that can be under way; were it full all the
        // same, the query still stops at its next look at the ticket.
        if self.orders.try_send(Arc::clone(ticket)).is_err() {
            tracing::warn!(query = ticket.number, "a query could not be killed");
        }
    }

    /// Ends the thread and waits for it.
    pub(crate) fn stop(self) {
        let Self { orders, thread } = self;
        drop(orders);
        if thread
            .into_inner()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the thread that cancels queries has panicked");
        }
    }
}

fn kill_until_closed(engine: &Engine, received: &Receiver<Arc<Ticket>>) {
    let mut pending: Vec<Arc<Ticket>> = Vec::new();
    let mut connection: Option<Connection> = None;
    loop {
        if pending.is_empty() {
            connection = None;
            match received.recv() {
                Ok(ticket) => pending.push(ticket),
                Err(_) => return,
            }
        }
        pending.extend(received.try_iter());
        pending.retain(|ticket| !ticket.is_finished());
        if pending.is_empty() {
            continue;
        }
        if connection.is_none() {
            connection = engine.session().ok();
        }
        for ticket in &pending {
            if let Some(connection) = &mut connection {
                kill(connection, ticket);
            }
        }
        match received.recv_timeout(REPEAT) {
            Ok(ticket) => pending.push(ticket),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn kill(connection: &mut Connection, ticket: &Ticket) {
    let name = ticket.name();
    let statement =
        format!("KILL QUERY WHERE startsWith(Settings['log_comment'], '{name}') ASYNC FORMAT Null");
    if let Err(report) = connection.run(statement.as_bytes(), "Null", &[]) {
        tracing::warn!(query = ticket.number, error = %report, "a query could not be killed");
    }
}
