//! Gets memory for a full batch while other batches hold it.

use crate::batch::Batch;
use crate::in_flight::InFlight;

/// Whether a full batch got more memory.
pub(super) enum Room {
    /// It got more at once.
    Made,
    /// It got more after the previous batch was stored; until then others held all the memory.
    MadeAfterWaiting,
    /// It got none and must be sent as it is.
    None,
}

/// Gets more memory for a full batch. While the previous batch is being stored, this one cannot be
/// sent anyway, so it waits for the memory that the previous one frees.
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
