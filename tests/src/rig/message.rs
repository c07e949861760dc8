//! The messages of the rig's clients. Every message is derived from the seed, its client and its
//! number, so that the checker knows each one without storing it.

use serde_json::{Value, json};

/// The number of people per client.
pub const ACTORS: u64 = 20;
/// One in this many messages is an order.
const ORDERS: u64 = 5;
/// One in this many messages is poison.
const POISONS: u64 = 1_000;
/// The prefix of the content of messages that the database refuses while the proxy is told to.
pub const POISON: &str = "poison-";

/// A message's position among all messages of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessagePosition {
    /// The number of the client.
    pub client: u64,
    /// The number of the message among the client's messages.
    pub number: u64,
}

/// A message's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// The actor's id.
    pub actor: String,
    /// The event's name.
    pub event: &'static str,
    /// An order's revenue in cents.
    pub cents: Option<u64>,
    /// A text that is unique to the message.
    pub nonce: String,
    /// Whether the database may refuse it.
    pub is_poison: bool,
}

/// Maps `number` one-to-one onto all 64-bit numbers: the finalizer of SplitMix64
/// (<https://prng.di.unimi.it/splitmix64.c>).
const fn spread(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl MessagePosition {
    /// Returns the message at this position.
    #[must_use]
    pub fn message(self, seed: u64) -> Message {
        let Self { client, number } = self;
        let random = spread(seed ^ spread(client << 40 | number));
        let cents = random.is_multiple_of(ORDERS).then_some(1 + random % 99_999);
        let is_poison = spread(random).is_multiple_of(POISONS);
        let prefix = if is_poison { POISON } else { "" };
        Message {
            id: format!("{client}-{number}"),
            actor: format!("p-{client}-{}", number % ACTORS),
            event: if cents.is_some() {
                "Order Completed"
            } else {
                "Product Viewed"
            },
            cents,
            nonce: format!("{prefix}{random:016x}"),
            is_poison,
        }
    }

    /// Parses the position from a message id.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let (client, number) = id.split_once('-')?;
        let position = Self {
            client: client.parse().ok()?,
            number: number.parse().ok()?,
        };
        // Accept only the canonical form of the numbers.
        (format!("{}-{}", position.client, position.number) == id).then_some(position)
    }
}

impl Message {
    /// Returns the message as JSON for sending.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let mut properties = json!({ "nonce": self.nonce });
        if let Some(cents) = self.cents {
            properties["order_id"] = json!(format!("o-{}", self.id));
            properties["revenue"] = json!(format!("{}.{:02}", cents / 100, cents % 100));
            properties["currency"] = json!("EUR");
        }
        json!({
            "type": "track", "messageId": self.id, "userId": self.actor, "event": self.event,
            "properties": properties, "timestamp": "2024-03-01T00:00:00Z",
        })
    }
}
