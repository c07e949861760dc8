//! Room in a batch that is full, while others have the memory that it needs.

use crate::batch::Batch;
use crate::in_flight::InFlight;

/// Whether a batch that is full got room for more.
pub(super) enum Room {
    /// It did.
    Made,
    /// It did once the batch before it was stored: until then others had all memory.
    MadeAfterWaiting,
    /// It is to go off as it is.
    None,
}

/// Makes room in a batch that is full. While the batch before it is being stored, it cannot go off
/// anyway, and waits for the memory that this one gives back.
pub(super) async fn make_room(batch: &mut Batch, before: Option<&InFlight>) -> Room {
    if batch.is_at_limit() {
        return Room::None;
    }
    if batch.grow() {
        return Room::Made;
    }
    let Some(before) = before.filter(|before| !before.is_done()) else {
        return Room::None;
    };
    before.ended().await;
    if batch.grow() {
        Room::MadeAfterWaiting
    } else {
        Room::None
    }
}
