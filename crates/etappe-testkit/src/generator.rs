//! Generates a web shop's tracking events, with the expected totals.
//!
//! [`Journeys`] are made from a seed: the same seed gives the same messages, byte for byte. Bodies
//! are in the native format and about 0.7 KB, like real ones. Nobody changes ids on the way, so the
//! totals hold whether or not ids are merged.

mod message;

use std::collections::{BTreeMap, BTreeSet};

use etappe_core::id::SiteId;
use etappe_core::money::Amount;
use etappe_core::time::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

pub use message::{Message, encode_record, encode_record_as};

/// The journeys to generate.
#[derive(Debug, Clone)]
pub struct JourneyPlan {
    /// The seed for all random decisions.
    pub seed: u64,
    /// The number of people.
    pub actors: u32,
    /// When the first event happens.
    pub start: Timestamp,
    /// The number of hours over which people arrive.
    pub hours: u32,
}

impl Default for JourneyPlan {
    /// A hundred people within a day, on 1 March 2024.
    fn default() -> Self {
        Self {
            seed: 1,
            actors: 100,
            start: Timestamp::from_millis(1_709_251_200_000),
            hours: 24,
        }
    }
}

/// The expected totals, counted during generation without any code of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JourneyTotals {
    /// All events.
    pub events: usize,
    /// People with at least one event.
    pub visitors: usize,
    /// Events by name.
    pub events_by_name: BTreeMap<String, usize>,
    /// People by name of an event that they had.
    pub actors_by_name: BTreeMap<String, usize>,
    /// Orders.
    pub orders: usize,
    /// People with at least one order.
    pub customers: usize,
    /// People with at least two orders.
    pub repeat_customers: usize,
    /// The orders' revenue in euros.
    pub revenue: Amount,
    /// People who were invited by one of the others.
    pub invited: usize,
}

/// Messages ordered by time, and their totals.
#[derive(Debug, Clone)]
pub struct Journeys {
    /// The messages, ready for `POST /v1/batch`.
    pub messages: Vec<Value>,
    /// The expected totals.
    pub totals: JourneyTotals,
}

impl Journeys {
    /// Generates journeys.
    #[must_use]
    pub fn generate(plan: &JourneyPlan) -> Self {
        let mut random = StdRng::seed_from_u64(plan.seed);
        let mut messages = Vec::new();
        let mut tally = Tally::default();
        for number in 0..plan.actors {
            let mut actor = Actor::new(plan, number, &mut random);
            actor.walk(&mut random);
            tally.add(&actor);
            messages.append(&mut actor.messages);
        }
        messages.sort_by(|left, right| left.order().cmp(&right.order()));
        Self {
            totals: tally.into_totals(),
            messages: messages.iter().map(Message::to_json).collect(),
        }
    }

    /// Returns every message as its log record for `site`, received at its own time.
    #[must_use]
    pub fn to_records(&self, site: &SiteId) -> Vec<Vec<u8>> {
        let encode = |message| encode_record(site, message);
        self.messages.iter().map(encode).collect()
    }
}

/// A person on the way through the shop.
struct Actor {
    seed: u64,
    number: u32,
    user: Option<u32>,
    now: Timestamp,
    campaign: Option<&'static str>,
    user_agent: &'static str,
    inviter: Option<u32>,
    messages: Vec<Message>,
    orders: Vec<i64>,
}

const CAMPAIGNS: [Option<&str>; 4] = [None, Some("email"), Some("cpc"), Some("social")];

const USER_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
];

