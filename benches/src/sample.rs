//! Sample events: a shop's tracking events of about 0.7 KB each, in the Segment format.
//!
//! Deterministic: the same number gives the same event. Two parts of the text are slots,
//! [`MESSAGE_SLOT`] and [`ACTOR_SLOT`], so that one text serves for many different messages and
//! people. Both consist of bytes that occur nowhere else in the text.

use etappe_core::time::Timestamp;

/// The placeholder for the 16 hexadecimal digits that make a message's id unique.
pub const MESSAGE_SLOT: [u8; 16] =
    *b"\x01\x02\x03\x04\x05\x06\x07\x0e\x0f\x10\x11\x12\x13\x14\x15\x16";
/// The placeholder for the 8 hexadecimal digits that distinguish actors.
pub const ACTOR_SLOT: [u8; 8] = *b"\x17\x18\x19\x1a\x1b\x1c\x1d\x1e";

/// The maximum number of different actors in the samples for one [`ACTOR_SLOT`] value.
pub const ACTORS: u64 = 400;

const USER_AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
];
const CAMPAIGNS: [(&str, &str, &str); 4] = [
    ("google", "cpc", "voorjaar-tuinmeubelen"),
    ("nieuwsbrief", "email", "week-21"),
    ("instagram", "social", "zomerterras"),
    ("partner", "affiliate", "tuinblog"),
];
const PRODUCTS: [(&str, &str, &str); 6] = [
    ("Teak garden bench", "benches", "289.00"),
    ("Watering can 10 l", "tools", "24.95"),
    ("Olive tree in pot", "plants", "74.50"),
    ("Folding parasol", "shade", "129.00"),
    ("Fire bowl corten steel", "fire", "199.95"),
    ("Bird house oak", "animals", "34.75"),
];

/// One sample event with open slots.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `track` or `page`.
    pub kind: &'static str,
    /// The event's name, or the page's name for a page.
    pub name: &'static str,
    /// The message's id.
    pub message_id: String,
    /// The device's id.
    pub anonymous_id: String,
    /// The known person's id, for some of the actors.
    pub user_id: Option<String>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The properties, a JSON object.
    pub properties: String,
    /// The context, a JSON object.
    pub context: String,
}

impl Sample {
    /// Makes the sample with this number; it happened some seconds before `now`.
    #[must_use]
    pub fn new(number: u64, now: Timestamp) -> Self {
        let mut dice = Dice(number);
        let actor = dice.below(ACTORS);
        let product = dice.below(PRODUCTS.len() as u64);
        let (kind, name) = kind_and_name(&mut dice);
        let age = i64::try_from(dice.below(10_000)).unwrap_or(0);
        Self {
            kind,
            name,
            message_id: format!("ajs-next-{}-{}", slot(&MESSAGE_SLOT), dice.hex(12)),
            anonymous_id: format!("{}-{}", slot(&ACTOR_SLOT), Dice(actor).uuid_tail()),
            user_id: actor
                .is_multiple_of(3)
                .then(|| format!("customer-{}-{actor}", slot(&ACTOR_SLOT))),
            occurred_at: Timestamp::from_millis(now.as_millis() - age),
            properties: properties(name, product, number, &mut dice),
            context: context(product, &mut dice),
        }
    }

