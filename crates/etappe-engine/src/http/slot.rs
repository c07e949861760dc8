//! Limits how many connections readers may use.

use std::sync::{Arc, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::credentials::Role;
use crate::exception::{Exception, code};

/// A connection's slot among those of its role. Readers have a limited share, so that they cannot
/// use up all connections.
pub(crate) struct ConnectionSlot {
    readers: Arc<Semaphore>,
    taken: OnceLock<OwnedSemaphorePermit>,
}

impl ConnectionSlot {
    /// Returns the slot of a connection that has not logged in; `readers` has those of readers.
    pub(crate) fn of(readers: &Arc<Semaphore>) -> Self {
        Self {
            readers: Arc::clone(readers),
            taken: OnceLock::new(),
        }
    }

    /// Takes a slot for the role, for as long as the connection lasts.
    pub(crate) fn take(&self, role: Role) -> Result<(), Exception> {
        if role == Role::Writer || self.taken.get().is_some() {
            return Ok(());
        }
        let permit = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| {
            let text = "Too many connections of readers. (TOO_MANY_SIMULTANEOUS_QUERIES)";
            Exception::new(code::TOO_MANY_SIMULTANEOUS_QUERIES, text)
        })?;
        // A connection handles one request at a time, so no other has set it.
        drop(self.taken.set(permit));
        Ok(())
    }
}
