//! Answers to questions about journeys and stored messages.
//!
//! May use [`crate::schema`], never [`crate::write`]. Start at `store`, the port through which
//! `etappe-insights` reads.

mod actor;
mod audit;
mod candidate;
mod kpi;
mod ledger;
mod name;
mod referral;
mod sales;
mod score;
mod stage;
mod store;
mod stored_message;
mod unit;
mod unmapped;
mod view_rows;

use etappe_core::event::KeyScope;

use crate::error::WarehouseError;

pub use stored_message::StoredMessage;

/// Returns the scope of a key by its number in the columns `scope`.
fn key_scope(number: u64) -> Result<KeyScope, WarehouseError> {
    match number {
        1 => Ok(KeyScope::Browser),
        2 => Ok(KeyScope::Server),
        3 => Ok(KeyScope::Pixel),
        other => Err(WarehouseError::UnexpectedAnswer(format!(
            "a row has the key scope `{other}`"
        ))),
    }
}
