//! Cancels queries whose client is gone.
//!
//! The library cannot cancel a call that has not returned, so a running query is killed from
//! another session. The query is identified by the first word of its `log_comment`, which no client
//! can set. The query may not have started when the kill is sent, so the kill is repeated until the
//! query has ended.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::engine::Engine;
use crate::exception::{Exception, code};
use crate::ffi::Connection;

const REPEAT: Duration = Duration::from_millis(100);

/// The cancellation state of one running query.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: u64,
    is_cancelled: AtomicBool,
    is_finished: AtomicBool,
}

impl Ticket {
    /// Returns a ticket with a unique number.
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

    /// Returns the `log_comment` that identifies the query, followed by the client's own.
    pub(crate) fn log_comment(&self, of_client: &str) -> String {
        self.name() + of_client
    }

    /// Fails if the query was cancelled.
    pub(crate) fn check(&self) -> Result<(), Exception> {
        if self.is_cancelled.load(Ordering::Acquire) {
            let text = "the client is gone. (QUERY_WAS_CANCELLED)";
            return Err(Exception::new(code::QUERY_WAS_CANCELLED, text));
        }
        Ok(())
    }

    /// Marks the query as ended, so that it is no longer killed.
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

/// Kills queries on its own thread.
pub(crate) struct Canceller {
    orders: SyncSender<Arc<Ticket>>,
    thread: OnceLock<JoinHandle<()>>,
}

impl Canceller {
    /// Starts the thread. `capacity` is the largest number of running and waiting queries.
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

    /// Requests that the query be killed.
    pub(crate) fn cancel(&self, ticket: &Arc<Ticket>) {
        ticket.is_cancelled.store(true, Ordering::Release);
        // The channel has room for every query. Even if it were full, the query would stop when it
        // next checks the ticket.
        if self.orders.try_send(Arc::clone(ticket)).is_err() {
            tracing::warn!(query = ticket.number, "a query could not be killed");
        }
    }

    /// Stops the thread and waits for it.
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