impl Actor {
    fn new(plan: &JourneyPlan, number: u32, random: &mut StdRng) -> Self {
        let arrival = i64::from(random.random_range(0..plan.hours.max(1) * 3_600)) * 1_000;
        let is_known = random.random_bool(0.4);
        let is_invited = number > 0 && random.random_bool(0.1);
        Self {
            seed: plan.seed,
            number,
            user: is_known.then_some(number),
            now: Timestamp::from_millis(plan.start.as_millis() + arrival),
            campaign: CAMPAIGNS.choose(random).copied().flatten(),
            user_agent: USER_AGENTS.choose(random).copied().unwrap_or_default(),
            inviter: is_invited.then(|| random.random_range(0..number)),
            messages: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// Walks a random number of steps; each step happens only after the previous one.
    fn walk(&mut self, random: &mut StdRng) {
        for _ in 0..random.random_range(1..5) {
            self.send(random, "page", Value::Null);
        }
        if random.random_bool(0.3) || self.inviter.is_some() {
            let inviter = self.inviter.map(|number| actor_name(self.seed, number));
            self.send(
                random,
                "Signed Up",
                serde_json::json!({"type": "organic", "inviter_id": inviter}),
            );
        }
        for _ in 0..2 {
            self.shop(random);
        }
        if random.random_bool(0.15) {
            let code = format!("FRIEND-{}", self.number);
            self.send(
                random,
                "Invite Sent",
                serde_json::json!({"referral_code": code}),
            );
        }
    }

    fn shop(&mut self, random: &mut StdRng) {
        for (name, chance) in [
            ("Product Viewed", 0.6),
            ("Product Added", 0.5),
            ("Checkout Started", 0.7),
        ] {
            if !random.random_bool(chance) {
                return;
            }
            let product = random.random_range(1..500);
            self.send(
                random,
                name,
                serde_json::json!({"product_id": format!("sku-{product}"), "quantity": 1}),
            );
        }
        if !random.random_bool(0.7) {
            return;
        }
        let cents = random.random_range(500..25_000_i64);
        self.orders.push(cents);
        let order = format!("o-{}-{}-{}", self.seed, self.number, self.orders.len());
        let amount = Amount::from_scaled(i128::from(cents) * 100).to_string();
        let revenue: serde_json::Number = amount.parse().expect("an amount is a JSON number");
        self.send(
            random,
            "Order Completed",
            serde_json::json!({"order_id": order, "revenue": revenue, "currency": "EUR"}),
        );
    }

    fn send(&mut self, random: &mut StdRng, name: &'static str, properties: Value) {
        let pause = random.random_range(1_000..120_000_i64);
        self.now = Timestamp::from_millis(self.now.as_millis() + pause);
        let anonymous_id = actor_name(self.seed, self.number);
        self.messages.push(Message {
            name,
            message_id: format!("m-{anonymous_id}-{}", self.messages.len()),
            user_id: self.user.map(|number| format!("u-{}-{number}", self.seed)),
            anonymous_id,
            at: self.now,
            properties,
            campaign: self.campaign,
            user_agent: self.user_agent,
            page: random.random_range(1..40),
        });
    }
}

fn actor_name(seed: u64, number: u32) -> String {
    format!("a-{seed}-{number}")
}

/// Counts while people walk.
#[derive(Default)]
struct Tally {
    totals: JourneyTotals,
    cents: i64,
}

impl Tally {
    fn add(&mut self, actor: &Actor) {
        let totals = &mut self.totals;
        totals.visitors += 1;
        totals.events += actor.messages.len();
        totals.orders += actor.orders.len();
        totals.customers += usize::from(!actor.orders.is_empty());
        totals.repeat_customers += usize::from(actor.orders.len() > 1);
        totals.invited += usize::from(actor.inviter.is_some());
        self.cents += actor.orders.iter().sum::<i64>();
        let mut names = BTreeSet::new();
        for message in &actor.messages {
            *totals
                .events_by_name
                .entry(message.name.to_owned())
                .or_default() += 1;
            names.insert(message.name);
        }
        for name in names {
            *totals.actors_by_name.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn into_totals(mut self) -> JourneyTotals {
        self.totals.revenue = Amount::from_scaled(i128::from(self.cents) * 100);
        self.totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_journeys_and_another_seed_differs() {
        let plan = JourneyPlan::default();
        let (first, second) = (Journeys::generate(&plan), Journeys::generate(&plan));
        assert_eq!(first.messages, second.messages);
        assert_eq!(first.totals, second.totals);
        let other = Journeys::generate(&JourneyPlan { seed: 2, ..plan });
        assert_ne!(first.messages, other.messages);
    }

    #[test]
    fn the_totals_match_the_messages() {
        let journeys = Journeys::generate(&JourneyPlan::default());
        let orders: Vec<&Value> = journeys
            .messages
            .iter()
            .filter(|message| message["event"] == "Order Completed")
            .collect();
        let revenue: i128 = orders
            .iter()
            .filter_map(|order| Amount::parse(&order["properties"]["revenue"].to_string()))
            .map(Amount::as_scaled)
            .sum();
        assert_eq!(journeys.messages.len(), journeys.totals.events);
        assert_eq!(orders.len(), journeys.totals.orders);
        assert_eq!(Amount::from_scaled(revenue), journeys.totals.revenue);
        assert!(
            journeys.totals.repeat_customers > 0,
            "{:?}",
            journeys.totals
        );
    }

    #[test]
    fn bodies_have_realistic_sizes_and_become_records() {
        let journeys = Journeys::generate(&JourneyPlan::default());
        let bytes: usize = journeys
            .messages
            .iter()
            .map(|message| message.to_string().len())
            .sum();
        let mean = bytes / journeys.messages.len();
        assert!((600..850).contains(&mean), "{mean} bytes");
        let site = SiteId::try_new("demo").expect("a good name");
        for record in journeys.to_records(&site) {
            let event = etappe_wire::record::decode(&record).expect("a record");
            assert!(event.kind.is_event() && event.anonymous_id.is_some());
        }
    }
}