    /// Returns the message as JSON; `sent_at` is added to a message that is sent alone.
    #[must_use]
    pub fn to_json(&self, sent_at: Option<Timestamp>) -> String {
        let name_field = if self.kind == "page" { "name" } else { "event" };
        let mut text = format!(
            r#"{{"type":"{}","messageId":"{}","anonymousId":"{}","{name_field}":"{}","timestamp":"{}","#,
            self.kind, self.message_id, self.anonymous_id, self.name, self.occurred_at,
        );
        if let Some(user_id) = &self.user_id {
            text += &format!(r#""userId":"{user_id}","#);
        }
        if let Some(sent_at) = sent_at {
            text += &format!(r#""sentAt":"{sent_at}","#);
        }
        text += &format!(
            r#""properties":{},"context":{}}}"#,
            self.properties, self.context
        );
        text
    }
}

fn slot(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the slots are ASCII")
}

/// Chooses an event, with frequencies roughly as in a shop.
fn kind_and_name(dice: &mut Dice) -> (&'static str, &'static str) {
    match dice.below(100) {
        0..30 => ("page", "Product"),
        30..58 => ("track", "Product Viewed"),
        58..68 => ("track", "Products Searched"),
        68..78 => ("track", "Product List Viewed"),
        78..86 => ("track", "Product Added"),
        86..90 => ("track", "Cart Viewed"),
        90..94 => ("track", "Checkout Started"),
        94..97 => ("track", "Order Completed"),
        97 => ("track", "Signed Up"),
        98 => ("track", "Product Shared"),
        _ => ("track", "Support Chat Opened"),
    }
}

fn properties(name: &str, product: u64, number: u64, dice: &mut Dice) -> String {
    let (title, category, price) = pick(&PRODUCTS, product);
    let quantity = 1 + dice.below(3);
    match name {
        "Product" => format!(
            r#"{{"path":"/p/{product}","title":"{title}","url":"https://shop.example/p/{product}"}}"#
        ),
        // The order's id contains the message slot, so every order is different.
        "Order Completed" => format!(
            r#"{{"order_id":"o-{}-{number}","revenue":{price},"shipping":4.95,"tax":12.30,"currency":"EUR","coupon":"TERRAS","products":[{{"product_id":"p-{product}","name":"{title}","category":"{category}","price":{price},"quantity":{quantity}}}]}}"#,
            slot(&MESSAGE_SLOT)
        ),
        "Products Searched" => format!(
            r#"{{"query":"{title}","results":{},"sort":"price"}}"#,
            dice.below(40)
        ),
        _ => format!(
            r#"{{"product_id":"p-{product}","sku":"SKU-{product:05}","category":"{category}","name":"{title}","brand":"Groen","variant":"natural","price":{price},"quantity":{quantity},"currency":"EUR","position":{}}}"#,
            dice.below(24)
        ),
    }
}

fn context(product: u64, dice: &mut Dice) -> String {
    let agent = pick(&USER_AGENTS, dice.below(4));
    let campaign = if dice.below(3) == 0 {
        let (source, medium, name) = pick(&CAMPAIGNS, dice.below(4));
        format!(r#""campaign":{{"source":"{source}","medium":"{medium}","name":"{name}"}},"#)
    } else {
        String::new()
    };
    format!(
        r#"{{"library":{{"name":"analytics.js","version":"next-1.81.0"}},{campaign}"page":{{"path":"/p/{product}","referrer":"https://www.google.com/","title":"Product {product} | Shop","url":"https://shop.example/p/{product}?sid={}"}},"userAgent":"{agent}","locale":"nl-NL","timezone":"Europe/Amsterdam","ip":"192.0.2.{}"}}"#,
        dice.hex(16),
        dice.below(250)
    )
}

fn pick<T: Copy, const N: usize>(choices: &[T; N], index: u64) -> T {
    choices[usize::try_from(index).unwrap_or(0) % N]
}

/// A small deterministic random number generator (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Returns text that does not compress, like the ids in real messages.
    fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from(b"0123456789abcdef"[self.index(16)]))
            .collect()
    }

    fn uuid_tail(&mut self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.hex(4),
            self.hex(4),
            self.hex(4),
            self.hex(12)
        )
    }

    fn index(&mut self, bound: u64) -> usize {
        usize::try_from(self.below(bound)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        text.replace(slot(&MESSAGE_SLOT), "0123456789abcdef")
            .replace(slot(&ACTOR_SLOT), "00000001")
    }

    #[test]
    fn samples_are_json_of_about_seven_hundred_bytes() {
        let now = Timestamp::from_millis(1_750_000_000_000);
        let mut total = 0;
        for number in 0..1_000 {
            let text = filled(&Sample::new(number, now).to_json(None));
            let message: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(message["anonymousId"].is_string() && message["properties"].is_object());
            total += text.len();
        }
        assert!(
            (650..800).contains(&(total / 1_000)),
            "{} bytes",
            total / 1_000
        );
    }

    #[test]
    fn message_ids_differ_between_samples() {
        let now = Timestamp::EPOCH;
        let ids: std::collections::HashSet<_> = (0..5_000)
            .map(|number| Sample::new(number, now).message_id)
            .collect();
        assert_eq!(ids.len(), 5_000);
    }

    #[test]
    fn the_same_number_gives_the_same_sample() {
        let now = Timestamp::EPOCH;
        assert_eq!(
            Sample::new(7, now).to_json(None),
            Sample::new(7, now).to_json(None)
        );
        assert_ne!(
            Sample::new(7, now).to_json(None),
            Sample::new(8, now).to_json(None)
        );
    }
}
